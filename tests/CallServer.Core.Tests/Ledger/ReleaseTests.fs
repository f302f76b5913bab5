/// An operator's release in the record: closed by the gateway's own reply, and by nothing else.
module CallServer.Tests.Ledger.ReleaseTests

open System
open FsCheck
open NUnit.Framework
open CallServer.Model
open CallServer.Ledger
open CallServer.Audit
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

[<Test>]
let ``the gateway's reply closes with its window, its counters, and who and why`` () =
    let ledger, _ = replay [ two ]
    let next, change = release (reply "a" 5.0 5.2) 5.3 ledger
    Assert.That(names next, Is.EqualTo<string[]> [| "b" |])
    Assert.That(next.ClosedTotal, Is.EqualTo 1L)

    match change with
    | Closed(c, ending) ->
        Assert.That(string c.Id, Is.EqualTo "a")
        Assert.That(ending.Within, Is.EqualTo(between 5.0 5.2))
        Assert.That(ending.Evidence, Is.EqualTo Released)
        Assert.That((ending.Counters = ValueSome counted), Is.True)
        Assert.That((ending.Order = ValueSome order), Is.True)

        let cdr =
            Views.cdr
                { Server = "s"; Epoch = 1; Correction = TimeSpan.Zero; Steps = [||] }
                1
                (Cdr.create gateway Traits.plain c ending)

        Assert.That(cdr.ReleasedBy, Is.EqualTo order.By)
        Assert.That(cdr.ReleaseReason, Is.EqualTo order.Reason)
        Assert.That(cdr.EndEvidence, Is.EqualTo "released")
        Assert.That(cdr.HangupCause, Is.EqualTo "MANAGER_REQUEST", "what the gateway says is no cause")
        Assert.That(cdr.Counters.PacketsSent, Is.EqualTo(Nullable 1245L))
        Assert.That(cdr.Counters.JitterMs.HasValue, Is.False)
        Assert.That(cdr.Billsec, Is.EqualTo 64L)
    | other -> Assert.Fail $"{other}"

[<Test>]
let ``what is not active is not released`` () =
    let ledger, _ = replay [ two ]
    Assert.That((Reconcile.released (reply "c" 5.0 5.2) order (at 5.3) ledger).IsNone, Is.True)

[<Law>]
let ``an audit that was asked before the release opens nothing again, one asked after it tells the truth``
    (asked: NormalFloat)
    =
    let asked = 1.1 + abs asked.Get % 10.0
    let ledger, _ = replay [ two ]
    let released, _ = release (reply "a" 5.0 5.2) 5.3 ledger
    // Asked before, it may have heard of the connection while it was there.
    let listed =
        if asked < 5.0 then
            [ observation "a" 4.9; observation "b" 4.9 ]
        else
            [ observation "b" 12.0 ]

    let after, changes = apply (complete asked 12.5 listed) released

    names after = [| "b" |]
    && changes |> Array.forall (fun change -> not change.IsOpened && not change.IsClosed)

[<Test>]
let ``a result that is none closes nothing`` () =
    let stamp = { Server = "s"; Epoch = 1; Correction = TimeSpan.Zero; Steps = [||] }

    let result (outcome: Release) = ReleaseResult(ConnectionId.create "a", outcome)

    let record =
        let row = Rows.ofGateway (fst (replay [ two ]))

        GatewayRecord.Restore(
            row,
            [| for c in (fst (replay [ two ])).Connections -> Rows.ofConnection gateway c |]
        )

    for shortfall, unknown in
        [ Silent "no answer", true
          CutShort "half an answer", true
          Refused(RefusalCause.Code 515, "515"), false ] do
        let result = result (Release.NotReleased shortfall)
        let taken, _ = record.TryRelease(result, order.By, order.Reason, at 6.0, stamp)
        Assert.That(taken, Is.False)
        Assert.That(result.Unknown, Is.EqualTo unknown)
        Assert.That(result.Counters, Is.Null)

    let ok, step =
        record.TryRelease(result (Release.Ended(reply "a" 5.0 5.2)), order.By, order.Reason, at 6.0, stamp)

    Assert.That(ok, Is.True)
    Assert.That(step.Deletes, Is.EqualTo<string[]> [| "a" |])
    Assert.That(step.Upserts, Is.Empty)
    Assert.That(step.Cdrs[0].ReleasedBy, Is.EqualTo order.By)
    Assert.That(record.StatusOf "a", Is.EqualTo "unconfirmed")
    Assert.That(record.StatusOf "c", Is.Null)
    Assert.That(record.StatusOf "", Is.Null)
