/// An operator's release in the record: closed by the gateway's own reply, and by nothing else.
module CallServer.Tests.Ledger.ReleaseTests

open System
open FsCheck
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols.Snmp
open CallServer.Surface
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private order = { By = "ops@noc1"; Reason = "forgotten by the proxy" }
let private counted = { Counters.none with PacketsSent = ValueSome 1245L; PacketsLost = ValueSome 3L }

let private reply (id: string) earliest latest : Ended =
    { Observation = observation id latest
      End = Timing.reported (between earliest latest)
      Cause = ValueSome "250 done"
      Counters = ValueSome counted
      IsRenamed = false
      Row = ValueNone }

let private two = complete 0.0 1.0 [ observation "a" 0.5 |> started -60.0 -59.0; observation "b" 0.5 ]

let private release ended now ledger =
    match Reconcile.released ended order (at now) ledger with
    | ValueSome(struct (next, change)) -> next, change
    | ValueNone -> failwith "it was not active"

let ``the gateway's reply closes with its window, its counters, and who and why`` =
    example (fun () ->
        let ledger, _ = replay [ two ]
        let next, change = release (reply "a" 5.0 5.2) 5.3 ledger
        names next |> Check.equal [| "b" |]
        next.ClosedTotal |> Check.equal 1L

        match change with
        | Closed(c, ending) ->
            string c.Id |> Check.equal "a"
            ending.Within |> Check.equal (between 5.0 5.2)
            ending.Evidence |> Check.equal Released
            (ending.Counters = ValueSome counted) |> Check.isTrue
            (ending.Order = ValueSome order) |> Check.isTrue

            let cdr =
                Views.cdr
                    { Server = "s"; Epoch = 1; Correction = TimeSpan.Zero; Steps = [||] }
                    1
                    (Cdr.create gateway Traits.plain c ending)

            cdr.ReleasedBy |> Check.equal order.By
            cdr.ReleaseReason |> Check.equal order.Reason
            cdr.EndEvidence |> Check.equal "released"

            cdr.HangupCause
            |> Check.because "what the gateway says is no cause" (Check.equal "MANAGER_REQUEST")

            cdr.Counters.PacketsSent |> Check.equal (Nullable 1245L)
            cdr.Counters.JitterMs.HasValue |> Check.isFalse
            cdr.Billsec |> Check.equal 64L
        | other -> failtest $"{other}")

let ``what is not active is not released`` =
    example (fun () ->
        let ledger, _ = replay [ two ]
        (Reconcile.released (reply "c" 5.0 5.2) order (at 5.3) ledger).IsNone |> Check.isTrue)

let ``an audit that was asked before the release opens nothing again, one asked after it tells the truth`` =
    law (fun (asked: NormalFloat) ->
        let asked = 1.1 + abs asked.Get % 10.0
        let ledger, _ = replay [ two ]
        let released, _ = release (reply "a" 5.0 5.2) 5.3 ledger
        // An audit that was asked before may have heard the connection while it was still there.
        let listed =
            if asked < 5.0 then
                [ observation "a" 4.9; observation "b" 4.9 ]
            else
                [ observation "b" 12.0 ]

        let after, changes = apply (complete asked 12.5 listed) released

        names after = [| "b" |]
        && changes |> Array.forall (fun change -> not change.IsOpened && not change.IsClosed))

let ``what a watch was asked before the release, and told after it, opens nothing again`` =
    example (fun () ->
        let watched snapshot = { snapshot with Standing = ValueSome(at 0.0) }
        let ledger, _ = replay [ watched two ]
        let released, _ = release (reply "a" 5.0 5.2) 5.3 ledger
        let listed = [ observation "a" 4.9; observation "b" 4.9 ]
        let after, changes = apply (complete 4.8 6.0 listed |> watched) released
        changes |> Check.isEmpty
        names after |> Check.equal [| "b" |]
        let after, _ = apply (complete 5.4 6.0 [ observation "b" 5.9 ] |> watched) released
        names after |> Check.equal [| "b" |]
        (only after).ConfirmedCount |> Check.equal 2)

let ``a result that is none closes nothing`` =
    example (fun () ->
        let stamp = { Server = "s"; Epoch = 1; Correction = TimeSpan.Zero; Steps = [||] }

        let result (outcome: Release) = ReleaseResult(ConnectionId.create "a", outcome)

        let record =
            let row = StoredRows.ofGateway (fst (replay [ two ])) Keeping.nothing

            GatewayRecord.Restore(
                row,
                [| for c in (fst (replay [ two ])).Connections -> StoredRows.ofConnection gateway 0L c |]
            )

        for shortfall, unknown in
            [ Silent "no answer", true
              CutShort "half an answer", true
              Refused(RefusalCause.Code 515, "515"), false ] do
            let result = result (Release.NotReleased shortfall)
            let taken, _ = record.TryRelease(result, order.By, order.Reason, at 6.0, stamp)
            taken |> Check.isFalse
            result.Unknown |> Check.equal unknown
            result.Counters |> Check.isNull

        let ok, step =
            record.TryRelease(
                result (Release.Ended(reply "a" 5.0 5.2)),
                order.By,
                order.Reason,
                at 6.0,
                stamp
            )

        ok |> Check.isTrue
        step.Deletes |> Check.equal [| "a" |]
        // The first step after a restart of the server writes every row that is left.
        step.Upserts |> Seq.map _.Id |> List.ofSeq |> Check.equal [ "b" ]
        step.Cdrs[0].ReleasedBy |> Check.equal order.By
        record.StatusOf "a" |> Check.equal "unconfirmed"
        record.StatusOf "c" |> Check.isNull
        record.StatusOf "" |> Check.isNull)
