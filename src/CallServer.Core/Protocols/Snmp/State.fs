namespace CallServer.Protocols.Snmp

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an SNMP audit stands; the table of transitions is at the top of SnmpAudit.
type SnmpPhase =
    /// Which profile does the gateway serve?
    | Choosing
    /// None that is known: what does the agent call itself?
    | Introducing
    /// The scalars before the walk.
    | Opening
    | Walking
    /// Rows that were read while they came or went, once more.
    | Mending
    /// Rows that point into another table, together with what stands there.
    | Joining
    /// No rows and no count: is the table's MIB there at all?
    | Doubting
    /// The scalars after the walk.
    | Closing
    /// Until the agent makes its copy of the table anew.
    | Pausing of until: Instant
    /// The table is proven whole. Has the gateway's history moved since it was read?
    | PeekingHistory
    | ReadingHistory
    /// The ids that its rows had while they were active.
    | NamingHistory
    | Over

/// What is carried from one audit of a gateway to the next. It saves requests, and proves nothing.
type SnmpMemory =
    {
        Session: V3Session voption
        Pace: WalkPace
        /// Instances of the last walk, some rows apart, ascending: where the next one may be cut into ranges.
        Hints: Oid[]
        /// The profile that the agent was found to serve.
        Chosen: Profile voption
    }

/// What a scalar that is asked with every step of the walk is there for.
type internal Role =
    | TimeBase
    | Clock
    /// Of the profile's count of that number.
    | Count of int

/// What befell a range of columns.
type internal Failing =
    /// No more rows came of it.
    | Barren of why: string
    /// The next of it cannot be read.
    | Unread of why: string
    /// The agent repeated an instance or went backwards.
    | Wandering

/// One walk over the table.
type internal WalkState =
    {
        /// Ranges that begin when those before them are done.
        Later: Strand list list
        /// Newest first.
        Pieces: Piece list
        Rows: int
        Replies: int
        /// What the agent said where columns ended.
        Ends: End list
        /// What is asked once more when the walk is done, and what Get said then, of every name.
        Confirmations: Confirmations
        Told: Map<Oid, Value>
        /// What Get had said before the walk began.
        Before: Map<Oid, Value>
        /// Why the walk may not be whole.
        Broken: Shortfall list
        /// The same of single ranges of columns, and where; newest first.
        Failing: struct (Failing * string) list
        /// Columns that were left in a range, on which no row hangs, and why; newest first.
        Spared: struct (string * string) list
        /// What the gateway's counts said, each newest first, by their numbers in the profile.
        Samples: Map<int, int64 list>
        /// The first reply of the walk.
        First: Exchange voption
        Splits: int
    }

/// A walk that was proven whole, while the gateway's history is read after it.
type internal Proven =
    {
        Observations: Observation[]
        Proof: Proof list
        Answered: Instant
        /// As it is for the table of connections.
        Pace: WalkPace
        /// Up-time is no clock.
        IsBlind: bool
        /// Where the history's rows begin that are to be read.
        From: Oid list
        /// Connections that the walk did not list, by their instances in the history.
        Missing: Oid[]
        /// What the column said that moves with the history.
        Moved: string voption
        /// Instances of the column of ids, and its values, ascending.
        Ids: struct (Oid * int64) list
    }

type SnmpAuditState =
    internal
        {
            Target: SnmpTarget
            Rng: Rng
            Session: V3Session voption
            Profile: Profile voption
            Phase: SnmpPhase
            Asked: Instant
            /// When the last message that was ours came.
            LastReply: Instant voption
            /// An answer to a request proper: for version 3, one that knows the user.
            Answered: bool
            /// An engine has named itself in this exchange.
            Met: bool
            Requests: int
            Strays: int
            LastStray: string
            Queue: Purpose list
            Jobs: Map<int, Job>
            JobOf: Map<int, int>
            NextJob: int
            Pace: WalkPace
            Hints: Oid[]
            Readings: Proving.Readings
            /// Names that were asked for, and below which something is served.
            Found: Set<Oid>
            Heads: struct (Role * Oid)[]
            /// Of counts that are read before and after the walk alone.
            Asides: struct (Role * Oid)[]
            FirstBoot: Boot voption
            LastBoot: Boot
            OpeningExchange: Exchange voption
            LatestExchange: Exchange voption
            Walks: int
            Walk: WalkState
            /// What the record holds of this gateway.
            Known: Connection[]
            /// How much of the gateway's history it has taken; nothing where none is to be read.
            Mark: HistoryMark voption
            Proven: Proven voption
            /// Reasons that no further walk can mend.
            Faults: Shortfall list
            /// What a person should know of how the gateway was read, newest first.
            Remarks: string list
            /// What the present event gives, newest first.
            Outbox: Command list
        }

