namespace CallServer.Gateway

open System
open System.Globalization

/// What is wrong with a simulated rtpengine, to order.
type NgVices =
    {
        /// Silent after so many answers: 0 is silent from the beginning.
        AnswersOnly: int voption
        /// Every command is answered with an error.
        Refuses: bool
        /// Every so many-th request is answered with an error.
        ErrorEvery: int voption
        /// It does not know `statistics`.
        NoStatistics: bool
        /// It counts so many sessions too many, or too few where negative.
        CountOffBy: int
        /// Its lists lack so many calls.
        ListShortBy: int
        /// Its lists tell every call three times.
        Repeats: bool
        /// About one call in so many is unknown when it is queried, though it is listed.
        UnknownEvery: int voption
        /// About one call in so many was offered, and nobody answered yet.
        UnansweredEvery: int voption
        /// Replies lack their second half.
        Truncates: bool
        /// Replies are nested too deep.
        Deep: bool
        /// So many octets of nothing in each reply.
        Padding: int
        /// Datagrams of more octets than this never arrive; rtpengine itself sends none above 65,507.
        SilentAbove: int
        /// Replies carry another cookie than their request.
        WrongCookies: bool
        /// Replies are octets that mean nothing, behind their cookie.
        Garbage: bool
        /// Replies are JSON whatever was asked.
        Json: bool
        /// The keys of dictionaries come in another order.
        ShuffledKeys: bool
        /// Its clock is so far ahead, or behind where negative.
        ClockAhead: TimeSpan
        /// No media ever comes: no codec, no packets.
        NoMedia: bool
        /// Whole seconds of `created` only.
        NoMicros: bool
        /// The time that every request takes.
        DelayPerRequest: TimeSpan
    }

module NgVices =
    let none: NgVices =
        { AnswersOnly = ValueNone
          Refuses = false
          ErrorEvery = ValueNone
          NoStatistics = false
          CountOffBy = 0
          ListShortBy = 0
          Repeats = false
          UnknownEvery = ValueNone
          UnansweredEvery = ValueNone
          Truncates = false
          Deep = false
          Padding = 0
          SilentAbove = 65507
          WrongCookies = false
          Garbage = false
          Json = false
          ShuffledKeys = false
          ClockAhead = TimeSpan.Zero
          NoMedia = false
          NoMicros = false
          DelayPerRequest = TimeSpan.Zero }

    let private number (text: string) (least: int) : int voption =
        match Int32.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
        | true, value when value >= least -> ValueSome value
        | _ -> ValueNone

    let private milliseconds (value: int) = TimeSpan.FromMilliseconds(float value)

    /// Name, the least value (none: it takes no value), and what it does.
    let private words: (string * int voption * (int -> NgVices -> NgVices)) list =
        [ "mute-after", ValueSome 0, (fun n vices -> { vices with AnswersOnly = ValueSome n })
          "refuses", ValueNone, (fun _ vices -> { vices with Refuses = true })
          "error-every", ValueSome 1, (fun n vices -> { vices with ErrorEvery = ValueSome n })
          "no-statistics", ValueNone, (fun _ vices -> { vices with NoStatistics = true })
          "count-off-by", ValueSome Int32.MinValue, (fun n vices -> { vices with CountOffBy = n })
          "list-short-by", ValueSome 0, (fun n vices -> { vices with ListShortBy = n })
          "repeats", ValueNone, (fun _ vices -> { vices with Repeats = true })
          "unknown-every", ValueSome 1, (fun n vices -> { vices with UnknownEvery = ValueSome n })
          "unanswered-every", ValueSome 1, (fun n vices -> { vices with UnansweredEvery = ValueSome n })
          "truncates", ValueNone, (fun _ vices -> { vices with Truncates = true })
          "deep", ValueNone, (fun _ vices -> { vices with Deep = true })
          "padding", ValueSome 0, (fun n vices -> { vices with Padding = n })
          "silent-above", ValueSome 1, (fun n vices -> { vices with SilentAbove = n })
          "wrong-cookies", ValueNone, (fun _ vices -> { vices with WrongCookies = true })
          "garbage", ValueNone, (fun _ vices -> { vices with Garbage = true })
          "json", ValueNone, (fun _ vices -> { vices with Json = true })
          "shuffled-keys", ValueNone, (fun _ vices -> { vices with ShuffledKeys = true })
          "clock-ahead-ms",
          ValueSome Int32.MinValue,
          (fun n vices -> { vices with ClockAhead = milliseconds n })
          "no-media", ValueNone, (fun _ vices -> { vices with NoMedia = true })
          "no-micros", ValueNone, (fun _ vices -> { vices with NoMicros = true })
          "ms-per-request", ValueSome 0, (fun n vices -> { vices with DelayPerRequest = milliseconds n }) ]

    /// As help lists them.
    let known: string list =
        words |> List.map (fun (name, least, _) -> if least.IsSome then $"{name}=N" else name)

    /// What a word adds; an error names the mistake.
    let parseVice (word: string) : Result<NgVices -> NgVices, string> =
        let parts = word.Split('=', 2)
        let name = parts[0]
        let value = if parts.Length = 2 then ValueSome parts[1] else ValueNone

        match words |> List.tryFind (fun (known, _, _) -> known = name), value with
        | None, _ ->
            let all = String.concat ", " known
            Error $"there is no vice '{name}' of ng; known are {all}"
        | Some(_, ValueNone, set), ValueNone -> Ok(set 0)
        | Some(_, ValueNone, _), ValueSome _ -> Error $"the vice {name} takes no value"
        | Some(_, ValueSome least, set), value ->
            match value |> ValueOption.bind (fun text -> number text least) with
            | ValueSome n -> Ok(set n)
            | ValueNone when least = Int32.MinValue -> Error $"the vice {name} takes a whole number: {name}=N"
            | ValueNone -> Error $"the vice {name} takes a whole number from {least} on: {name}=N"
