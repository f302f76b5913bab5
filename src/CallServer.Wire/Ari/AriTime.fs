namespace CallServer.Wire

open System
open System.Globalization

/// Reads the times of Asterisk's REST Interface: ISO 8601 with milliseconds and the offset of the zone in which Asterisk runs, such as
/// `2026-12-02T08:07:06.123+0545`.
module AriTime =
    // zzz takes an offset with a colon and without.
    [<Literal>]
    let private Format = "yyyy-MM-dd'T'HH:mm:ss.FFFFFFzzz"

    /// Microseconds since 1970 in UTC, whatever the zone; ValueNone where it is no such time.
    let tryParse (text: string) : int64 voption =
        match
            DateTimeOffset.TryParseExact(text, Format, CultureInfo.InvariantCulture, DateTimeStyles.None)
        with
        | true, time ->
            ValueSome((time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond)
        | _ -> ValueNone

    /// Seconds since 1970 with their microseconds after a point, such as `1790000000.123456`, in microseconds; ValueNone for anything else, and for
    /// 0, which stands for what has not happened.
    let trySeconds (text: string) : int64 voption =
        let read (digits: string) = Int64.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture)

        match text.Split('.', 3) with
        | [| seconds; micros |] when micros.Length = 6 && seconds.Length <= 11 ->
            match read seconds, read micros with
            | (true, seconds), (true, micros) when seconds > 0L -> ValueSome(seconds * 1_000_000L + micros)
            | _ -> ValueNone
        | _ -> ValueNone
