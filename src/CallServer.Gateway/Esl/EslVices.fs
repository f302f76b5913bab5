namespace CallServer.Gateway

open System

/// The faults that a simulated FreeSWITCH can be given.
type EslVices =
    {
        /// It is silent after this many answers; 0 means from the beginning.
        AnswersOnly: int voption
        /// Its access list does not have whoever asks.
        Rejects: bool
        /// It wants another password.
        OtherPassword: bool
        /// It answers every command with `-ERR permission denied`.
        Refuses: bool
        /// It answers every N-th command with an error.
        ErrorEvery: int voption
        /// Its database fails: it prints the error, and then a list without channels.
        SqlError: bool
        /// It keeps no database.
        SqlDisabled: bool
        /// Its clock cannot be read: mod_dptools is not loaded.
        NoClock: bool
        /// This many channels that are over are still in its database.
        Ghosts: int
        /// Its database is this far behind.
        ListLag: TimeSpan
        /// Its lists lack this many channels.
        ListShortBy: int
        /// Its lists say that they have more channels by this number, or fewer if it is negative.
        RowCountOffBy: int
        /// It counts too many sessions by this number, or too few if it is negative.
        CountOffBy: int
        /// What it counted before the table began.
        TotalBase: int64
        /// Its lists show every channel twice.
        Doubles: bool
        /// About one row in this many has lost its UUID.
        NamelessEvery: int voption
        /// Every N-th channel ends just before it is asked about.
        EndsWhenAsked: int voption
        /// It says of every N-th channel only that the command returned an error.
        UntoldEvery: int voption
        /// It took up all its calls from the run before, and knows no time before that.
        Recovered: bool
        /// It sends an event before each answer.
        Events: bool
        /// It closes the stream after this many answers.
        HangsUpAfter: int voption
        /// After this many answers it says that it has started anew.
        RestartsAfter: int voption
        /// Answers lack their second half.
        Truncates: bool
        /// Answers are meaningless octets.
        Garbage: bool
        /// What it says of a channel is this much longer, in octets.
        Padding: int
        /// Its clock is ahead by this much, or behind if it is negative.
        ClockAhead: TimeSpan
        /// Somebody had it take over the system's clock (`fsctl sync_clock`), which set it forward by this much, or back if it is negative.
        ClockSet: TimeSpan
        /// The time that every command takes.
        DelayPerRequest: TimeSpan
    }

module EslVices =
    let none: EslVices =
        { AnswersOnly = ValueNone
          Rejects = false
          OtherPassword = false
          Refuses = false
          ErrorEvery = ValueNone
          SqlError = false
          SqlDisabled = false
          NoClock = false
          Ghosts = 0
          ListLag = TimeSpan.Zero
          ListShortBy = 0
          RowCountOffBy = 0
          CountOffBy = 0
          TotalBase = 0L
          Doubles = false
          NamelessEvery = ValueNone
          EndsWhenAsked = ValueNone
          UntoldEvery = ValueNone
          Recovered = false
          Events = false
          HangsUpAfter = ValueNone
          RestartsAfter = ValueNone
          Truncates = false
          Garbage = false
          Padding = 0
          ClockAhead = TimeSpan.Zero
          ClockSet = TimeSpan.Zero
          DelayPerRequest = TimeSpan.Zero }

    let private milliseconds (value: int) = TimeSpan.FromMilliseconds(float value)

    let internal words: Word<EslVices> list =
        [ Words.number "mute-after" 0 (fun n vices -> { vices with AnswersOnly = ValueSome n })
          Words.flag "rejects" (fun vices -> { vices with Rejects = true })
          Words.flag "other-password" (fun vices -> { vices with OtherPassword = true })
          Words.flag "refuses" (fun vices -> { vices with Refuses = true })
          Words.number "error-every" 1 (fun n vices -> { vices with ErrorEvery = ValueSome n })
          Words.flag "sql-error" (fun vices -> { vices with SqlError = true })
          Words.flag "sql-disabled" (fun vices -> { vices with SqlDisabled = true })
          Words.flag "no-clock" (fun vices -> { vices with NoClock = true })
          Words.number "ghosts" 0 (fun n vices -> { vices with Ghosts = n })
          Words.number "list-lag-ms" 0 (fun n vices -> { vices with ListLag = milliseconds n })
          Words.number "list-short-by" 0 (fun n vices -> { vices with ListShortBy = n })
          Words.number "row-count-off-by" Int32.MinValue (fun n vices -> { vices with RowCountOffBy = n })
          Words.number "count-off-by" Int32.MinValue (fun n vices -> { vices with CountOffBy = n })
          Words.flag "doubles" (fun vices -> { vices with Doubles = true })
          Words.number "nameless-every" 1 (fun n vices -> { vices with NamelessEvery = ValueSome n })
          Words.number "ends-when-asked" 1 (fun n vices -> { vices with EndsWhenAsked = ValueSome n })
          Words.number "untold-every" 1 (fun n vices -> { vices with UntoldEvery = ValueSome n })
          Words.flag "recovered" (fun vices -> { vices with Recovered = true })
          Words.flag "events" (fun vices -> { vices with Events = true })
          Words.number "hangs-up-after" 0 (fun n vices -> { vices with HangsUpAfter = ValueSome n })
          Words.number "restarts-after" 0 (fun n vices -> { vices with RestartsAfter = ValueSome n })
          Words.flag "truncates" (fun vices -> { vices with Truncates = true })
          Words.flag "garbage" (fun vices -> { vices with Garbage = true })
          Words.number "padding" 0 (fun n vices -> { vices with Padding = n })
          Words.number "clock-ahead-ms" Int32.MinValue (fun n vices ->
              { vices with ClockAhead = milliseconds n })
          Words.number "clock-set-ms" Int32.MinValue (fun n vices -> { vices with ClockSet = milliseconds n })
          Words.number "ms-per-request" 0 (fun n vices -> { vices with DelayPerRequest = milliseconds n }) ]

    /// The words as the help lists them.
    let known: string list = Words.known words

    /// Adds the vice that this word names. An error describes the mistake.
    let add (word: string) (vices: EslVices) : Result<EslVices, string> = Words.add words word vices
