namespace CallServer.Wire

open System
open System.Globalization

/// A time as YANG writes it, and how exactly it is written.
[<Struct>]
type YangTime =
    {
        /// Since 1970, in UTC, in microseconds: the earliest that the text can mean.
        Micros: int64
        /// The unit of its last digit, in microseconds: 1,000,000 where there is no fraction. At least 1.
        Unit: int64
    }

/// Reads `date-and-time` (RFC 6991 section 3): RFC 3339 with `Z` or an offset, and any number of digits in the fraction of a second. A
/// truncated time is as long as its unit: a fraction of zero may have been left out.
module YangTime =
    [<Literal>]
    let private Format = "yyyy-MM-dd'T'HH:mm:ssK"

    /// More digits than microseconds have say nothing here.
    [<Literal>]
    let private MostDigits = 6

    [<Literal>]
    let private LongestText = 64

    let private unitOf (digits: int) : int64 = pown 10L (MostDigits - digits)

    let private isOffset (text: string) : bool =
        text = "Z" || text.Length = 6 && (text[0] = '+' || text[0] = '-') && text[3] = ':'

    /// ValueNone where it is no such time, and for 1970 itself, which stands for what has not happened.
    let tryParse (text: string) : YangTime voption =
        if text.Length < 20 || text.Length > LongestText then
            ValueNone
        else
            let seconds, rest = text.Substring(0, 19), text.Substring 19
            let isExact = rest[0] = '.'

            let digits =
                if isExact then
                    rest.Substring 1 |> Seq.takeWhile Char.IsAsciiDigit |> Seq.length
                else
                    0

            let offset = if isExact then rest.Substring(1 + digits) else rest
            let kept = min MostDigits digits

            match
                DateTimeOffset.TryParseExact(
                    seconds + offset,
                    Format,
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal
                )
            with
            | true, time when isOffset offset && (digits > 0 || not isExact) ->
                let whole = (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond

                let part =
                    if kept = 0 then
                        0L
                    else
                        Int64.Parse(rest.AsSpan(1, kept), provider = CultureInfo.InvariantCulture)
                        * unitOf kept

                let micros = whole + part

                if micros > 0L then
                    ValueSome { Micros = micros; Unit = unitOf kept }
                else
                    ValueNone
            | _ -> ValueNone
