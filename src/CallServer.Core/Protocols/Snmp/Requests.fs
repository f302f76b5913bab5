namespace CallServer.Protocols.Snmp

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

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
    let PeekedValues = 4

    /// Instances of a column whose sum is a count: more engines than a gateway has.
    [<Literal>]
    let FoundInstances = 16

    /// Each repeat waits half as long again.
    let private backOff = 1.5

    let private scalarNames (state: SnmpAuditState) = state.Heads |> Array.map (fun struct (_, name) -> name)

    /// The columns and roots by which each profile is known: true for a column.
    let profileProbes (candidates: Profile[]) : struct (Profile * Oid * bool)[] =
        [| for profile in candidates do
               struct (profile, profile.Columns[profile.Identity[0]].Oid, true)

               for root in profile.Serves do
                   struct (profile, root, false) |]

    /// A few instances after a name, or the next one.
    let private listing (id: int) (repetitions: int) (after: Oid) : Pdu =
        if repetitions = 0 then
            Pdu.getNext id [ after ]
        else
            Pdu.getBulk id 0 repetitions [ after ]

    let private pduOf (id: int) (repetitions: int) (purpose: Purpose) (state: SnmpAuditState) : Pdu =
        match purpose with
        | Probing names
        | AskingServed names
        | Naming names -> Pdu.getNext id names
        | Reading names -> Pdu.get id names
        | Stepping strand ->
            let names = Walk.names (AuditState.profile state).Columns (scalarNames state) strand

            if repetitions = 0 then
                Pdu.getNext id names
            else
                Pdu.getBulk id state.Heads.Length repetitions names
        | Rereading asked ->
            let profile = AuditState.profile state
            let arcs = Oid.arcs asked.Instance
            let cells = asked.Columns |> Array.map (fun column -> Oid.append profile.Columns[column].Oid arcs)
            Pdu.get id (Array.append (scalarNames state) cells)
        | Purpose.Joining pointings ->
            Pdu.get id (Array.append (scalarNames state) (Joining.names (AuditState.profile state) pointings))
        | Finding(column, told) ->
            let after = told |> List.tryLast |> Option.map _.Name |> Option.defaultValue column
            listing id repetitions after
        | Peeking(column, after, _) -> listing id repetitions (Oid.append column (Oid.arcs after))

    /// Their names, each once.
    let probedNames (candidates: Profile[]) : Oid[] =
        profileProbes candidates |> Array.map (fun struct (_, name, _) -> name) |> Array.distinct

    /// So many at a time.
    let parts (size: int) (items: 'Item[]) : 'Item[] list = items |> Array.chunkBySize size |> List.ofArray

    /// What an error leaves to be asked apart: the culprit and the others; halves where it is not told, or the reply would not
    /// fit. Nothing where there is one only.
    let splitAt (status: int) (culprit: int) (items: 'Item[]) : 'Item[] list =
        if items.Length < 2 then
            []
        elif status <> ErrorStatus.TooBig && culprit >= 0 && culprit < items.Length then
            [ Array.removeAt culprit items; [| items[culprit] |] ]
        else
            parts ((items.Length + 1) / 2) items

    /// The same for names that were asked without scalars before them.
    let apart (pdu: Pdu) (names: Oid[]) : Oid[] list = splitAt pdu.ErrorStatus (pdu.ErrorIndex - 1) names

    /// About so many octets a variable binding of that name takes in a reply.
    let private octetsOf (name: Oid) : int =
        14 + name.Length + 2 * (Oid.arcs name |> Array.sumBy (fun arc -> if arc > 127u then 1 else 0))

    /// The least that every agent takes in a message (RFC 3417 section 3.2), less what stands around the variable bindings.
    [<Literal>]
    let private LeastRoom = 400

    /// Gets of these scalars, all in one, and of these cells, as many in each as an agent takes for certain, or has told in one reply.
    let readings (state: SnmpAuditState) (scalars: Oid[]) (cells: Oid list) : Purpose list =
        let proven = state.Pace.Proven * (Profile.ownColumns (AuditState.profile state)).Length
        let room = max LeastRoom (min 1200 (24 * proven))

        let rec fill (batch: Oid list) (left: int) (cells: Oid list) =
            match cells with
            | [] -> [ batch ]
            | cell :: rest when batch.IsEmpty || octetsOf cell <= left ->
                fill (cell :: batch) (left - octetsOf cell) rest
            | _ -> batch :: fill [] room cells

        fill (List.rev (List.ofArray scalars)) (LeastRoom - Array.sumBy octetsOf scalars) cells
        |> List.map (List.rev >> Array.ofList >> Reading)

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

    /// Rows to ask for: less at each repeat after the first, because a reply too large is not sent at all; in the end by
    /// GetNext, sooner where the agent has not answered a GetBulk yet.
    let private repetitionsOf (purpose: Purpose) (timeOuts: int) (state: SnmpAuditState) : int =
        let pace = state.Pace
        let isSpeaking = pace.Bulk = Answers

        match purpose with
        | Stepping strand when strand.Singly || WalkPace.isSingle pace -> 0
        | Stepping _ when timeOuts >= (if isSpeaking then 3 else 2) -> 0
        | Stepping _ -> max 1 (pace.Repetitions >>> max 0 (timeOuts - 1))
        | Peeking _ -> if isSpeaking then PeekedValues else 0
        | Finding _ -> if isSpeaking then FoundInstances else 0
        | Probing _
        | Reading _
        | Rereading _
        | Purpose.Joining _
        | AskingServed _
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
        | ValueNone -> WalkPace.slots state.Pace

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

    /// Cuts the range of one strand in flight; the new part is queued.
    let private split (state: SnmpAuditState) : SnmpAuditState voption =
        let profile = AuditState.profile state

        let upTime =
            match state.Walk.First with
            | ValueSome first -> first.UpTime
            | ValueNone -> ValueNone

        let byTime = profile.Index[0].Kind = IndexTimeStamp

        if state.Walk.Splits >= WalkPace.cuts state.Walk.Replies state.Pace then
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
                      | Probing _
                      | Reading _
                      | Rereading _
                      | Purpose.Joining _
                      | AskingServed _
                      | Finding _
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

        let state = { state with Pace = WalkPace.lost now state.Target.Timeout last.Repetitions state.Pace }

        transmit now number job.Purpose job.Attempts (job.TimeOuts + 1) state

    /// As many scalars and cells every agent answers at once.
    [<Literal>]
    let private FewNames = 8

    /// A reply too large for its buffer or its path is never sent: a request for many names that was lost twice is halved.
    let halved (job: Job) (state: SnmpAuditState) : Purpose list =
        match job.Purpose with
        | Reading names when state.Answered && job.TimeOuts > 0 && names.Length > FewNames ->
            parts ((names.Length + 1) / 2) names |> List.map Reading
        | _ -> []

    let isSpent (job: Job) (state: SnmpAuditState) : bool =
        job.TimeOuts + 1 >= max 1 state.Target.Attempts || state.Requests >= MaxRequests

    /// The times at which something is due.
    let deadline (state: SnmpAuditState) : Instant voption =
        match state.Phase with
        | Pausing until -> ValueSome until
        | Over -> ValueNone
        | Choosing
        | Introducing
        | Opening
        | Walking
        | Mending
        | SnmpPhase.Joining
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
