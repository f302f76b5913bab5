namespace CallServer.Protocols.Mgcp

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// How an MGCP audit ends: with a snapshot, whatever happened.
module internal MgcpEndings =
    open MgcpState

    /// MGCP tells no duration, no boot and, but for bulk audits, no count. Ids may come again after three minutes, but the call id
    /// stands beside them as the stamp that tells their uses apart (rules 6 and 9).
    let traits: Traits = Traits.plain

    /// What AUEP listed and AUCX did not tell of is known to be there all the same.
    let private unaudited (state: MgcpAuditState) : Observation list =
        [ for KeyValue(_, endpoint) in state.Endpoints do
              match endpoint.Ids with
              | ValueSome ids ->
                  for id in ids do
                      let name = idOf endpoint.Name id

                      if not (Map.containsKey name state.Observations || Set.contains name state.Gone) then
                          match MgcpObserving.listed endpoint.Name id endpoint.Heard with
                          | ValueSome observation -> observation
                          | ValueNone -> ()
              | ValueNone -> () ]

    let private observations (state: MgcpAuditState) : Observation[] =
        Seq.append state.Observations.Values (unaudited state)
        |> Seq.distinctBy _.Id
        |> Seq.sortBy _.Id
        |> Seq.toArray

    /// The errors in words, those of one kind together.
    let private errors (state: MgcpAuditState) : Shortfall list =
        [ for KeyValue(words, struct (count, first)) in state.Errors do
              if count = 1 then
                  CutShort $"{first}: {words}"
              else
                  CutShort $"{first} and {count - 1} more: {words}" ]

    let reasons (state: MgcpAuditState) : Shortfall list = List.rev state.Faults @ errors state

    /// The bulk audit counted on every endpoint what AUEP listed on it.
    let countAgrees (state: MgcpAuditState) : bool =
        not (Map.isEmpty state.Endpoints)
        && state.Endpoints
           |> Map.forall (fun _ endpoint ->
               match endpoint.Count, endpoint.Ids with
               | ValueSome 0, ValueNone -> true
               | ValueSome 16, ValueSome ids -> ids.Length > 15
               | ValueSome count, ValueSome ids -> count = ids.Length
               | ValueSome _, ValueNone
               | ValueNone, _ -> false)

    let finish (now: Instant) (completeness: Completeness) (state: MgcpAuditState) : MgcpAuditState =
        let observations = observations state
        let heard = HashSet<string>(observations |> Seq.map (fun observation -> string observation.Id))

        let denied =
            state.Known
            |> Array.map _.Id
            |> Array.filter (fun id ->
                let id = string id
                (Set.contains id state.Denied || Set.contains id state.Gone) && not (heard.Contains id))

        let snapshot: Snapshot =
            { Gateway = state.Target.Gateway
              Protocol = "mgcp"
              Profile = (if state.Bulk = ValueSome true then "bulk-audit" else "")
              Traits = traits
              Asked = state.Asked
              Answered = ValueOption.defaultValue now state.Tx.LastReply
              Boot = Boot.untold state.Asked
              Completeness = completeness
              Observations = observations
              Ended = [||]
              History = ValueNone
              Denied = denied
              Standing = ValueNone
              Remarks = []
              Requests = state.Tx.Requests }

        { state with
            Phase = MgcpPhase.Over
            Queue = []
            Later = []
            Tx = { state.Tx with Pending = Map.empty }
            Outbox = Command.Finished snapshot :: state.Outbox }

    /// Over, with whatever was learnt so far.
    let giveUp (now: Instant) (reason: Shortfall) (state: MgcpAuditState) : MgcpAuditState =
        finish now (Partial(List.distinct (reason :: reasons state))) state

    let silence (now: Instant) (state: MgcpAuditState) : Shortfall =
        let asked = Silence.asked state.Tx.Requests "datagrams" state.Asked now

        let strays = Silence.strays state.Tx.Strays state.Tx.LastStray

        if state.Tx.LastReply.IsNone then
            Silent $"{asked}: wrong address or port, or the gateway is down{strays}"
        else
            CutShort $"{asked}, of which some were answered{strays}"
