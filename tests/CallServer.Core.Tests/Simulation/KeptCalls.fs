namespace CallServer.Tests.Simulation

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests.Ledger

/// The calls that a server makes of its gateways' reports, compared with the truth. `fail` is told everything that is
/// wrong.
type KeptCalls(records: KeptRecord[], fail: string -> unit) =
    let mutable book = CallBook.empty CallRules.standard
    let sources = Dictionary<GatewayId, SourceTraits voption>()

    let stepOf (record: KeptRecord) audit changes : CallStep =
        { Gateway = record.Gateway
          Source = sources.GetValueOrDefault(record.Gateway, ValueNone)
          DriftPpm = record.Ledger.Traits.DriftPpm
          Audit = audit
          Connections = record.Ledger.Connections
          Changes = changes }

    let byGateway = Dictionary(records |> Seq.map (fun record -> KeyValuePair(record.Gateway, record)))
    let fateOf (key: LegKey) : Fate voption = byGateway[key.Gateway].Meaning key.Id

    let fates (call: Call) = call.Live |> Seq.choose (fateOf >> ValueOption.toOption)

    /// A gateway's record made a step.
    member _.Take(record: KeptRecord, snapshot: Snapshot, changes: Change[]) =
        sources[record.Gateway] <- snapshot.Traits.Source

        let audit: CallAudit = { Asked = snapshot.Asked; IsComplete = Snapshot.isComplete snapshot }

        let struct (next, _) = CallBook.apply (stepOf record (ValueSome audit) changes) book
        let struct (next, _) = CallBook.tick snapshot.Answered next
        book <- next

        for call in CallBook.calls book do
            match fates call |> Seq.map _.Call |> Seq.distinct |> List.ofSeq with
            | []
            | [ _ ] -> ()
            | several -> fail $"one call of %A{call.Live}, which are %A{several}"

            for finding in call.Findings do
                if finding.Kind = OneSided && call.Gone.Length = 0 then
                    fail $"one-sided, and no leg has ended: {finding.Text}"

    /// The server restarts: what the store kept is joined anew.
    member _.Restore(at: Instant) =
        book <-
            (CallBook.empty CallRules.standard, records)
            ||> Array.fold (fun book record -> CallBook.restore (stepOf record ValueNone [||]) at book)

    /// Checks that the join is what it would be if computed from scratch, which takes long.
    member _.Recount() =
        if CallsOracle.held book <> CallsOracle.calls book then
            fail "the calls are not what they would be from scratch"

    /// Dialogs and rtpengine's tags of one call must be joined into one call once its Call-ID has been reported:
    /// FreeSWITCH's updates lack it.
    member _.Judge() =
        let isTold (key: LegKey) =
            records
            |> Array.exists (fun record ->
                record.Gateway = key.Gateway
                && (GatewayLedger.tryFind key.Id record.Ledger
                    |> ValueOption.exists (fun c -> c.Facts.Call.IsSome)))

        let callOf = Dictionary<string, Call>()

        for call in CallBook.calls book do
            for key in call.Live do
                match sources.GetValueOrDefault(key.Gateway, ValueNone), fateOf key with
                | ValueSome { CallIds = CallIdReach.World }, ValueSome fate when isTold key ->
                    match callOf.TryGetValue fate.Call with
                    | true, other when not (obj.ReferenceEquals(other, call)) ->
                        fail $"{key} and {other.Live[0]} are one call, {fate.Call}, and are not joined"
                    | _ -> callOf[fate.Call] <- call
                | _ -> ()

    /// Calls that more than one gateway reports.
    member _.Joined =
        CallBook.calls book
        |> Seq.filter (fun call -> call.Live |> Array.exists (fun key -> key.Gateway <> call.Live[0].Gateway))
        |> Seq.length
