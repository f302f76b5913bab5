namespace CallServer.Gateway

open System

/// The faults that a simulated Asterisk can be given.
type AriVices =
    {
        /// It is silent after this many answers; 0 means from the beginning.
        AnswersOnly: int voption
        /// It answers everything with 401: it wants another user or password.
        Unauthorized: bool
        /// It answers everything with 403: the user's access list.
        Forbidden: bool
        /// It has not started yet: it answers 503 so many times, and then as it should.
        BootsFor: int
        /// It answers every N-th request with 500.
        ErrorEvery: int voption
        /// Its REST Interface is not enabled: its HTTP server answers 404.
        NoAri: bool
        /// A reverse proxy answers every N-th request in its place with 502 and a page for people.
        BadGatewayEvery: int voption
        /// A reverse proxy answers everything in its place, with 200 and a page for people.
        Html: bool
        /// A reverse proxy stands in front of it: Server and Date are the proxy's.
        Proxied: bool
        /// Its list shows what was so long ago.
        Stale: TimeSpan
        /// Its list goes on to show this many channels that have ended; questions about them get 404.
        Ghosts: int
        /// Its list lacks this many channels.
        ListShortBy: int
        /// Its list shows every channel twice.
        Doubles: bool
        /// About one channel in this many has lost its id.
        NamelessEvery: int voption
        /// It has none of the channels that it lists, as soon as it is asked for one.
        DeniesChannels: bool
        /// Its channels have no RTP.
        NoRtp: bool
        /// Questions for RTP statistics are never answered.
        StatisticsStall: bool
        /// Questions for variables are never answered.
        VariablesStall: bool
        /// The list tells the codec: ari.conf has it among its channelvars.
        TellsFormats: bool
        /// It does not tell when channels were made.
        NoTimes: bool
        /// After this many answers it says that it has started anew.
        RestartsAfter: int voption
        /// Bodies lack their second half.
        Truncates: bool
        /// Each body has this many meaningless octets.
        Padding: int
        /// Responses have the id of another request.
        WrongIds: bool
        /// Responses are meaningless octets.
        Garbage: bool
        /// It runs in a time zone so far east of UTC, or west if it is negative.
        Zone: TimeSpan
        /// Its clock is ahead by this much, or behind if it is negative.
        ClockAhead: TimeSpan
        /// Somebody sets its clock forward by this much when this vice begins, or back if it is negative.
        ClockSet: TimeSpan
        /// The time that every request takes.
        DelayPerRequest: TimeSpan
    }

module AriVices =
    let none: AriVices =
        { AnswersOnly = ValueNone
          Unauthorized = false
          Forbidden = false
          BootsFor = 0
          ErrorEvery = ValueNone
          NoAri = false
          BadGatewayEvery = ValueNone
          Html = false
          Proxied = false
          Stale = TimeSpan.Zero
          Ghosts = 0
          ListShortBy = 0
          Doubles = false
          NamelessEvery = ValueNone
          DeniesChannels = false
          NoRtp = false
          StatisticsStall = false
          VariablesStall = false
          TellsFormats = false
          NoTimes = false
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

    let internal words: Word<AriVices> list =
        [ Words.number "mute-after" 0 (fun n vices -> { vices with AnswersOnly = ValueSome n })
          Words.flag "unauthorized" (fun vices -> { vices with Unauthorized = true })
          Words.flag "forbidden" (fun vices -> { vices with Forbidden = true })
          Words.number "boots-for" 1 (fun n vices -> { vices with BootsFor = n })
          Words.number "error-every" 1 (fun n vices -> { vices with ErrorEvery = ValueSome n })
          Words.flag "no-ari" (fun vices -> { vices with NoAri = true })
          Words.number "bad-gateway-every" 1 (fun n vices -> { vices with BadGatewayEvery = ValueSome n })
          Words.flag "html" (fun vices -> { vices with Html = true })
          Words.flag "proxied" (fun vices -> { vices with Proxied = true })
          Words.number "stale-ms" 1 (fun n vices -> { vices with Stale = milliseconds n })
          Words.number "ghosts" 1 (fun n vices -> { vices with Ghosts = n })
          Words.number "list-short-by" 1 (fun n vices -> { vices with ListShortBy = n })
          Words.flag "doubles" (fun vices -> { vices with Doubles = true })
          Words.number "nameless-every" 1 (fun n vices -> { vices with NamelessEvery = ValueSome n })
          Words.flag "denies-channels" (fun vices -> { vices with DeniesChannels = true })
          Words.flag "no-rtp" (fun vices -> { vices with NoRtp = true })
          Words.flag "statistics-stall" (fun vices -> { vices with StatisticsStall = true })
          Words.flag "variables-stall" (fun vices -> { vices with VariablesStall = true })
          Words.flag "tells-formats" (fun vices -> { vices with TellsFormats = true })
          Words.flag "no-times" (fun vices -> { vices with NoTimes = true })
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
    let add (word: string) (vices: AriVices) : Result<AriVices, string> = Words.add words word vices
