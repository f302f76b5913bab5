namespace CallServer.Audit

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// Where an SNMP audit stands; the table of transitions is at the top of SnmpAudit.
type SnmpPhase =
    /// Which profile does the gateway serve?
    | Choosing
    /// The scalars before the walk.
    | Opening
    | Walking
    /// Rows that were read while they came or went, once more.
    | Mending
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
        Pace: Pace
        /// Instances of the last walk, some rows apart, ascending: where the next one may be cut into ranges.
        Hints: Oid[]
        /// The profile that the agent was found to serve.
        Chosen: Profile voption
    }

/// What a scalar that is asked with every step of the walk is there for.
type internal Role =
    | TimeBase
    | Clock
    | Count

/// One walk over the table.
type internal WalkState =
    {
        /// Ranges that begin when those before them are done.
        Later: Strand list list
        /// Newest first.
        Pieces: Piece list
        Rows: int
        /// Why the walk may not be whole.
        Broken: Shortfall list
        /// The gateway's count, newest first.
        Samples: int64 list
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
        Pace: Pace
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
            Requests: int
            Strays: int
            LastStray: string
            Queue: Purpose list
            Jobs: Map<int, Job>
            JobOf: Map<int, int>
            NextJob: int
            Pace: Pace
            Hints: Oid[]
            Readings: Proving.Readings
            Heads: struct (Role * Oid)[]
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
            /// What the present event gives, newest first.
            Outbox: Command list
        }

module internal AuditState =
    let freshWalk: WalkState =
        { Later = []
          Pieces = []
          Rows = 0
          Broken = []
          Samples = []
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

    let forget (number: int) (job: Job) (state: SnmpAuditState) : SnmpAuditState =
        { state with
            Jobs = Map.remove number state.Jobs
            JobOf = (state.JobOf, job.Attempts) ||> List.fold (fun ids attempt -> Map.remove attempt.Id ids) }

    let private valueOrNull (name: Oid) (values: Map<Oid, Value>) =
        match Map.tryFind name values with
        | Some value -> value
        | None -> Null

    /// What a reply says besides its rows, from the values of the scalars.
    let exchange (state: SnmpAuditState) (sent: Instant) (received: Instant) (heads: Value[]) : Exchange =
        let mutable upTime = ValueNone
        let mutable clock = ValueNone
        let mutable count = 0L
        let mutable counted = false
        let mutable uncounted = false

        for index in 0 .. state.Heads.Length - 1 do
            let struct (role, _) = state.Heads[index]
            let value = if index < heads.Length then heads[index] else Null

            match role with
            | TimeBase ->
                match Rows.numberOf value with
                | ValueSome ticks when ticks <= int64 UInt32.MaxValue -> upTime <- ValueSome(uint32 ticks)
                | _ -> ()
            | Clock -> clock <- Rows.octetsOf value
            | Count ->
                match Rows.numberOf value with
                | ValueSome number when number <= int64 Int32.MaxValue ->
                    count <- count + number
                    counted <- true
                | _ -> uncounted <- true

        let rows =
            match state.Profile with
            | ValueSome { Count = ValueSome check } -> int64 check.RowsPerUnit
            | ValueSome _
            | ValueNone -> 1L

        { Sent = sent
          Received = received
          UpTime = upTime
          Clock = clock
          Count = (if counted && not uncounted then ValueSome(count * rows) else ValueNone) }

    /// The same from a reply to a Get, by name.
    let exchangeOfGet (state: SnmpAuditState) sent received (varBinds: VarBind[]) : Exchange =
        let values = varBinds |> Array.map (fun varBind -> varBind.Name, varBind.Value) |> Map.ofArray

        exchange
            state
            sent
            received
            (state.Heads |> Array.map (fun struct (_, name) -> valueOrNull name values))

    /// Takes the gateway's count into the record of this walk, and looks whether its up-time went on.
    let sample (told: Exchange) (state: SnmpAuditState) : SnmpAuditState =
        let walk = state.Walk

        let walk =
            { walk with
                Samples =
                    (match told.Count with
                     | ValueSome count -> count :: walk.Samples
                     | ValueNone -> walk.Samples)
                First = (if walk.First.IsNone then ValueSome told else walk.First) }

        let state = { state with Walk = walk; LatestExchange = ValueSome told }

        match state.OpeningExchange with
        | ValueSome opening when
            not (Proving.wentOn opening told) && not (List.contains RestartedMeanwhile state.Faults)
            ->
            fault RestartedMeanwhile state
        | _ -> state
