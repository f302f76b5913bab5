namespace CallServer.Gateway

open System

/// The faults that a simulated IOS-XE can be given.
type RestconfVices =
    {
        /// It is silent after this many answers; 0 means from the beginning.
        AnswersOnly: int voption
        /// It answers everything with 401: it wants another user or password.
        Unauthorized: bool
        /// It answers everything with 403: the user's privilege.
        Forbidden: bool
        /// It is busy: it answers 503 so many times, and then as it should.
        BusyFor: int
        /// It is busy every N-th time, and wants to be asked again after two seconds.
        BusyEvery: int voption
        /// Somebody holds its data store every N-th time: 409.
        LockedEvery: int voption
        /// It is asked too often every N-th time: 429.
        TooManyEvery: int voption
        /// It answers every N-th request with 500.
        ErrorEvery: int voption
        /// RESTCONF is not configured: its web server answers 404 with a page.
        NoRestconf: bool
        /// It knows no call legs: 404 with an error of RESTCONF.
        NoModule: bool
        /// It does not tell boot-time and clock: 404.
        NoTimes: bool
        /// It does not know the query `fields`: 400.
        NoFields: bool
        /// Something else answers everything in its place, with 200 and a page for people.
        Html: bool
        /// It answers 204 where it should list its legs.
        NoContent: bool
        /// Without legs it has no summary: 404.
        IdleIsAbsent: bool
        /// Its total is too high by this many, or too low if it is negative.
        TotalOff: int
        /// Its total is what was true so long ago.
        TotalLate: TimeSpan
        /// Its list lacks this many legs.
        ListShortBy: int
        /// Its list shows every leg twice.
        Doubles: bool
        /// About one leg in this many has lost its call-id.
        NamelessEvery: int voption
        /// Setup times are those of 1970.
        ZeroSetups: bool
        /// Setup times have no fraction of a second.
        WholeSeconds: bool
        /// Durations are whole seconds.
        SecondDurations: bool
        /// Durations stand still from the moment at which this vice begins.
        StillDurations: bool
        /// Durations count from the setup.
        DurationsOfRinging: bool
        /// Legs have only their key and their call-id.
        Sparse: bool
        /// Numbers are texts.
        TextNumbers: bool
        /// It reckons boot-time and setup times from its clock as it is now, so that they move when that is set.
        Reckons: bool
        /// Its boot-time differs by a second from answer to answer.
        Jitters: bool
        /// After this many answers it says that it was started this moment.
        RestartsAfter: int voption
        /// Bodies lack their second half.
        Truncates: bool
        /// Each body has this many meaningless octets.
        Padding: int
        /// Responses have the id of another request.
        WrongIds: bool
        /// Responses are meaningless octets.
        Garbage: bool
        /// It writes times with the offset of a zone so far east of UTC, or west if it is negative.
        Zone: TimeSpan
        /// Its clock is ahead by this much, or behind if it is negative.
        ClockAhead: TimeSpan
        /// Somebody sets its clock forward by this much when this vice begins, or back if it is negative.
        ClockSet: TimeSpan
        /// The time that every request takes.
        DelayPerRequest: TimeSpan
    }

