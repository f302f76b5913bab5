namespace CallServer.Gateway

open System

/// The faults that a simulated Kamailio can be given.
type KamailioVices =
    {
        /// It is silent after this many answers; 0 means from the beginning.
        AnswersOnly: int voption
        /// It answers every command with an error.
        Refuses: bool
        /// It answers every N-th request with an error.
        ErrorEvery: int voption
        /// Its module dialog is not loaded: it knows no `dlg.…`.
        NoDialogs: bool
        /// It is too old for `dlg.stats_active`.
        NoCount: bool
        /// Its module kex is not loaded: it knows no `stats.…`.
        NoTotal: bool
        /// What it counted before the table began.
        TotalBase: int64
        /// It counts too many dialogs by this number, or too few if it is negative.
        CountOffBy: int
        /// Its count is the one of the question before.
        CountLags: bool
        /// Its lists lack this many dialogs.
        ListShortBy: int
        /// Its lists lack one bucket in this many.
        MissesBucket: int voption
        /// Its lists show every dialog twice.
        Doubles: bool
        /// About one row in this many has lost its Call-ID.
        NamelessEvery: int voption
        /// It shows dialogs that are over for as long as it remembers them, and not for five seconds.
        KeepsEnded: bool
        /// It does not show dialogs that are over at all.
        DropsEnded: bool
        /// Its dialogs that are over do not say when they ended.
        EndsUntold: bool
        /// Its dialogs that are over say that they ended this long before they began.
        EndsEarly: TimeSpan voption
        /// It does not show a single dialog.
        HidesDialog: bool
        /// It says that it ends a dialog, and does not.
        KeepsReleased: bool
        /// After this many answers it says that it has started anew.
        RestartsAfter: int voption
        /// Replies lack their second half.
        Truncates: bool
        /// Replies are nested too deep.
        Deep: bool
        /// Each reply has this many meaningless octets.
        Padding: int
        /// Datagrams with more octets than this never arrive. Kamailio itself sends none above 65,507.
        SilentAbove: int
        /// Replies carry an id that differs from that of their request.
        WrongIds: bool
        /// Replies are meaningless octets.
        Garbage: bool
        /// Its clock is ahead by this much, or behind if it is negative.
        ClockAhead: TimeSpan
        /// Somebody has set its clock forward by this much since it started, or back if it is negative.
        ClockSet: TimeSpan
        /// The time that every request takes.
        DelayPerRequest: TimeSpan
    }

module KamailioVices =
    let none: KamailioVices =
        { AnswersOnly = ValueNone
          Refuses = false
          ErrorEvery = ValueNone
          NoDialogs = false
          NoCount = false
          NoTotal = false
          TotalBase = 0L
          CountOffBy = 0
          CountLags = false
          ListShortBy = 0
          MissesBucket = ValueNone
          Doubles = false
          NamelessEvery = ValueNone
          KeepsEnded = false
          DropsEnded = false
          EndsUntold = false
          EndsEarly = ValueNone
          HidesDialog = false
          KeepsReleased = false
          RestartsAfter = ValueNone
          Truncates = false
          Deep = false
          Padding = 0
          SilentAbove = 65507
          WrongIds = false
          Garbage = false
          ClockAhead = TimeSpan.Zero
          ClockSet = TimeSpan.Zero
          DelayPerRequest = TimeSpan.Zero }

    /// Its total is told modulo this.
    [<Literal>]
    let internal totalPeriod = 4294967296L

    let private milliseconds (value: int) = TimeSpan.FromMilliseconds(float value)

    let internal words: Word<KamailioVices> list =
        [ Words.number "mute-after" 0 (fun n vices -> { vices with AnswersOnly = ValueSome n })
          Words.flag "refuses" (fun vices -> { vices with Refuses = true })
          Words.number "error-every" 1 (fun n vices -> { vices with ErrorEvery = ValueSome n })
          Words.flag "no-dialogs" (fun vices -> { vices with NoDialogs = true })
          Words.flag "no-count" (fun vices -> { vices with NoCount = true })
          Words.flag "no-total" (fun vices -> { vices with NoTotal = true })
          Words.number "total-wraps-in" 1 (fun n vices -> { vices with TotalBase = totalPeriod - int64 n })
          Words.number "count-off-by" Int32.MinValue (fun n vices -> { vices with CountOffBy = n })
          Words.flag "count-lags" (fun vices -> { vices with CountLags = true })
          Words.number "list-short-by" 0 (fun n vices -> { vices with ListShortBy = n })
          Words.number "misses-bucket" 1 (fun n vices -> { vices with MissesBucket = ValueSome n })
          Words.flag "doubles" (fun vices -> { vices with Doubles = true })
          Words.number "nameless-every" 1 (fun n vices -> { vices with NamelessEvery = ValueSome n })
          Words.flag "keeps-ended" (fun vices -> { vices with KeepsEnded = true })
          Words.flag "drops-ended" (fun vices -> { vices with DropsEnded = true })
          Words.flag "ends-untold" (fun vices -> { vices with EndsUntold = true })
          Words.number "ends-early-ms" 1 (fun n vices -> { vices with EndsEarly = ValueSome(milliseconds n) })
          Words.flag "hides-dialog" (fun vices -> { vices with HidesDialog = true })
          Words.flag "keeps-released" (fun vices -> { vices with KeepsReleased = true })
          Words.number "restarts-after" 0 (fun n vices -> { vices with RestartsAfter = ValueSome n })
          Words.flag "truncates" (fun vices -> { vices with Truncates = true })
          Words.flag "deep" (fun vices -> { vices with Deep = true })
          Words.number "padding" 0 (fun n vices -> { vices with Padding = n })
          Words.number "silent-above" 1 (fun n vices -> { vices with SilentAbove = n })
          Words.flag "wrong-ids" (fun vices -> { vices with WrongIds = true })
          Words.flag "garbage" (fun vices -> { vices with Garbage = true })
          Words.number "clock-ahead-ms" Int32.MinValue (fun n vices ->
              { vices with ClockAhead = milliseconds n })
          Words.number "clock-set-ms" Int32.MinValue (fun n vices -> { vices with ClockSet = milliseconds n })
          Words.number "ms-per-request" 0 (fun n vices -> { vices with DelayPerRequest = milliseconds n }) ]

    /// The words as the help lists them.
    let known: string list = Words.known words

    /// Adds the vice that this word names. An error describes the mistake.
    let add (word: string) (vices: KamailioVices) : Result<KamailioVices, string> = Words.add words word vices
