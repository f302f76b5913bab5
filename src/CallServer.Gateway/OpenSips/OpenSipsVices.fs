namespace CallServer.Gateway

open System

/// The faults that a simulated OpenSIPS can be given.
type OpenSipsVices =
    {
        /// It is silent after this many answers; 0 means from the beginning.
        AnswersOnly: int voption
        /// It answers every command with an error.
        Refuses: bool
        /// It answers every N-th request with an error.
        ErrorEvery: int voption
        /// It answers every N-th request with the status 500 and no body.
        BrokenEvery: int voption
        /// Its module mi_http has another root.
        NoRoot: bool
        /// Its module dialog is not loaded: it knows no `dlg_list`.
        NoDialogs: bool
        /// Its statistics are switched off.
        NoTotal: bool
        /// It answers for statistics, and tells none.
        TotalUntold: bool
        /// What it counted before the table began.
        TotalBase: int64
        /// Its total is the one of the question before.
        TotalLags: bool
        /// It counts too many rows by this number, or too few if it is negative.
        CountOffBy: int
        /// Its count of rows is the one of the question before.
        CountLags: bool
        /// Its table lacks this many dialogs.
        ListShortBy: int
        /// Its pages begin this many rows too late, the first one excepted.
        Skips: int
        /// While it tells a page, this many of the dialogs before its end go.
        EndsAhead: int
        /// Its memory does not hold more rows of a page than this.
        HoldsRows: int voption
        /// It shows every dialog twice.
        Doubles: bool
        /// About one row in this many has lost its Call-ID.
        NamelessEvery: int voption
        /// It shows dialogs that are over for as long as it remembers them, and not for five seconds.
        KeepsEnded: bool
        /// It does not show dialogs that are over at all.
        DropsEnded: bool
        /// About one row in this many does not say when it was answered.
        UndatedEvery: int voption
        /// It keeps no session descriptions.
        NoSdp: bool
        /// It keeps a database: what it loads when it starts anew is not counted among what began.
        Restores: bool
        /// After this many answers it says that it has started anew.
        RestartsAfter: int voption
        /// A reverse proxy stands before it, which writes its own Date.
        Proxied: bool
        /// Answers lack their second half.
        Truncates: bool
        /// Each answer has this many meaningless octets.
        Padding: int
        /// Answers carry an id that differs from that of their request.
        WrongIds: bool
        /// Answers are pages for people.
        Html: bool
        /// Its clock is ahead by this much, or behind if it is negative.
        ClockAhead: TimeSpan
        /// Somebody sets its clock forward by this much when the vice begins, or back if it is negative.
        ClockSet: TimeSpan
        /// The time that every request takes.
        DelayPerRequest: TimeSpan
    }

module OpenSipsVices =
    let none: OpenSipsVices =
        { AnswersOnly = ValueNone
          Refuses = false
          ErrorEvery = ValueNone
          BrokenEvery = ValueNone
          NoRoot = false
          NoDialogs = false
          NoTotal = false
          TotalUntold = false
          TotalBase = 0L
          TotalLags = false
          CountOffBy = 0
          CountLags = false
          ListShortBy = 0
          Skips = 0
          EndsAhead = 0
          HoldsRows = ValueNone
          Doubles = false
          NamelessEvery = ValueNone
          KeepsEnded = false
          DropsEnded = false
          UndatedEvery = ValueNone
          NoSdp = false
          Restores = false
          RestartsAfter = ValueNone
          Proxied = false
          Truncates = false
          Padding = 0
          WrongIds = false
          Html = false
          ClockAhead = TimeSpan.Zero
          ClockSet = TimeSpan.Zero
          DelayPerRequest = TimeSpan.Zero }

    let private milliseconds (value: int) = TimeSpan.FromMilliseconds(float value)

    let internal words: Word<OpenSipsVices> list =
        [ Words.number "mute-after" 0 (fun n vices -> { vices with AnswersOnly = ValueSome n })
          Words.flag "refuses" (fun vices -> { vices with Refuses = true })
          Words.number "error-every" 1 (fun n vices -> { vices with ErrorEvery = ValueSome n })
          Words.number "broken-every" 1 (fun n vices -> { vices with BrokenEvery = ValueSome n })
          Words.flag "no-root" (fun vices -> { vices with NoRoot = true })
          Words.flag "no-dialogs" (fun vices -> { vices with NoDialogs = true })
          Words.flag "no-total" (fun vices -> { vices with NoTotal = true })
          Words.flag "total-untold" (fun vices -> { vices with TotalUntold = true })
          Words.flag "total-lags" (fun vices -> { vices with TotalLags = true })
          Words.number "count-off-by" Int32.MinValue (fun n vices -> { vices with CountOffBy = n })
          Words.flag "count-lags" (fun vices -> { vices with CountLags = true })
          Words.number "list-short-by" 0 (fun n vices -> { vices with ListShortBy = n })
          Words.number "skips" 0 (fun n vices -> { vices with Skips = n })
          Words.number "ends-ahead" 0 (fun n vices -> { vices with EndsAhead = n })
          Words.number "holds-rows" 0 (fun n vices -> { vices with HoldsRows = ValueSome n })
          Words.flag "doubles" (fun vices -> { vices with Doubles = true })
          Words.number "nameless-every" 1 (fun n vices -> { vices with NamelessEvery = ValueSome n })
          Words.flag "keeps-ended" (fun vices -> { vices with KeepsEnded = true })
          Words.flag "drops-ended" (fun vices -> { vices with DropsEnded = true })
          Words.number "undated-every" 1 (fun n vices -> { vices with UndatedEvery = ValueSome n })
          Words.flag "no-sdp" (fun vices -> { vices with NoSdp = true })
          Words.flag "restores" (fun vices -> { vices with Restores = true })
          Words.number "restarts-after" 0 (fun n vices -> { vices with RestartsAfter = ValueSome n })
          Words.flag "proxied" (fun vices -> { vices with Proxied = true })
          Words.flag "truncates" (fun vices -> { vices with Truncates = true })
          Words.number "padding" 0 (fun n vices -> { vices with Padding = n })
          Words.flag "wrong-ids" (fun vices -> { vices with WrongIds = true })
          Words.flag "html" (fun vices -> { vices with Html = true })
          Words.number "clock-ahead-ms" Int32.MinValue (fun n vices ->
              { vices with ClockAhead = milliseconds n })
          Words.number "clock-set-ms" Int32.MinValue (fun n vices -> { vices with ClockSet = milliseconds n })
          Words.number "ms-per-request" 0 (fun n vices -> { vices with DelayPerRequest = milliseconds n }) ]

    /// The words as the help lists them.
    let known: string list = Words.known words

    /// Adds the vice that this word names. An error describes the mistake.
    let add (word: string) (vices: OpenSipsVices) : Result<OpenSipsVices, string> = Words.add words word vices