module RestconfVices =
    let none: RestconfVices =
        { AnswersOnly = ValueNone
          Unauthorized = false
          Forbidden = false
          BusyFor = 0
          BusyEvery = ValueNone
          LockedEvery = ValueNone
          TooManyEvery = ValueNone
          ErrorEvery = ValueNone
          NoRestconf = false
          NoModule = false
          NoTimes = false
          NoFields = false
          Html = false
          NoContent = false
          IdleIsAbsent = false
          TotalOff = 0
          TotalLate = TimeSpan.Zero
          ListShortBy = 0
          Doubles = false
          NamelessEvery = ValueNone
          ZeroSetups = false
          WholeSeconds = false
          SecondDurations = false
          StillDurations = false
          DurationsOfRinging = false
          Sparse = false
          TextNumbers = false
          Reckons = false
          Jitters = false
          RestartsAfter = ValueNone
          Truncates = false
          Padding = 0
          WrongIds = false
          Garbage = false
          Zone = TimeSpan.Zero
          ClockAhead = TimeSpan.Zero
          ClockSet = TimeSpan.Zero
          DelayPerRequest = TimeSpan.Zero }

    let private milliseconds (value: int) = TimeSpan.FromMilliseconds(float value)

    let internal words: Word<RestconfVices> list =
        [ Words.number "mute-after" 0 (fun n vices -> { vices with AnswersOnly = ValueSome n })
          Words.flag "unauthorized" (fun vices -> { vices with Unauthorized = true })
          Words.flag "forbidden" (fun vices -> { vices with Forbidden = true })
          Words.number "busy-for" 1 (fun n vices -> { vices with BusyFor = n })
          Words.number "busy-every" 1 (fun n vices -> { vices with BusyEvery = ValueSome n })
          Words.number "locked-every" 1 (fun n vices -> { vices with LockedEvery = ValueSome n })
          Words.number "too-many-every" 1 (fun n vices -> { vices with TooManyEvery = ValueSome n })
          Words.number "error-every" 1 (fun n vices -> { vices with ErrorEvery = ValueSome n })
          Words.flag "no-restconf" (fun vices -> { vices with NoRestconf = true })
          Words.flag "no-module" (fun vices -> { vices with NoModule = true })
          Words.flag "no-times" (fun vices -> { vices with NoTimes = true })
          Words.flag "no-fields" (fun vices -> { vices with NoFields = true })
          Words.flag "html" (fun vices -> { vices with Html = true })
          Words.flag "no-content" (fun vices -> { vices with NoContent = true })
          Words.flag "idle-is-absent" (fun vices -> { vices with IdleIsAbsent = true })
          Words.number "total-off" Int32.MinValue (fun n vices -> { vices with TotalOff = n })
          Words.number "total-late-ms" 1 (fun n vices -> { vices with TotalLate = milliseconds n })
          Words.number "list-short-by" 1 (fun n vices -> { vices with ListShortBy = n })
          Words.flag "doubles" (fun vices -> { vices with Doubles = true })
          Words.number "nameless-every" 1 (fun n vices -> { vices with NamelessEvery = ValueSome n })
          Words.flag "zero-setups" (fun vices -> { vices with ZeroSetups = true })
          Words.flag "whole-seconds" (fun vices -> { vices with WholeSeconds = true })
          Words.flag "second-durations" (fun vices -> { vices with SecondDurations = true })
          Words.flag "still-durations" (fun vices -> { vices with StillDurations = true })
          Words.flag "durations-of-ringing" (fun vices -> { vices with DurationsOfRinging = true })
          Words.flag "sparse" (fun vices -> { vices with Sparse = true })
          Words.flag "text-numbers" (fun vices -> { vices with TextNumbers = true })
          Words.flag "reckons" (fun vices -> { vices with Reckons = true })
          Words.flag "jitters" (fun vices -> { vices with Jitters = true })
          Words.number "restarts-after" 0 (fun n vices -> { vices with RestartsAfter = ValueSome n })
          Words.flag "truncates" (fun vices -> { vices with Truncates = true })
          Words.number "padding" 0 (fun n vices -> { vices with Padding = n })
          Words.flag "wrong-ids" (fun vices -> { vices with WrongIds = true })
          Words.flag "garbage" (fun vices -> { vices with Garbage = true })
          Words.ranged "zone-minutes" -720 840 (fun n vices ->
              { vices with Zone = TimeSpan.FromMinutes(float n) })
          Words.number "clock-ahead-ms" Int32.MinValue (fun n vices ->
              { vices with ClockAhead = milliseconds n })
          Words.number "clock-set-ms" Int32.MinValue (fun n vices -> { vices with ClockSet = milliseconds n })
          Words.number "ms-per-request" 0 (fun n vices -> { vices with DelayPerRequest = milliseconds n }) ]

    /// The words as the help lists them.
    let known: string list = Words.known words

    /// Adds the vice that this word names. An error describes the mistake.
    let add (word: string) (vices: RestconfVices) : Result<RestconfVices, string> = Words.add words word vices
