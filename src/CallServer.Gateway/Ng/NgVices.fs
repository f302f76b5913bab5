namespace CallServer.Gateway

open System

/// The faults that a simulated rtpengine can be given.
type NgVices =
    {
        /// It is silent after this many answers; 0 means from the beginning.
        AnswersOnly: int voption
        /// It answers every command with an error.
        Refuses: bool
        /// It answers every N-th request with an error.
        ErrorEvery: int voption
        /// It does not know `statistics`.
        NoStatistics: bool
        /// It counts too many sessions by this number, or too few if it is negative.
        CountOffBy: int
        /// Its lists lack this many calls.
        ListShortBy: int
        /// Its lists name every call three times.
        Repeats: bool
        /// About one listed call in this many is unknown when it is queried.
        UnknownEvery: int voption
        /// About one call in this many was offered but is not answered yet.
        UnansweredEvery: int voption
        /// About one call in this many is a fax: its audio has port 0, and an image over UDPTL replaced it.
        FaxEvery: int voption
        /// About one call in this many has video too.
        VideoEvery: int voption
        /// Replies lack their second half.
        Truncates: bool
        /// Replies are nested too deep.
        Deep: bool
        /// Each reply has this many meaningless octets.
        Padding: int
        /// Datagrams with more octets than this never arrive. rtpengine itself sends none above 65,507.
        SilentAbove: int
        /// Replies carry a cookie that differs from that of their request.
        WrongCookies: bool
        /// Replies are meaningless octets after their cookie.
        Garbage: bool
        /// Replies are JSON, whatever the notation of the request.
        Json: bool
        /// The keys of dictionaries come in a different order.
        ShuffledKeys: bool
        /// Its clock is ahead by this much, or behind if it is negative.
        ClockAhead: TimeSpan
        /// No media ever comes: no codec, no packets.
        NoMedia: bool
        /// It states only the whole seconds of `created`.
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
          FaxEvery = ValueNone
          VideoEvery = ValueNone
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

    let private milliseconds (value: int) = TimeSpan.FromMilliseconds(float value)

    let internal words: Word<NgVices> list =
        [ Words.number "mute-after" 0 (fun n vices -> { vices with AnswersOnly = ValueSome n })
          Words.flag "refuses" (fun vices -> { vices with Refuses = true })
          Words.number "error-every" 1 (fun n vices -> { vices with ErrorEvery = ValueSome n })
          Words.flag "no-statistics" (fun vices -> { vices with NoStatistics = true })
          Words.number "count-off-by" Int32.MinValue (fun n vices -> { vices with CountOffBy = n })
          Words.number "list-short-by" 0 (fun n vices -> { vices with ListShortBy = n })
          Words.flag "repeats" (fun vices -> { vices with Repeats = true })
          Words.number "unknown-every" 1 (fun n vices -> { vices with UnknownEvery = ValueSome n })
          Words.number "unanswered-every" 1 (fun n vices -> { vices with UnansweredEvery = ValueSome n })
          Words.number "fax-every" 1 (fun n vices -> { vices with FaxEvery = ValueSome n })
          Words.number "video-every" 1 (fun n vices -> { vices with VideoEvery = ValueSome n })
          Words.flag "truncates" (fun vices -> { vices with Truncates = true })
          Words.flag "deep" (fun vices -> { vices with Deep = true })
          Words.number "padding" 0 (fun n vices -> { vices with Padding = n })
          Words.number "silent-above" 1 (fun n vices -> { vices with SilentAbove = n })
          Words.flag "wrong-cookies" (fun vices -> { vices with WrongCookies = true })
          Words.flag "garbage" (fun vices -> { vices with Garbage = true })
          Words.flag "json" (fun vices -> { vices with Json = true })
          Words.flag "shuffled-keys" (fun vices -> { vices with ShuffledKeys = true })
          Words.number "clock-ahead-ms" Int32.MinValue (fun n vices ->
              { vices with ClockAhead = milliseconds n })
          Words.flag "no-media" (fun vices -> { vices with NoMedia = true })
          Words.flag "no-micros" (fun vices -> { vices with NoMicros = true })
          Words.number "ms-per-request" 0 (fun n vices -> { vices with DelayPerRequest = milliseconds n }) ]

    /// The words as the help lists them.
    let known: string list = Words.known words

    /// Adds the vice that this word names. An error describes the mistake.
    let add (word: string) (vices: NgVices) : Result<NgVices, string> = Words.add words word vices
