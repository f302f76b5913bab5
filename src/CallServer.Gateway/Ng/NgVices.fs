namespace CallServer.Gateway

open System

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
        /// About one call in so many is a fax: its audio has port 0, and an image over UDPTL took its place.
        FaxEvery: int voption
        /// About one call in so many has a video too.
        VideoEvery: int voption
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

    /// As help lists them.
    let known: string list = Words.known words

    /// Adds the vice of that word; an error names the mistake.
    let add (word: string) (vices: NgVices) : Result<NgVices, string> = Words.add words word vices
