namespace CallServer.Audit

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// One asking of one gateway over SNMP.
///
///   phase      requests in flight                 when all are answered            a request is given up
///   Choosing   GetNext at every profile's column  -> Opening, or over: NotServed   over
///   Opening    Get of up-time, boot, count        -> Walking                       over
///   Walking    GetBulk, one a range               -> next ranges; then Mending     that range is broken *
///   Mending    Get of a row seen in part          -> Doubting or Closing           that row is broken *
///   Doubting   GetNext below the profile's MIBs   -> Closing                       over
///   Closing    Get of up-time, boot, count        -> over; Pausing or Walking      over
///              where the walk may have missed rows and another may not
///   Pausing    none                               (at its time) -> Walking         -
///   Over       none; every event changes nothing
///
/// * the audit is over at once where nothing else was answered since. In every phase: an answer that refuses the user or the
/// community ends it, Stopped ends it, a message that matches no request is counted and dropped, and a Woke before its time
/// changes nothing. Version 3 has no phase of its own: the first answer may be a Report that tells the engine or its clock,
/// and the request is then made again.
module SnmpAudit =
    open AuditState

    type State = SnmpAuditState
    type Memory = SnmpMemory

    module Memory =
        let none: Memory = { Session = ValueNone; Pace = Pace.none; Hints = [||]; Chosen = ValueNone }

    /// So often the table is walked in one audit before a disagreement is reported.
    [<Literal>]
    let private MaxWalks = 3

    /// More rows than this no gateway has.
    [<Literal>]
    let private MaxRows = 200_000

    /// More rows than this are not asked one by one.
    [<Literal>]
    let private MaxMended = 500

    /// What to carry to the next audit of this gateway.
    let memory (state: State) : Memory =
        { Session = state.Session
          Pace = state.Pace
          Hints = state.Hints
          // A choice that showed no connection is made anew.
          Chosen =
            (if state.Target.Profile.IsSome || state.Walk.Rows = 0 then
                 ValueNone
             else
                 state.Profile) }

    /// Datagrams that matched no request of ours, so far.
    let strays (state: State) : int = state.Strays

    /// Datagrams sent, so far.
    let requests (state: State) : int = state.Requests

    let phase (state: State) : SnmpPhase = state.Phase

    let isOver (state: State) : bool = state.Phase = Over

    // The end.

    let private snapshotOf
        (now: Instant)
        (findings: Findings voption)
        (completeness: Completeness)
        (state: State)
        =
        let profile = state.Profile

        { Gateway = state.Target.Gateway
          Protocol = "snmp"
          Profile =
            (match profile with
             | ValueSome profile -> profile.Name
             | ValueNone -> "")
          Traits =
            (match profile with
             | ValueSome profile -> profile.Traits
             | ValueNone -> Traits.plain)
          Asked = state.Asked
          Answered = (if state.LastReply.IsSome then state.LastReply.Value else now)
          Boot = state.LastBoot
          Completeness = completeness
          Observations =
            (match findings with
             | ValueSome findings -> findings.Observations
             | ValueNone -> [||])
          Ended = [||]
          Requests = state.Requests }

    let private finish now findings completeness (state: State) : State =
        let snapshot = snapshotOf now findings completeness state

        { state with
            Phase = Over
            Queue = []
            Jobs = Map.empty
            JobOf = Map.empty
            Outbox = Finished snapshot :: state.Outbox }

    /// Over, with whatever was learnt so far.
    let private giveUp (now: Instant) (reason: Shortfall) (state: State) : State =
        let findings =
            match state.Profile with
            | ValueSome profile when state.Walk.First.IsSome -> ValueSome(Verdict.find profile state.Walk)
            | ValueSome _
            | ValueNone -> ValueNone

        let reasons = List.distinct (reason :: List.rev state.Faults @ List.rev state.Walk.Broken)
        finish now findings (Partial reasons) state

    let private seconds (span: TimeSpan) =
        span.TotalSeconds.ToString("0.0", Globalization.CultureInfo.InvariantCulture)

    let private silence (now: Instant) (state: State) : Shortfall =
        let asked = $"no answer to {state.Requests} requests in {seconds (now - state.Asked)} s"

        let unbelieved =
            if state.Strays > 0 then
                $"; {state.Strays} messages came that are no answer, the last one {state.LastStray}"
            else
                ""

        match state.Target.Credentials, state.LastReply with
        | Community _, ValueNone ->
            Silent $"{asked}: wrong address, port or community, or the agent is down{unbelieved}"
        | User _, ValueNone -> Silent $"{asked}: wrong address or port, or the agent is down{unbelieved}"
        | User({ Priv = Some _ }, _), ValueSome _ when not state.Answered ->
            Refused
                $"the agent tells its engine id but answers no request of this user: wrong privacy passphrase or protocol?{unbelieved}"
        | _, ValueSome _ when not state.Answered ->
            Refused $"the agent tells its engine id but answers no request of this user{unbelieved}"
        | _, ValueSome _ -> CutShort $"{asked}, of which some were answered{unbelieved}"

    // The walk.

    /// No request asks for more columns than the agent answers one row of.
    let private narrow (width: int) (strand: Strand) : Purpose list =
        strand.Columns
        |> Array.chunkBySize (max 1 width)
        |> Array.map (fun columns -> Stepping { strand with Columns = columns })
        |> List.ofArray

    let private beginStage (strands: Strand list) (state: State) : State =
        enqueue (List.collect (narrow state.Pace.Width) strands) state

    /// One strand for each gap between the hints, as many as there are requests in flight.
    let private cutAtHints (state: State) (strand: Strand) : Strand list =
        let ranges = min (Pace.slots state.Pace) (state.Hints.Length + 1)

        let cuts =
            [ for number in 1 .. ranges - 1 -> state.Hints[number * state.Hints.Length / ranges] ]
            |> List.distinct

        let starts = strand.Cursor :: cuts
        let ends = [ for cut in cuts -> ValueSome(Oid.child 0u cut) ] @ [ strand.Before ]
        List.map2 (fun start before -> { strand with Cursor = start; Before = before }) starts ends

    let private beginWalk (state: State) : State =
        let profile = profile state
        let own = Requests.ownColumns profile
        let nested = [| 0 .. profile.Columns.Length - 1 |] |> Array.except own

        let range (columns: int[]) (root: Oid) : Strand =
            let arcs = Oid.arcs root

            { Columns = columns
              Cursor = root
              Before =
                (if arcs.Length = 0 || arcs[arcs.Length - 1] = UInt32.MaxValue then
                     ValueNone
                 else
                     arcs[arcs.Length - 1] <- arcs[arcs.Length - 1] + 1u
                     ValueSome(Oid.ofArcs arcs)) }

        // Nested tables have an index and an order of their own: one strand a column.
        let alone = [ for column in nested -> range [| column |] Oid.empty ]

        let stages =
            if profile.Subtrees.Length = 0 then
                [ cutAtHints state (range own Oid.empty) @ alone ]
            else
                [ for root in profile.Subtrees -> [ range own root ] ] @ [ alone ]

        let carried =
            match state.Walk.Samples with
            | latest :: _ -> [ latest ]
            | [] -> []

        { state with
            Phase = Walking
            Walks = state.Walks + 1
            Walk = { freshWalk with Later = stages.Tail; Samples = carried } }
        |> beginStage stages.Head

    let private where (profile: Profile) (strand: Strand) : string =
        let column = profile.Columns[strand.Columns[0]].Name

        if strand.Cursor.Length = 0 then
            $"the beginning of {column}"
        else
            $"{column}.{strand.Cursor}"

    /// The agent gives less than a row of all columns, or an error: asks for fewer rows, then for fewer columns, then not at all.
    let private ease
        (attempt: Attempt)
        (answered: int)
        (why: string)
        (strand: Strand)
        (state: State)
        : State =
        let columns = strand.Columns.Length

        let reduce width =
            let pace = { state.Pace with Width = min state.Pace.Width (max 1 width) }
            enqueue (narrow pace.Width strand) { state with Pace = pace }

        if answered > 0 && answered < columns then
            reduce answered
        elif attempt.Repetitions > 1 then
            enqueue [ Stepping strand ] { state with Pace = Pace.refused attempt.Repetitions state.Pace }
        elif columns > 1 then
            reduce (columns / 2)
        else
            broken (CutShort $"{why} at {where (profile state) strand}") state

    let private stepped now (attempt: Attempt) (strand: Strand) (varBinds: VarBind[]) (state: State) : State =
        match attempt.Purpose with
        | Stepping asked ->
            let profile = profile state
            let heads = state.Heads |> Array.map (fun struct (_, name) -> name)

            match Walk.read profile.Columns heads asked strand attempt.Repetitions varBinds with
            | Backwards name -> broken (NotIncreasing $"{name} after {where profile strand}") state
            | TooNarrow answered -> ease attempt answered "an empty reply" strand state
            | Advanced advance ->
                let told = exchange state attempt.Sent now advance.Heads

                let pieces =
                    (state.Walk.Pieces, advance.Rows)
                    ||> Array.fold (fun pieces (struct (instance, cells)) ->
                        { Instance = instance; Cells = cells; Told = told } :: pieces)

                let pace =
                    if advance.Whole then
                        Pace.whole asked.Columns.Length attempt.Repetitions state.Pace
                    elif asked.Columns.Length = profile.Columns.Length then
                        Pace.cut advance.Repetitions state.Pace
                    else
                        state.Pace

                let state =
                    sample
                        told
                        { state with
                            Pace = pace
                            Walk =
                                { state.Walk with
                                    Pieces = pieces
                                    Rows = state.Walk.Rows + advance.Rows.Length } }

                if advance.Open.Length = 0 then
                    state
                elif state.Walk.Rows > MaxRows then
                    broken (CutShort $"more than {MaxRows} rows") state
                else
                    enqueue [ Stepping { strand with Columns = advance.Open; Cursor = advance.Cursor } ] state
        | Probing
        | Reading _
        | Rereading _
        | AskingServed -> invalidOp "an attempt at another request"

    // Answers.

    let private readScalars
        (now: Instant)
        (attempt: Attempt)
        (names: Oid[])
        (varBinds: VarBind[])
        (state: State)
        =
        let told =
            { Sent = attempt.Sent
              Received = now
              UpTime = ValueNone
              Clock = ValueNone
              Count = ValueNone }

        let readings =
            (state.Readings, varBinds)
            ||> Array.fold (fun readings varBind ->
                if Array.contains varBind.Name names then
                    match varBind.Value with
                    | Null
                    | NoSuchObject
                    | NoSuchInstance
                    | EndOfMibView -> readings
                    | value -> Map.add varBind.Name (struct (value, told)) readings
                else
                    readings)

        let state = { state with Readings = readings }

        if state.Heads.Length > 0 then
            sample (exchangeOfGet state attempt.Sent now varBinds) state
        else
            state

    let private reread now (attempt: Attempt) (instance: Oid) (varBinds: VarBind[]) (state: State) : State =
        let profile = profile state
        let cells = Array.create profile.Columns.Length Null

        for varBind in varBinds do
            match varBind.Value with
            | Null
            | NoSuchObject
            | NoSuchInstance
            | EndOfMibView -> ()
            | value ->
                for column in Requests.ownColumns profile do
                    match Oid.suffix profile.Columns[column].Oid varBind.Name with
                    | ValueSome suffix when suffix = instance -> cells[column] <- value
                    | _ -> ()

        let told = exchangeOfGet state attempt.Sent now varBinds

        let piece = { Instance = instance; Cells = cells; Told = told }

        let state = sample told { state with Walk = { state.Walk with Pieces = piece :: state.Walk.Pieces } }

        // Nothing of it is left: it ended under the walk. Something of it, without what names it: a row that cannot be listed.
        let isLeft = cells |> Array.exists (fun cell -> cell <> Null)
        let isNamed = profile.Identity |> Array.forall (fun column -> cells[column] <> Null)

        if isLeft && not isNamed then
            broken (Unreadable $"a row that lacks what every row has, at {instance}") state
        else
            state

    let private isServed (asked: Oid) (varBind: VarBind) : bool =
        match varBind.Value with
        | EndOfMibView
        | NoSuchObject
        | NoSuchInstance -> false
        | _ -> Oid.isPrefixOf asked varBind.Name

    let private choose (now: Instant) (varBinds: VarBind[]) (state: State) : State =
        let probes = Requests.profileProbes.Value

        let served index =
            index < varBinds.Length
            && isServed (let struct (_, oid, _) = probes[index] in oid) varBinds[index]

        let answers =
            Profiles.builtIn.Value
            |> Array.map (fun profile ->
                let hits isColumn =
                    probes
                    |> Seq.indexed
                    |> Seq.exists (fun (index, struct (owner, _, column)) ->
                        column = isColumn && Object.ReferenceEquals(owner, profile) && served index)

                struct (profile, hits true, profile.Serves.Length = 0 || hits false))

        let withRows = answers |> Array.tryFind (fun struct (_, rows, mib) -> rows && mib)

        let withMib = answers |> Array.tryFind (fun struct (_, _, mib) -> mib)

        match withRows |> Option.orElse withMib with
        | Some(struct (profile, _, _)) -> { state with Profile = ValueSome profile }
        | None ->
            giveUp
                now
                (NotServed "the table of any built-in profile; the community or user may not see it")
                state

    let private answered now (attempt: Attempt) (job: Job) (pdu: Pdu) (state: State) : State =
        match job.Purpose with
        | Probing -> choose now pdu.VarBinds state
        | Reading names -> readScalars now attempt names pdu.VarBinds state
        | Stepping strand -> stepped now attempt strand pdu.VarBinds state
        | Rereading instance -> reread now attempt instance pdu.VarBinds state
        | AskingServed ->
            let profile = profile state

            let served =
                Array.exists2
                    isServed
                    (Array.truncate pdu.VarBinds.Length profile.Serves)
                    (Array.truncate profile.Serves.Length pdu.VarBinds)

            if served then
                state
            else
                broken
                    (NotServed
                        $"{profile.Name}: nothing of its MIB is there, or the community or user may not see it")
                    state

    let private mayNot (credentials: Credentials) : string =
        match credentials with
        | Community _ -> "this community may not read here; widen its view, or ask with another"
        | User({ Auth = None } as user, _) ->
            $"user '{Rows.textOfOctets user.Name}' may not read without authentication; give auth and priv as set up there"
        | User({ Priv = None } as user, _) ->
            $"user '{Rows.textOfOctets user.Name}' may not read without privacy; give priv, or widen the view there"
        | User(user, _) -> $"user '{Rows.textOfOctets user.Name}' may not read here; widen its view"

    /// A response with an error status.
    let private failed now (attempt: Attempt) (job: Job) (pdu: Pdu) (state: State) : State =
        let error = ErrorStatus.name pdu.ErrorStatus

        if pdu.ErrorStatus = ErrorStatus.AuthorizationError || pdu.ErrorStatus = ErrorStatus.NoAccess then
            giveUp now (Refused $"the agent answers {error}: {mayNot state.Target.Credentials}") state
        else
            match job.Purpose with
            | Probing
            | AskingServed -> giveUp now (CallServer.Ledger.Unreadable $"the agent answers {error}") state
            | Reading names when names.Length > 1 ->
                let half = names.Length / 2
                enqueue [ Reading names[.. half - 1]; Reading names[half..] ] state
            // A scalar that cannot be read is one that is not served.
            | Reading _ -> state
            | Stepping strand -> ease attempt 0 error strand state
            | Rereading instance -> broken (CutShort $"{error} at row {instance}") state

    // The phases' ends.

    let private scalarsOf (profile: Profile) : Oid[] =
        [| Profile.sysUpTime
           profile.Boot.UpTime
           yield! profile.Boot.Token
           match profile.Count with
           | ValueSome check -> yield! check.Scalars
           | ValueNone -> ()
           match profile.Clock with
           | ValueSome clock -> clock.Oid
           | ValueNone -> () |]
        |> Array.distinct

    /// sysUpTime is no clock: then it tells neither a restart nor a time.
    let private stoodStill (state: State) : bool =
        match state.OpeningExchange, state.LatestExchange with
        | ValueSome first, ValueSome latest -> Proving.stoodStill first latest
        | _ -> false

    let private readBoot (now: Instant) (state: State) : State =
        let engine =
            match state.Session with
            | ValueSome session -> V3Session.bootToken session
            | ValueNone -> ValueNone

        let readings =
            if stoodStill state then
                Map.remove Profile.sysUpTime state.Readings
            else
                state.Readings

        { state with LastBoot = Proving.boot (profile state) engine now readings }

    let private beginReading (phase: SnmpPhase) (state: State) : State =
        enqueue [ Reading(scalarsOf (profile state)) ] { state with Phase = phase; Readings = Map.empty }

    /// The scalars that go with every step: those that turned out to be served.
    let private headsOf (profile: Profile) (readings: Proving.Readings) : struct (Role * Oid)[] =
        let served (role: Role) (name: Oid) =
            if Map.containsKey name readings then [ struct (role, name) ] else []

        [| yield! served TimeBase Profile.sysUpTime
           match profile.Clock with
           | ValueSome clock -> yield! served Clock clock.Oid
           | ValueNone -> ()
           match profile.Count with
           | ValueSome check ->
               for scalar in check.Scalars do
                   yield! served Count scalar
           | ValueNone -> () |]

    let private opened (now: Instant) (state: State) : State =
        let profile = profile state
        let state = readBoot now state
        let state = { state with Heads = headsOf profile state.Readings }

        // What was read before the heads were known, in the shape that every step has.
        let told =
            state.Readings
            |> Map.tryFind Profile.sysUpTime
            |> Option.map (fun struct (_, read) ->
                let values =
                    state.Heads
                    |> Array.map (fun struct (_, name) ->
                        match Map.tryFind name state.Readings with
                        | Some(struct (value, _)) -> value
                        | None -> Null)

                exchange state read.Sent read.Received values)

        let state =
            match told with
            | Some told ->
                let state = sample told state
                { state with OpeningExchange = ValueSome told }
            | None -> state

        let columns = (Requests.ownColumns profile).Length

        beginWalk { state with FirstBoot = ValueSome state.LastBoot; Pace = Pace.start columns state.Pace }

    let private sameBoot (state: State) : Shortfall voption =
        match state.FirstBoot with
        | ValueNone -> ValueNone
        | ValueSome first ->
            match Boot.judge first state.LastBoot with
            | SameRun
            | CounterWrapped
            | AgentReloaded -> ValueNone
            | Restarted _ -> ValueSome RestartedMeanwhile
            | BootVerdict.Untold -> ValueSome(NotServed "sysUpTime.0, which tells a restart during the audit")

    let private mayMend (shortfall: Shortfall) : bool =
        match shortfall with
        | CountDisagrees _
        | IndexMoved _ -> true
        | Silent _
        | Refused _
        | CutShort _
        | NotIncreasing _
        | RestartedMeanwhile
        | NotServed _
        | CallServer.Ledger.Unreadable _
        | Cancelled -> false

    let private closed (now: Instant) (state: State) : State =
        let profile = profile state
        let state = readBoot now state
        let walk = if stoodStill state then Verdict.withoutUpTime state.Walk else state.Walk
        let findings = Verdict.find profile walk
        let apart = 2 * state.Pace.Repetitions
        let state = { state with Hints = Verdict.hints apart findings.Instances }

        let lasting =
            [ match sameBoot state with
              | ValueSome shortfall -> shortfall
              | ValueNone -> ()
              yield! List.rev state.Faults
              yield! List.rev state.Walk.Broken ]

        let reasons = List.distinct (lasting @ findings.Shortfalls)

        match reasons with
        | [] ->
            let proof =
                if findings.CountAgrees then
                    [ EndOfTable; SameBoot; CountAgrees ]
                else
                    [ EndOfTable; SameBoot ]

            finish now (ValueSome findings) (Complete proof) state
        | _ when List.forall mayMend reasons && state.Walks < MaxWalks ->
            if profile.Traits.Staleness > TimeSpan.Zero then
                { state with Phase = Pausing(now + profile.Traits.Staleness) }
            else
                beginWalk state
        | _ -> finish now (ValueSome findings) (Partial reasons) state

    /// Rows seen in part are asked once more; without rows and without a count, whether the MIB is there at all.
    let private walked (state: State) : State =
        let profile = profile state
        let torn = Verdict.torn profile state.Walk

        if torn.Length > MaxMended then
            beginReading Closing (broken (CutShort $"{torn.Length} rows were told in part only") state)
        elif torn.Length > 0 then
            enqueue [ for instance in torn -> Rereading instance ] { state with Phase = Mending }
        elif state.Walk.Rows = 0 && state.Walk.Samples.IsEmpty && profile.Serves.Length > 0 then
            enqueue [ AskingServed ] { state with Phase = Doubting }
        else
            beginReading Closing state

    /// Nothing is in flight and nothing waits: the phase is done.
    let rec private settle (now: Instant) (state: State) : State =
        if not (Map.isEmpty state.Jobs) then
            state
        elif state.Phase <> Over && state.Requests >= Requests.MaxRequests then
            giveUp now (CutShort $"more than {Requests.MaxRequests} requests") state
        elif not state.Queue.IsEmpty then
            state
        else
            match state.Phase with
            | Choosing -> settle now (beginReading Opening state)
            | Opening -> settle now (opened now state)
            | Walking ->
                match state.Walk.Later with
                | stage :: later ->
                    settle now (beginStage stage { state with Walk = { state.Walk with Later = later } })
                | [] -> settle now (walked state)
            | Mending
            | Doubting -> beginReading Closing state
            | Closing -> settle now (closed now state)
            | Pausing until -> if now.Micros >= until.Micros then beginWalk state else state
            | Over -> state

    /// Sends what may be sent, and says when to wake up; the commands in the order in which they came about.
    let private commit (now: Instant) (state: State) : State * Command list =
        let state = state |> settle now |> Requests.pump now

        let wake =
            match Requests.deadline state with
            | ValueSome at -> [ WakeAt at ]
            | ValueNone -> []

        { state with Outbox = [] }, List.rev state.Outbox @ wake

    // Events.

    let private matched now (number: int) (attempt: Attempt) (job: Job) (pdu: Pdu) (state: State) : State =
        let prompt = now - attempt.Sent <= state.Target.Timeout * 0.5

        let state =
            { forget number job state with
                LastReply = ValueSome now
                Answered = true
                Pace = (if prompt then Pace.prompt state.Pace else state.Pace) }

        if pdu.ErrorStatus = ErrorStatus.NoError then
            answered now attempt job pdu state
        else
            failed now attempt job pdu state

    let private receivedV3
        now
        number
        (attempt: Attempt)
        (job: Job)
        (session: V3Session)
        octets
        (state: State)
        =
        let struct (reception, session) = V3Session.receive now octets session
        let state = { state with Session = ValueSome session }

        match reception with
        | Answer pdu -> matched now number attempt job pdu state
        | Learnt ->
            let state = { state with LastReply = ValueSome now }

            match Requests.correct now number job state with
            | ValueSome state -> state
            | ValueNone ->
                giveUp now (Refused "the agent changes its engine id or its clock at every request") state
        | Refusal reason -> giveUp now (Refused reason) { state with LastReply = ValueSome now }
        | Stranger reason -> stray reason state

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        let find id =
            match Map.tryFind id state.JobOf with
            | Some number ->
                let job = Map.find number state.Jobs
                let attempt = job.Attempts |> List.find (fun attempt -> attempt.Id = id)
                ValueSome(struct (number, job, attempt))
            | None -> ValueNone

        match Snmp.peek octets, state.Session, state.Target.Credentials with
        | Error error, _, _ -> stray (string error) state
        | Ok(MessageId id), ValueSome session, _ ->
            match find id with
            | ValueSome(struct (number, job, attempt)) ->
                receivedV3 now number attempt job session octets state
            | ValueNone -> stray "an answer to no request of this audit" state
        | Ok(RequestId id), ValueNone, Community community ->
            match find id with
            | ValueNone -> stray "an answer to no request of this audit" state
            | ValueSome(struct (number, job, attempt)) ->
                match Snmp.decode octets with
                | Ok(V2c(theirs, pdu)) when pdu.Kind = Response && theirs = community ->
                    matched now number attempt job pdu state
                | Ok(V2c _) -> stray "no response, or of another community" state
                | Ok(V3 _) -> stray "of version 3" state
                | Error error -> stray (string error) state
        | Ok(RequestId _), _, _ -> stray "of version 2c" state
        | Ok(MessageId _), ValueNone, _ -> stray "of version 3" state

    /// A request that is not answered however often it is sent.
    let private spent (now: Instant) (number: int) (job: Job) (state: State) : State =
        let first = (List.last job.Attempts).Sent
        let state = forget number job state

        let answeredSince =
            state.Answered
            && match state.LastReply with
               | ValueSome reply -> reply > first
               | ValueNone -> false

        match job.Purpose with
        | Stepping strand when answeredSince && state.Requests < Requests.MaxRequests ->
            broken
                (CutShort $"no answer to {job.Attempts.Length} requests at {where (profile state) strand}")
                state
        | Rereading instance when answeredSince ->
            broken (CutShort $"no answer to {job.Attempts.Length} requests for row {instance}") state
        | Stepping _
        | Rereading _
        | Probing
        | Reading _
        | AskingServed -> giveUp now (silence now state) state

    let private woke (now: Instant) (state: State) : State =
        let due =
            [ for KeyValue(number, job) in state.Jobs do
                  if job.Deadline.Micros <= now.Micros then
                      number, job ]

        (state, due)
        ||> List.fold (fun state (number, job) ->
            if state.Phase = Over then state
            elif Requests.isSpent job state then spent now number job state
            else Requests.repeat now number job state)

    let private stopped (now: Instant) (state: State) : State =
        if state.Answered then
            giveUp now Cancelled state
        else
            giveUp now Cancelled (fault (silence now state) state)

    /// One event in; all of its commands are to be carried out before the next.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | Over, (Received _ | Woke _ | Stopped _) -> state, []
        | _, Received(_, octets) -> commit now (received now octets state)
        | _, Woke _ -> commit now (woke now state)
        | _, Stopped _ -> commit now (stopped now state)

    /// Begins an audit: the first request, and when to wake up.
    let start (target: SnmpTarget) (memory: Memory) (at: Moment) (rng: Rng) : State * Command list =
        let now = at.Steady
        let struct (salt, rng) = Rng.next rng

        let session =
            match target.Credentials with
            | Community _ -> ValueNone
            | User(user, context) -> ValueSome(V3Session.resume user context salt memory.Session)

        let profile =
            match target.Profile with
            | Some profile -> ValueSome profile
            | None -> memory.Chosen

        let state: State =
            { Target = target
              Rng = rng
              Session = session
              Profile = profile
              Phase = Choosing
              Asked = now
              LastReply = ValueNone
              Answered = false
              Requests = 0
              Strays = 0
              LastStray = ""
              Queue = []
              Jobs = Map.empty
              JobOf = Map.empty
              NextJob = 0
              Pace = memory.Pace
              Hints = memory.Hints
              Readings = Map.empty
              Heads = [||]
              FirstBoot = ValueNone
              LastBoot = Boot.untold now
              OpeningExchange = ValueNone
              LatestExchange = ValueNone
              Walks = 0
              Walk = freshWalk
              Faults = []
              Outbox = [] }

        let state =
            match profile with
            | ValueSome _ -> beginReading Opening state
            | ValueNone -> enqueue [ Probing ] state

        commit now state