module internal AuditState =
    let freshWalk: WalkState =
        { Later = []
          Pieces = []
          Rows = 0
          Replies = 0
          Ends = []
          Confirmations = Confirming.none
          Told = Map.empty
          Before = Map.empty
          Broken = []
          Failing = []
          Spared = []
          Samples = Map.empty
          First = ValueNone
          Splits = 0 }

    let fault (shortfall: Shortfall) (state: SnmpAuditState) : SnmpAuditState =
        { state with Faults = shortfall :: state.Faults }

    /// Something that another walk might mend.
    let broken (shortfall: Shortfall) (state: SnmpAuditState) : SnmpAuditState =
        if List.contains shortfall state.Walk.Broken then
            state
        else
            { state with Walk = { state.Walk with Broken = shortfall :: state.Walk.Broken } }

    /// A range of columns was left at some place.
    let failing (what: Failing) (place: string) (state: SnmpAuditState) : SnmpAuditState =
        { state with
            Walk = { state.Walk with Failing = struct (what, place) :: state.Walk.Failing } }

    /// Why this walk may not be whole: what befell several ranges is told once.
    let shortfalls (walk: WalkState) : Shortfall list =
        let ranges =
            List.rev walk.Failing
            |> List.groupBy (fun struct (what, _) -> what)
            |> List.map (fun (what, all) ->
                let struct (_, first) = all.Head

                let where =
                    match all.Length - 1 with
                    | 0 -> first
                    | 1 -> $"{first}, and at one more place"
                    | more -> $"{first}, and at {more} more places"

                match what with
                | Barren why -> CutShort $"{why} at {where}"
                | Unread why -> CallServer.Ledger.Unreadable $"{why}, after {where}"
                | Wandering -> NotIncreasing where)

        List.rev walk.Broken @ ranges

    /// Columns that are not told for every row. Where rows themselves could not be told, that says enough.
    let spared (walk: WalkState) : string list =
        if walk.Failing.IsEmpty then
            List.rev walk.Spared
            |> List.groupBy (fun struct (_, why) -> why)
            |> List.map (fun (why, columns) ->
                let names = columns |> List.map (fun struct (name, _) -> name) |> List.distinct
                let list = String.Join(", ", names)
                $"not told for every row: {list} ({why})")
        else
            []

    let remark (text: string) (state: SnmpAuditState) : SnmpAuditState =
        if List.contains text state.Remarks then
            state
        else
            { state with Remarks = text :: state.Remarks }

    let stray (reason: string) (state: SnmpAuditState) : SnmpAuditState =
        { state with Strays = state.Strays + 1; LastStray = reason }

    let enqueue (purposes: Purpose list) (state: SnmpAuditState) : SnmpAuditState =
        { state with Queue = purposes @ state.Queue }

    /// The profile is chosen in the first phase; later it is always there.
    let chosen (state: SnmpAuditState) : Profile =
        match state.Profile with
        | ValueSome profile -> profile
        | ValueNone -> invalidOp "the profile is not chosen yet"

    /// The history of a gateway that is being asked for it.
    let history (state: SnmpAuditState) : HistoryTable =
        match (chosen state).History with
        | ValueSome history -> history
        | ValueNone -> invalidOp "this profile has no history"

    /// Of the table that is being read: that of connections, and after it the history.
    let profile (state: SnmpAuditState) : Profile =
        if state.Proven.IsSome then (history state).Table else chosen state

    /// Rows of the tables of connections and of history without which nothing is listed, or under another name.
    let isDecisive (column: int) (state: SnmpAuditState) : bool =
        state.Proven.IsSome || Profile.decides column (chosen state)

    let forget (number: int) (job: Job) (state: SnmpAuditState) : SnmpAuditState =
        { state with
            Jobs = Map.remove number state.Jobs
            JobOf = (state.JobOf, job.Attempts) ||> List.fold (fun ids attempt -> Map.remove attempt.Id ids) }

    let private valueOrNull (name: Oid) (values: Map<Oid, Value>) =
        match Map.tryFind name values with
        | Some value -> value
        | None -> Null

    /// What a reply says besides its rows, from the values of these scalars.
    let private exchangeOf
        (profile: Profile voption)
        (heads: struct (Role * Oid)[])
        (sent: Instant)
        (received: Instant)
        (values: Value[])
        : Exchange =
        let mutable upTime = ValueNone
        let mutable clock = ValueNone

        let checks =
            match profile with
            | ValueSome profile -> profile.Counts
            | ValueNone -> [||]

        let counts = Array.zeroCreate<int64> checks.Length
        let counted = Array.zeroCreate<bool> checks.Length
        let uncounted = Array.zeroCreate<bool> checks.Length

        for index in 0 .. heads.Length - 1 do
            let struct (role, _) = heads[index]
            let value = if index < values.Length then values[index] else Null

            match role with
            | TimeBase ->
                match Rows.numberOf value with
                | ValueSome ticks when ticks <= int64 UInt32.MaxValue -> upTime <- ValueSome(uint32 ticks)
                | _ -> ()
            | Clock -> clock <- Rows.octetsOf value
            | Count check ->
                match Rows.numberOf value with
                | ValueSome number when number <= int64 Int32.MaxValue ->
                    counts[check] <- counts[check] + number
                    counted[check] <- true
                | _ -> uncounted[check] <- true

        { Sent = sent
          Received = received
          UpTime = upTime
          Clock = clock
          Counts =
            checks
            |> Array.mapi (fun check { RowsPerUnit = rows } ->
                if counted[check] && not uncounted[check] then
                    ValueSome(counts[check] * int64 rows)
                else
                    ValueNone) }

    /// The same of the scalars that go with every step.
    let exchange (state: SnmpAuditState) (sent: Instant) (received: Instant) (values: Value[]) : Exchange =
        exchangeOf state.Profile state.Heads sent received values

    /// The same from a reply to a Get, by name.
    let exchangeOfGet (state: SnmpAuditState) sent received (varBinds: VarBind[]) : Exchange =
        let values = varBinds |> Array.map (fun varBind -> varBind.Name, varBind.Value) |> Map.ofArray

        let heads = Array.append state.Heads state.Asides

        exchangeOf
            state.Profile
            heads
            sent
            received
            (heads |> Array.map (fun struct (_, name) -> valueOrNull name values))

    /// Takes the gateway's counts into the record of this walk, and looks whether its up-time went on.
    let sample (told: Exchange) (state: SnmpAuditState) : SnmpAuditState =
        let walk = state.Walk

        let samples =
            (walk.Samples, Array.indexed told.Counts)
            ||> Array.fold (fun samples (check, count) ->
                match count with
                | ValueSome count ->
                    Map.change check (fun known -> Some(count :: Option.defaultValue [] known)) samples
                | ValueNone -> samples)

        let walk =
            { walk with
                Samples = samples
                First = (if walk.First.IsNone then ValueSome told else walk.First) }

        let state =
            { state with
                Walk = walk
                LatestExchange = (if told.UpTime.IsSome then ValueSome told else state.LatestExchange) }

        match state.OpeningExchange with
        | ValueSome opening when
            not (Proving.wentOn opening told) && not (List.contains RestartedMeanwhile state.Faults)
            ->
            fault RestartedMeanwhile state
        | _ -> state
