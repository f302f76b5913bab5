namespace CallServer.Audit

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// Making requests, repeating them, and giving up.
module internal Requests =
    /// More requests than this an audit never makes, whatever the agent says.
    [<Literal>]
    let MaxRequests = 50_000

    /// Repeats at once, because the agent told what was missing: its engine, its clock.
    [<Literal>]
    let private MaxCorrections = 4

    /// Values of a column that tells whether there is anything new: one for each engine of a gateway.
    [<Literal>]
    let private PeekedValues = 4

    /// Each repeat waits half as long again.
    let private backOff = 1.5

    let private scalarNames (state: SnmpAuditState) = state.Heads |> Array.map (fun struct (_, name) -> name)

    /// The columns of the row itself.
    let ownColumns (profile: Profile) : int[] =
        [| for column in 0 .. profile.Columns.Length - 1 do
               if profile.Columns[column].Joint = SameIndex then
                   column |]

    let profileProbes: Lazy<struct (Profile * Oid * bool)[]> =
        lazy
            [| for profile in Profiles.builtIn.Value do
                   struct (profile, profile.Columns[profile.Identity[0]].Oid, true)

                   for root in profile.Serves do
                       struct (profile, root, false) |]

    let private pduOf (id: int) (repetitions: int) (purpose: Purpose) (state: SnmpAuditState) : Pdu =
        match purpose with
        | Probing -> Pdu.getNext id (profileProbes.Value |> Array.map (fun struct (_, oid, _) -> oid))
        | Reading names -> Pdu.get id names
        | Stepping strand ->
            let names = Walk.names (AuditState.profile state).Columns (scalarNames state) strand
            Pdu.getBulk id state.Heads.Length repetitions names
        | Rereading instance ->
            let profile = AuditState.profile state
            let arcs = Oid.arcs instance

            let cells =
                ownColumns profile |> Array.map (fun column -> Oid.append profile.Columns[column].Oid arcs)

            Pdu.get id (Array.append (scalarNames state) cells)
        | AskingServed -> Pdu.getNext id (AuditState.profile state).Serves
        | Peeking(column, after) -> Pdu.getBulk id 0 PeekedValues [ Oid.append column (Oid.arcs after) ]
        | Naming names -> Pdu.getNext id names

    /// A request id that is in no use: positive, and not to be guessed.
    let private newId (state: SnmpAuditState) : struct (int * SnmpAuditState) =
        let mutable rng = state.Rng
        let mutable id = 0

        while id = 0 || Map.containsKey id state.JobOf do
            let struct (bits, next) = Rng.next rng
            rng <- next
            id <- int (bits >>> 33)

        struct (id, { state with Rng = rng })

    let private encode
        (now: Instant)
        (id: int)
        (pdu: Pdu)
        (state: SnmpAuditState)
        : struct (byte[] * SnmpAuditState) =
        match state.Target.Credentials, state.Session with
        | Community community, _ -> struct (Snmp.encode (V2c(community, pdu)), state)
        | User _, ValueSome session ->
            let struct (octets, session) = V3Session.wrap now id pdu session
            struct (octets, { state with Session = ValueSome session })
        | User _, ValueNone -> invalidOp "a user has a session from the start"

    /// Rows to ask for: less at each repeat after the first, because a reply too large is not sent at all.
    let private repetitionsOf (purpose: Purpose) (timeOuts: int) (state: SnmpAuditState) : int =
        match purpose with
        | Stepping _ -> max 1 (state.Pace.Repetitions >>> max 0 (timeOuts - 1))
        | Probing
        | Reading _
        | Rereading _
        | AskingServed
        | Peeking _
        | Naming _ -> 0

    /// One datagram; the wait for its answer grows with the time-outs before it, and differs a little from
    /// gateway to gateway.
    let private transmit
        (now: Instant)
        (number: int)
        (purpose: Purpose)
        (earlier: Attempt list)
        timeOuts
        state
        =
        let repetitions = repetitionsOf purpose timeOuts state
        let struct (id, state) = newId state
        let struct (octets, state) = encode now id (pduOf id repetitions purpose state) state
        let struct (jitter, rng) = Rng.fraction state.Rng
        let wait = state.Target.Timeout * (Math.Pow(backOff, float timeOuts) * (1.0 + 0.1 * jitter))

        let attempt = { Id = id; Sent = now; Purpose = purpose; Repetitions = repetitions }

        let job =
            { Purpose = purpose
              Attempts = attempt :: earlier
              TimeOuts = timeOuts
              Deadline = now + wait }

        { state with
            Rng = rng
            Requests = state.Requests + 1
            Jobs = Map.add number job state.Jobs
            JobOf = Map.add id number state.JobOf
            Outbox = Send octets :: state.Outbox }

    let private send (now: Instant) (purpose: Purpose) (state: SnmpAuditState) : SnmpAuditState =
        transmit now state.NextJob purpose [] 0 { state with NextJob = state.NextJob + 1 }

    /// The request again, now that the engine or its clock is known; an agent that never has enough is given
    /// up.
    let correct (now: Instant) (number: int) (job: Job) (state: SnmpAuditState) : SnmpAuditState voption =
        if job.Attempts.Length - job.TimeOuts > MaxCorrections then
            ValueNone
        else
            ValueSome(transmit now number job.Purpose job.Attempts job.TimeOuts state)

    /// How many may be in flight. Before the engine is known, one: the others would only be told the same.
    let private slots (state: SnmpAuditState) : int =
        match state.Session with
        | ValueSome session when session.Keys.IsNone -> 1
        | ValueSome _
        | ValueNone -> Pace.slots state.Pace

    /// Where the strand in flight with the most left of it may be cut in two: at an instance of the last
    /// walk, or, where the index is a time stamp, half-way from the cursor to now.
    let private cut
        (upTime: uint32 voption)
        (byTime: bool)
        (hints: Oid[])
        (strand: Strand)
        : struct (Oid * int) voption =
        let inside =
            hints
            |> Array.filter (fun hint ->
                hint.CompareTo strand.Cursor > 0
                && (strand.Before.IsNone || hint.CompareTo strand.Before.Value < 0))

        if inside.Length > 0 then
            ValueSome(struct (inside[inside.Length / 2], inside.Length * 1000))
        elif byTime && strand.Cursor.Length > 0 && upTime.IsSome then
            let from = int64 strand.Cursor[0]

            let until =
                match strand.Before with
                | ValueSome before when before.Length > 0 -> int64 before[0]
                | _ -> int64 upTime.Value

            // Less than a second of calls is no range of its own.
            if until - from > 100L then
                let middle = Oid.ofArcs [| uint32 (from + (until - from) / 2L) |]
                ValueSome(struct (middle, 0))
            else
                ValueNone
        else
            ValueNone

    [<Literal>]
    let private MaxSplits = 24

    /// Cuts the range of one strand in flight; the new part is queued.
    let private split (state: SnmpAuditState) : SnmpAuditState voption =
        let profile = AuditState.profile state

        let upTime =
            match state.Walk.First with
            | ValueSome first -> first.UpTime
            | ValueNone -> ValueNone

        let byTime = profile.Index[0].Kind = IndexTimeStamp

        if state.Walk.Splits >= MaxSplits then
            ValueNone
        else
            let candidates =
                [ for KeyValue(number, job) in state.Jobs do
                      match job.Purpose with
                      | Stepping strand when profile.Columns[strand.Columns[0]].Joint = SameIndex ->
                          match cut upTime byTime state.Hints strand with
                          | ValueSome(struct (at, weight)) -> struct (weight, number, job, strand, at)
                          | ValueNone -> ()
                      | Stepping _
                      | Probing
                      | Reading _
                      | Rereading _
                      | AskingServed
                      | Peeking _
                      | Naming _ -> () ]

            match candidates with
            | [] -> ValueNone
            | _ ->
                let struct (_, number, job, strand, at) =
                    candidates |> List.maxBy (fun struct (weight, _, _, _, _) -> weight)

                // Instances up to and including the cut stay: the next name after it is the cut followed by
                // 0.
                let lower = { strand with Before = ValueSome(Oid.child 0u at) }
                let upper = { strand with Cursor = at }

                { state with
                    Jobs = Map.add number { job with Purpose = Stepping lower } state.Jobs
                    Walk = { state.Walk with Splits = state.Walk.Splits + 1 } }
                |> AuditState.enqueue [ Stepping upper ]
                |> ValueSome

    /// Sends what waits, as far as the window allows.
    let rec pump (now: Instant) (state: SnmpAuditState) : SnmpAuditState =
        if state.Phase = Over || state.Jobs.Count >= slots state || state.Requests >= MaxRequests then
            state
        else
            match state.Queue with
            | next :: rest -> pump now (send now next { state with Queue = rest })
            | [] when state.Phase = Walking && state.Jobs.Count > 0 ->
                match split state with
                | ValueSome state -> pump now state
                | ValueNone -> state
            | [] -> state

    /// A request was not answered in time and is sent again.
    let repeat (now: Instant) (number: int) (job: Job) (state: SnmpAuditState) : SnmpAuditState =
        let last = List.head job.Attempts

        let state = { state with Pace = Pace.lost now state.Target.Timeout last.Repetitions state.Pace }

        transmit now number job.Purpose job.Attempts (job.TimeOuts + 1) state

    let isSpent (job: Job) (state: SnmpAuditState) : bool =
        job.TimeOuts + 1 >= max 1 state.Target.Attempts || state.Requests >= MaxRequests

    /// The times at which something is due.
    let deadline (state: SnmpAuditState) : Instant voption =
        match state.Phase with
        | Pausing until -> ValueSome until
        | Over -> ValueNone
        | Choosing
        | Opening
        | Walking
        | Mending
        | Doubting
        | Closing
        | PeekingHistory
        | ReadingHistory
        | NamingHistory ->
            if Map.isEmpty state.Jobs then
                ValueNone
            else
                state.Jobs
                |> Map.fold (fun least _ job -> Instant.min least job.Deadline) Instant.distantFuture
                |> ValueSome
