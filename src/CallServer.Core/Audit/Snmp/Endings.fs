namespace CallServer.Audit

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// How an SNMP audit ends: with a snapshot, whatever happened.
module internal Endings =
    let private snapshotOf
        (now: Instant)
        (findings: Findings voption)
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
          Answered = (if state.LastReply.IsSome then state.LastReply.Value else now)
          Boot = state.LastBoot
          Completeness = completeness
          Observations =
            (match findings with
             | ValueSome findings -> findings.Observations
             | ValueNone -> [||])
          Ended = [||]
          Denied = [||]
          Standing = ValueNone
          Requests = state.Requests }

    let finish now findings completeness (state: SnmpAuditState) : SnmpAuditState =
        let snapshot = snapshotOf now findings completeness state

        { state with
            Phase = Over
            Queue = []
            Jobs = Map.empty
            JobOf = Map.empty
            Outbox = Finished snapshot :: state.Outbox }

    /// Over, with whatever was learnt so far.
    let giveUp (now: Instant) (reason: Shortfall) (state: SnmpAuditState) : SnmpAuditState =
        let findings =
            match state.Profile with
            | ValueSome profile when state.Walk.First.IsSome -> ValueSome(Verdict.find profile state.Walk)
            | ValueSome _
            | ValueNone -> ValueNone

        let reasons = List.distinct (reason :: List.rev state.Faults @ List.rev state.Walk.Broken)
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
                "the agent tells its engine id but answers no request of this user: "
                + $"wrong privacy passphrase or protocol?{unbelieved}"
            )
        | _, ValueSome _ when not state.Answered ->
            Refused $"the agent tells its engine id but answers no request of this user{unbelieved}"
        | _, ValueSome _ -> CutShort $"{asked}, of which some were answered{unbelieved}"
