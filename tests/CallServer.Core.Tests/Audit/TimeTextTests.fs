module CallServer.Tests.Audit.TimeTextTests

open System
open System.Globalization
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Protocols.Snmp
open CallServer.Tests

let private second = TimeSpan.FromSeconds 1.0

let private span (text: string) : (TimeSpan * TimeSpan) option =
    match TimeText.readSpan second text with
    | ValueSome told -> Some(told.Value, told.Resolution)
    | ValueNone -> None

let private hms days hours minutes seconds = TimeSpan(days, hours, minutes, seconds)

let ``spans are read in the forms that gateways use, as exactly as they were written`` =
    example (fun () ->
        let minute = TimeSpan.FromMinutes 1.0

        for text, expected, resolution in
            [ "0 days, 00:01:23", hms 0 0 1 23, second
              "00:01:23", hms 0 0 1 23, second
              "26:01:23", hms 0 26 1 23, second
              "1:02:03:04", hms 1 2 3 4, second
              "2 days, 03:04:05", hms 2 3 4 5, second
              "1 min 23 s", hms 0 0 1 23, second
              "0d 00h 02m 11s", hms 0 0 2 11, second
              "1d02h03m", hms 1 2 3 0, minute
              "1 week, 2 days and 3 hours", hms 9 3 0 0, TimeSpan.FromHours 1.0
              "5 Minutes", hms 0 0 5 0, minute
              "83", hms 0 0 1 23, second
              "83 seconds", hms 0 0 1 23, second
              "00:00:01.25", TimeSpan.FromMilliseconds 1250.0, TimeSpan.FromMilliseconds 10.0
              "1.5 s", TimeSpan.FromMilliseconds 1500.0, TimeSpan.FromMilliseconds 100.0
              "250 ms", TimeSpan.FromMilliseconds 250.0, TimeSpan.FromMilliseconds 1.0 ] do
            span text |> Check.because text (Check.equal (Some(expected, resolution))))

let ``a span that may be read in two ways, or not as a whole, tells nothing`` =
    example (fun () ->
        for text in
            [ ""
              " "
              "01:23"
              "1 month"
              "1 day 05:06"
              "1 h 00:02:03"
              "3 min 2 h"
              "2 min 2 min"
              "00:60:00"
              "1 day, 25:00:00"
              "-5 s"
              "5 s ago"
              "1,5 s"
              "n/a"
              "99999999999 s"
              "999999999 weeks"
              ", 5 s"
              "5 s," ] do
            span text |> Check.because text (Check.equal None))

let private ages =
    ArbMap.defaults
    |> ArbMap.generate<uint32>
    |> Gen.map (fun n -> int64 n % 3_000_000_000L)
    |> Arb.fromGen

let ``a span comes back from every form, cut off to its last figure`` =
    law (fun () ->
        Prop.forAll ages (fun milliseconds ->
            let age = TimeSpan.FromMilliseconds(float milliseconds)
            let whole = TimeSpan(age.Days, age.Hours, age.Minutes, age.Seconds)
            let clock = $"{age.Hours:D2}:{age.Minutes:D2}:{age.Seconds:D2}"

            [ $"{age.Days} days, {clock}", whole
              $"{age.Days}:{clock}", whole
              $"{int64 age.TotalHours}:{age.Minutes:D2}:{age.Seconds:D2}", whole
              $"{age.Days}d{age.Hours}h{age.Minutes}m{age.Seconds}s", whole
              $"{int64 age.TotalMinutes} min {age.Seconds} sec", whole
              $"{clock}.{age.Milliseconds:D3}", age - TimeSpan.FromDays(float age.Days)
              $"{age.Days} days {age.Hours} hours",
              TimeSpan.FromDays(float age.Days) + TimeSpan.FromHours(float age.Hours) ]
            |> List.forall (fun (text, expected) ->
                match TimeText.readSpan second text with
                | ValueSome told -> told.Value = expected
                | ValueNone -> false)))

let private date (text: string) =
    match TimeText.readDate text with
    | ValueSome told -> Some(told.Value.Local, ValueOption.toOption told.Value.Offset, told.Resolution)
    | ValueNone -> None

