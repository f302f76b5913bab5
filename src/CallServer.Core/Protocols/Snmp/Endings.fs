namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// How an SNMP audit ends: with a snapshot, whatever happened.
module internal Endings =
    let private snapshotOf
        (answered: Instant)
        (observations: Observation[])
        (completeness: Completeness)
        (state: SnmpAuditState)
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
          Answered = answered
          Boot = state.LastBoot
          Completeness = completeness
          Observations = observations
          Ended = [||]
          History = ValueNone
          Denied = [||]
          Standing = ValueNone
          Remarks = List.rev state.Remarks
          Requests = state.Requests }

    let private over (snapshot: Snapshot) (state: SnmpAuditState) : SnmpAuditState =
        { state with
            Phase = Over
            Queue = []
            Jobs = Map.empty
            JobOf = Map.empty
            Outbox = Finished snapshot :: state.Outbox }

    let finish now (findings: Findings voption) completeness (state: SnmpAuditState) : SnmpAuditState =
        let answered = if state.LastReply.IsSome then state.LastReply.Value else now

        let observations =
            match findings with
            | ValueSome findings -> findings.Observations
            | ValueNone -> [||]

        let told = findings |> ValueOption.map _.Remarks |> ValueOption.defaultValue []
        let remarks = AuditState.spared state.Walk @ told
        let state = (state, remarks) ||> List.fold (fun state text -> AuditState.remark text state)
        let snapshot = snapshotOf answered observations completeness state

        // The first audit of a gateway that keeps a history says so, and the next one reads it.
        let history =
            match state.Profile, completeness with
            | ValueSome { History = ValueSome _ }, Complete _ ->
                ValueSome { Until = ValueNone; Cursor = ValueNone }
            | _ -> ValueNone

        over { snapshot with History = history } state

    /// Over, with what the walk had proven before the history was read, and what was read of that. Nothing that befalls the
    /// reading changes the proof.
    let finishHistory (proven: Proven) (state: SnmpAuditState) : SnmpAuditState =
        let snapshot = snapshotOf proven.Answered proven.Observations (Complete proven.Proof) state
        let struct (ended, read) = Recall.read proven state

        over { snapshot with Ended = ended; History = ValueSome read } { state with Pace = proven.Pace }

    /// Over, with whatever was learnt so far.
    let giveUp (now: Instant) (reason: Shortfall) (state: SnmpAuditState) : SnmpAuditState =
        match state.Proven with
        | ValueSome proven -> finishHistory proven (AuditState.broken reason state)
        | ValueNone ->
            let findings =
                match state.Profile with
                | ValueSome profile when state.Walk.First.IsSome -> ValueSome(Verdict.find profile state.Walk)
                | ValueSome _
                | ValueNone -> ValueNone

            let reasons = List.distinct (reason :: List.rev state.Faults @ AuditState.shortfalls state.Walk)

            finish now findings (Partial reasons) state

    let silence (now: Instant) (state: SnmpAuditState) : Shortfall =
        let asked = Silence.asked state.Requests "requests" state.Asked now

        let unbelieved = Silence.strays state.Strays state.LastStray

        match state.Target.Credentials, state.LastReply with
        | Community _, ValueNone ->
            Silent $"{asked}: wrong address, port or community, or the agent is down{unbelieved}"
        | User _, ValueNone -> Silent $"{asked}: wrong address or port, or the agent is down{unbelieved}"
        | User({ Priv = Some _ }, _), ValueSome _ when not state.Answered ->
            Refused(
                RefusalCause.Encryption,
                "the agent tells its engine id but answers no request of this user: "
                + $"wrong privacy passphrase or protocol?{unbelieved}"
            )
        | _, ValueSome _ when not state.Answered ->
            Refused(
                RefusalCause.Unsaid,
                $"the agent tells its engine id but answers no request of this user{unbelieved}"
            )
        | _, ValueSome _ -> CutShort $"{asked}, of which some were answered{unbelieved}"
