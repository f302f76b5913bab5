namespace CallServer.Protocols.Snmp

open System

/// What a time that was written as text says, and how exactly: it was cut off to a whole number of the last figure's units.
[<Struct>]
type Written<'T> = { Value: 'T; Resolution: TimeSpan }

/// A point on the gateway's own clock face.
[<Struct>]
type ClockFace =
    {
        Local: DateTime
        /// Local time minus UTC.
        Offset: TimeSpan voption
    }

/// Times that gateways write for people, in columns that a MIB calls DisplayString without saying more. Readers are total: what is
/// not understood as a whole, or may be read in two ways, tells nothing.
module TimeText =
    type private Token =
        /// Digits as they are written.
        | Figure of string
        /// Letters, in lower case.
        | Word of string
        | Mark of char

    /// Longer texts are no times.
    [<Literal>]
    let private MaxLength = 64

    let private tokens (text: string) : Token list voption =
        let rec read at acc =
            if at >= text.Length then
                ValueSome(List.rev acc)
            else
                let run isOne =
                    let mutable until = at

                    while until < text.Length && isOne text[until] do
                        until <- until + 1

                    struct (text.Substring(at, until - at), until)

                if Char.IsAsciiDigit text[at] then
                    let struct (digits, next) = run Char.IsAsciiDigit
                    // No time has a figure of ten digits; nine of them fit an int.
                    if digits.Length > 9 then ValueNone else read next (Figure digits :: acc)
                elif Char.IsAsciiLetter text[at] then
                    let struct (letters, next) = run Char.IsAsciiLetter
                    read next (Word(letters.ToLowerInvariant()) :: acc)
                elif text[at] = ' ' then
                    read (at + 1) acc
                else
                    read (at + 1) (Mark text[at] :: acc)

        if text.Length > MaxLength then ValueNone else read 0 []

    let private times (count: string) (unit: TimeSpan) = TimeSpan.FromTicks(int64 count * unit.Ticks)

    /// Digits after a point: a fraction of a second, and its last digit's worth.
    let private fraction (digits: string) : struct (TimeSpan * TimeSpan) =
        let known = digits.Substring(0, min 7 digits.Length)
        let unit = pown 10L (7 - known.Length)
        struct (TimeSpan.FromTicks(int64 known * unit), TimeSpan.FromTicks unit)

    let private week = TimeSpan.FromDays 7.0
    let private day = TimeSpan.FromDays 1.0
    let private hour = TimeSpan.FromHours 1.0
    let private minute = TimeSpan.FromMinutes 1.0
    let private second = TimeSpan.FromSeconds 1.0
    let private millisecond = TimeSpan.FromMilliseconds 1.0

    /// Months and years have no length of their own.
    let private unitOf (word: string) : TimeSpan voption =
        match word with
        | "w"
        | "wk"
        | "wks"
        | "week"
        | "weeks" -> ValueSome week
        | "d"
        | "day"
        | "days" -> ValueSome day
        | "h"
        | "hr"
        | "hrs"
        | "hour"
        | "hours" -> ValueSome hour
        | "m"
        | "min"
        | "mins"
        | "minute"
        | "minutes" -> ValueSome minute
        | "s"
        | "sec"
        | "secs"
        | "second"
        | "seconds" -> ValueSome second
        | "ms"
        | "msec"
        | "msecs"
        | "millisecond"
        | "milliseconds" -> ValueSome millisecond
        | _ -> ValueNone

    /// A hundred years; also keeps every sum far from overflow.
    let private longest = TimeSpan.FromDays 36500.0

    let private many (count: string) (unit: TimeSpan) : TimeSpan voption =
        let days = float count * unit.TotalDays
        if days <= longest.TotalDays then ValueSome(times count unit) else ValueNone

    /// H:MM:SS, D:HH:MM:SS, and after days HH:MM:SS. Two figures may be minutes and seconds or hours and minutes, and tell nothing.
    let private clockSpan (isAfterDays: bool) (rest: Token list) : Written<TimeSpan> voption =
        let whole (days: string) (hours: string) (minutes: string) (secs: string) isBounded tail =
            let small (text: string) limit = text.Length <= 2 && int text < limit

            match many days day, many hours hour with
            | ValueSome days, ValueSome hours when
                small minutes 60 && small secs 60 && (not isBounded || hours < day)
                ->
                let span = days + hours + times minutes minute + times secs second

                match tail with
                | [] -> ValueSome { Value = span; Resolution = second }
                | [ Mark '.'; Figure digits ] ->
                    let struct (more, unit) = fraction digits
                    ValueSome { Value = span + more; Resolution = unit }
                | _ -> ValueNone
            | _ -> ValueNone

        match rest with
        | Figure days :: Mark ':' :: Figure hours :: Mark ':' :: Figure minutes :: Mark ':' :: Figure secs :: tail when
            not isAfterDays
            ->
            whole days hours minutes secs true tail
        | Figure hours :: Mark ':' :: Figure minutes :: Mark ':' :: Figure secs :: tail ->
            whole "0" hours minutes secs isAfterDays tail
        | _ -> ValueNone

    let private isClock (rest: Token list) =
        match rest with
        | Figure _ :: Mark ':' :: _ -> true
        | _ -> false

    /// Figures with their units, each smaller than the one before.
    let rec private units (told: Written<TimeSpan>) (rest: Token list) : Written<TimeSpan> voption =
        let add (count: string) unit more =
            match many count unit with
            | ValueSome span when unit < told.Resolution && told.Value <= longest ->
                units { Value = told.Value + span; Resolution = unit } more
            | _ -> ValueNone

        match rest with
        | [] -> if told.Resolution = TimeSpan.MaxValue then ValueNone else ValueSome told
        | (Mark ',' | Word "and") :: more when told.Resolution <> TimeSpan.MaxValue && not more.IsEmpty ->
            match more with
            | Mark _ :: _ -> ValueNone
            | _ -> units told more
        | _ when isClock rest ->
            if told.Resolution >= day then
                clockSpan (told.Resolution <> TimeSpan.MaxValue) rest
                |> ValueOption.map (fun clock -> { clock with Value = told.Value + clock.Value })
            else
                ValueNone
        | Figure count :: Word word :: more ->
            match unitOf word with
            | ValueSome unit -> add count unit more
            | ValueNone -> ValueNone
        | [ Figure count; Mark '.'; Figure digits; Word word ] ->
            match unitOf word, many count second with
            | ValueSome unit, ValueSome span when unit = second && second < told.Resolution ->
                let struct (more, resolution) = fraction digits
                ValueSome { Value = told.Value + span + more; Resolution = resolution }
            | _ -> ValueNone
        | _ -> ValueNone

    /// A span of time: `0 days, 00:01:23`, `00:01:23`, `1 min 23 s`, `1d 02h 03m`, `83.5 seconds`; a bare number counts in the unit.
    let readSpan (unit: TimeSpan) (text: string) : Written<TimeSpan> voption =
        match tokens text with
        | ValueSome [ Figure count ] ->
            many count unit |> ValueOption.map (fun span -> { Value = span; Resolution = unit })
        | ValueSome all -> units { Value = TimeSpan.Zero; Resolution = TimeSpan.MaxValue } all
        | ValueNone -> ValueNone

    let private named (names: string list) (word: string) : int voption =
        if word.Length < 3 then
            ValueNone
        else
            match
                names |> List.tryFindIndex (fun (name: string) -> word = name || word = name.Substring(0, 3))
            with
            | Some number -> ValueSome(number + 1)
            | None -> ValueNone

    let private monthOf =
        named
            [ "january"
              "february"
              "march"
              "april"
              "may"
              "june"
              "july"
              "august"
              "september"
              "october"
              "november"
              "december" ]

    let private weekdayOf =
        named [ "monday"; "tuesday"; "wednesday"; "thursday"; "friday"; "saturday"; "sunday" ]

    /// What was found of a date so far, each at most once.
    [<NoEquality; NoComparison>]
    type private Parts =
        { Year: int voption
          Month: int voption
          Day: int voption
          Time: Written<TimeSpan> voption
          Half: string voption
          Zone: TimeSpan voption }

    let private twoDigits (text: string) = text.Length <= 2

    let private timeOfDay (hours: string) (minutes: string) (secs: string voption) (digits: string voption) =
        let secs' = secs |> ValueOption.defaultValue "0"

        if not (twoDigits hours && twoDigits minutes && twoDigits secs') then
            ValueNone
        elif int hours > 23 || int minutes > 59 || int secs' > 60 then
            ValueNone
        else
            // A leap second is the last of its minute's seconds.
            let at = times hours hour + times minutes minute + min (59.0 * second) (times secs' second)

            match secs, digits with
            | ValueSome _, ValueSome digits ->
                let struct (more, unit) = fraction digits
                ValueSome { Value = at + more; Resolution = unit }
            | ValueSome _, ValueNone -> ValueSome { Value = at; Resolution = second }
            | ValueNone, _ -> ValueSome { Value = at; Resolution = minute }

    let private zone (sign: char) (hours: string) (minutes: string) : TimeSpan voption =
        if not (twoDigits hours && twoDigits minutes) || int hours > 14 || int minutes > 59 then
            ValueNone
        else
            let span = times hours hour + times minutes minute
            ValueSome(if sign = '-' then -span else span)

    let rec private parts (found: Parts) (rest: Token list) : Parts voption =
        let withTime time more =
            match time with
            | ValueSome _ when found.Time.IsNone -> parts { found with Time = time } more
            | _ -> ValueNone

        let withZone zone more =
            match zone with
            | ValueSome _ when found.Zone.IsNone && found.Time.IsSome -> parts { found with Zone = zone } more
            | _ -> ValueNone

        match rest with
        | [] -> ValueSome found
        | Figure year :: Mark a :: Figure month :: Mark b :: Figure day :: more when
            a = b && (a = '-' || a = '/') && year.Length = 4 && found.Year.IsNone && found.Month.IsNone
            ->
            let isDate = twoDigits month && twoDigits day && found.Day.IsNone

            if isDate then
                parts
                    { found with
                        Year = ValueSome(int year)
                        Month = ValueSome(int month)
                        Day = ValueSome(int day) }
                    more
            else
                ValueNone
        | Figure h :: Mark ':' :: Figure m :: Mark ':' :: Figure s :: Mark '.' :: Figure digits :: more ->
            withTime (timeOfDay h m (ValueSome s) (ValueSome digits)) more
        | Figure h :: Mark ':' :: Figure m :: Mark ':' :: Figure s :: more ->
            withTime (timeOfDay h m (ValueSome s) ValueNone) more
        | Figure h :: Mark ':' :: Figure m :: more -> withTime (timeOfDay h m ValueNone ValueNone) more
        | Mark('+' | '-' as sign) :: Figure h :: Mark ':' :: Figure m :: more -> withZone (zone sign h m) more
        | Mark('+' | '-' as sign) :: Figure both :: more when both.Length = 4 ->
            withZone (zone sign both[..1] both[2..]) more
        | Word("utc" | "gmt" | "z") :: more -> withZone (ValueSome TimeSpan.Zero) more
        | Word("am" | "pm" as half) :: more when found.Half.IsNone && found.Time.IsSome ->
            parts { found with Half = ValueSome half } more
        | Word "t" :: more when found.Year.IsSome && found.Time.IsNone -> parts found more
        | Word word :: more ->
            match monthOf word, weekdayOf word with
            | ValueSome _ as month, _ when found.Month.IsNone -> parts { found with Month = month } more
            | ValueNone, ValueSome _ -> parts found more
            | _ -> ValueNone
        | Figure year :: more when year.Length = 4 && found.Year.IsNone ->
            parts { found with Year = ValueSome(int year) } more
        | Figure day :: more when twoDigits day && found.Day.IsNone ->
            parts { found with Day = ValueSome(int day) } more
        | Mark ',' :: more -> parts found more
        | _ -> ValueNone

    /// The hour of a clock of twelve.
    let private halved (half: string voption) (time: TimeSpan) : TimeSpan voption =
        match half with
        | ValueNone -> ValueSome time
        | ValueSome _ when time < hour || time >= 13.0 * hour -> ValueNone
        | ValueSome half ->
            let within = if time >= 12.0 * hour then time - 12.0 * hour else time
            ValueSome(if half = "pm" then within + 12.0 * hour else within)

    /// A date and a time of day: `2026-01-31 10:00:00`, `2026-01-31T10:00:00.5+01:00`, `Sat Jan 31 10:00:00 2026`,
    /// `10:00:00 UTC Sat Jan 31 2026`, `Jan 31, 2026 10:00:00 AM`. The month stands in words or after the year: `01/02/2026` may be
    /// either of two days and tells nothing, as does a zone in other words than UTC and GMT.
    let readDate (text: string) : Written<ClockFace> voption =
        let nothing =
            { Year = ValueNone
              Month = ValueNone
              Day = ValueNone
              Time = ValueNone
              Half = ValueNone
              Zone = ValueNone }

        match tokens text |> ValueOption.bind (parts nothing) with
        | ValueSome { Year = ValueSome year
                      Month = ValueSome month
                      Day = ValueSome day
                      Time = ValueSome time
                      Half = half
                      Zone = zone } when
            year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= DateTime.DaysInMonth(year, month)
            ->
            halved half time.Value
            |> ValueOption.map (fun within ->
                { Value = { Local = DateTime(year, month, day) + within; Offset = zone }
                  Resolution = time.Resolution })
        | _ -> ValueNone