let private noon = DateTime(2026, 1, 31, 12, 34, 56)

let ``dates are read in the forms that gateways use`` =
    example (fun () ->
        let utc = Some TimeSpan.Zero

        for text, offset in
            [ "2026-01-31 12:34:56", None
              "2026-01-31T12:34:56Z", utc
              "2026/01/31 12:34:56 +01:00", Some(TimeSpan.FromHours 1.0)
              "2026-01-31 12:34:56 -0130", Some(TimeSpan.FromMinutes -90.0)
              "Sat Jan 31 12:34:56 2026", None
              "Sat Jan 31 12:34:56 UTC 2026", utc
              "12:34:56 GMT Sat Jan 31 2026", utc
              "31 January 2026, 12:34:56 PM", None
              "Jan 31, 2026 12:34:56", None ] do
            date text |> Check.because text (Check.equal (Some(noon, offset, second)))

        date "Jan 31, 2026 12:05:00 AM"
        |> Check.equal (Some(DateTime(2026, 1, 31, 0, 5, 0), (None: TimeSpan option), second))

        date "2026-01-31 12:34"
        |> Check.equal (
            Some(DateTime(2026, 1, 31, 12, 34, 0), (None: TimeSpan option), TimeSpan.FromMinutes 1.0)
        ))

let ``a date that may be another one, or no date, tells nothing`` =
    example (fun () ->
        for text in
            [ ""
              "01/02/2026 12:34:56"
              "12:34:56"
              "2026-01-31"
              "2026-02-30 12:34:56"
              "2026-13-01 12:34:56"
              "2026-01-31 24:00:00"
              "2026-01-31 13:00:00 PM"
              "2026-01-31 12:34:56 CET"
              "Sat Jan 31 Feb 12:34:56 2026"
              "Jan 31 12:34:56"
              "0000-01-31 12:34:56" ] do
            date text |> Check.because text (Check.equal None))

let private instants =
    ArbMap.defaults
    |> ArbMap.generate<uint32>
    |> Gen.map (fun n -> DateTime(1970, 1, 1).AddSeconds(float n))
    |> Arb.fromGen

let ``a date comes back from every form`` =
    law (fun () ->
        Prop.forAll instants (fun (at: DateTime) ->
            [ "yyyy-MM-dd HH:mm:ss"
              "yyyy/MM/dd HH:mm:ss"
              "ddd MMM d HH:mm:ss yyyy"
              "HH:mm:ss dddd dd MMMM yyyy"
              "MMM d, yyyy h:mm:ss tt" ]
            |> List.forall (fun form ->
                match TimeText.readDate (at.ToString(form, CultureInfo.InvariantCulture)) with
                | ValueSome told -> told.Value.Local = at && told.Value.Offset.IsNone
                | ValueNone -> false)))

let private words =
    [ "1"
      "23"
      "2026"
      "59"
      "999999999"
      "12345678901"
      ":"
      "."
      ","
      "-"
      "+"
      "/"
      " "
      "d"
      "day"
      "min"
      "s"
      "ms" ]
    @ [ "Jan"; "Sat"; "UTC"; "PM"; "T"; "and"; "week"; "\000"; "é" ]

let private texts = Gen.listOf (Gen.elements words) |> Gen.map (String.concat "") |> Arb.fromGen

let ``no text is too much: what is told is a sane time`` =
    law (fun () ->
        Prop.forAll texts (fun text ->
            let saneSpan =
                match TimeText.readSpan second text with
                | ValueSome told ->
                    told.Value >= TimeSpan.Zero
                    && told.Value < TimeSpan.FromDays 200_000.0
                    && told.Resolution > TimeSpan.Zero
                | ValueNone -> true

            let saneDate =
                match TimeText.readDate text with
                | ValueSome told -> told.Resolution > TimeSpan.Zero
                | ValueNone -> true

            saneSpan && saneDate))

let ``no octets are both a DateAndTime and a text`` =
    law (fun (octets: byte[]) ->
        let text = Encoding.ASCII.GetBytes "2026-01-31 12:34:56"
        (TimeEvidence.readClock octets |> ignore)
        (TimeEvidence.readClock text).IsSome)
