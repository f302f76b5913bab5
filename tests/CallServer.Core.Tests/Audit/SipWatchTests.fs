/// The watch of SIP's dialog event package, in virtual time.
module CallServer.Tests.Audit.SipWatchTests

open System
open NUnit.Framework
open CallServer.Model
open CallServer.Ledger
open CallServer.Audit
open CallServer.Gateway
open CallServer.Wire
open CallServer.Tests.Wire
open CallServer.Tests.Audit.SipTests

/// What notifiers do that nothing may be lost by.
let private habits =
    [| SipVices.none
       SipVices.freeSwitch
       { SipVices.none with ConstantVersions = true }
       { SipVices.none with LoopsVersions = true }
       { SipVices.none with KeepsContact = true }
       { SipVices.none with SingleUpdates = true }
       { SipVices.none with ForkedDialogs = true } |]

[<CaseLaw(MaxTest = 100)>]
let ``a watch tells the truth through churn and loss, and follows to the end`` (case: Case) =
    let told = ResizeArray<Instant * Snapshot>()

    let run =
        SipBench.watch
            case.Seed
            (SipLink.bad case.Loss)
            { SipOptions.standard with
                Partials = case.Ringing
                LongestSubscription = (if case.Seed % 2UL = 0UL then 20 else 3600)
                Vices = habits[int (case.Seed / 2UL) % habits.Length] }
            (SipBench.table case.Seed 20 (case.Churn / 10.0) case.Ringing)
            { SipBench.gateway case.Way with Timeout = seconds 8.0 }
            (TimeSpan.FromMinutes 3.0)
            (fun now snapshot -> told.Add((now, snapshot)))

    for now, snapshot in told do
        checkTrue run snapshot
        Assert.That(snapshot.Answered <= now + TimeSpan.FromMilliseconds 1.0)

    let windows = told |> Seq.map (fun (_, snapshot) -> snapshot.Asked) |> Seq.toList
    Assert.That((windows = List.sort windows), "windows only move on")

    // The record takes in every one, though their windows overlap.
    (GatewayLedger.empty (GatewayId.create "gw"), told)
    ||> Seq.fold (fun ledger (_, snapshot) ->
        let struct (ledger, _) = Reconcile.apply snapshot ledger
        Assert.That((ledger.LastAnswered = snapshot.Answered), "a snapshot was not taken in")

        for o in snapshot.Observations do
            Assert.That((GatewayLedger.tryFind o.Id ledger).IsSome, $"{o.Id} was told and is not kept")

        ledger)
    |> ignore

    if case.Loss < 0.1 then
        Assert.That((kinds (last run) = [ "cancelled" ]), words (last run))
        Assert.That(told, Is.Not.Empty)
        let whole = told |> Seq.filter (fun (_, snapshot) -> Snapshot.isComplete snapshot) |> Seq.last |> snd
        let listed = whole.Observations |> Array.map (fun o -> string o.Id) |> Set.ofArray
        let quiet = run.Until - seconds 20.0

        for c, ended in run.Truth do
            let id = (run.Identify c).Id

            if c.Start < quiet && ended.IsNone then
                Assert.That(listed.Contains id, $"{id} has gone on since {c.Start}")

            if ended.IsSome && ended.Value < quiet then
                Assert.That(listed.Contains id, Is.False, $"{id} ended at {ended.Value}")

[<Test>]
let ``every call of a watch is heard at the gateway's interval, whatever the way and the habits`` () =
    for vices in habits do
        for way in [ OverUdp; OverTcp ] do
            let told = ResizeArray<Instant * Snapshot>()

            let run =
                SipBench.watch
                    5UL
                    SipLink.lan
                    (withVices vices)
                    (SipBench.table 3UL 20 0.2 true)
                    (SipBench.gateway way)
                    (TimeSpan.FromMinutes 2.0)
                    (fun now snapshot -> told.Add((now, snapshot)))

            Check.equal [ "cancelled" ] (kinds (last run))
            let whole = told |> Seq.filter (fun (_, snapshot) -> Snapshot.isComplete snapshot) |> Seq.toArray

            for (at, snapshot), (next, _) in Seq.pairwise whole do
                // The first renewal shows whether our new address counts.
                if at > SipBench.start + seconds 25.0 then
                    Assert.That(at - snapshot.Asked, Is.LessThan(seconds 11.0), $"{vices}")

                Assert.That(next - at, Is.LessThan(seconds 11.0), $"{vices}")

/// What became of connections by the snapshots of a watch.
let private reconciled (told: Snapshot list) : GatewayLedger * Change list =
    ((GatewayLedger.empty (GatewayId.create "gw"), []), told)
    ||> List.fold (fun (ledger, changes) snapshot ->
        let struct (ledger, more) = Reconcile.apply snapshot ledger
        ledger, changes @ List.ofArray more)

[<Test>]
let ``a notifier whose updates say full and list one dialog closes nothing by them`` () =
    let cases =
        [ for memory in [ SipMemory.none; { SipMemory.none with LeavesOut = true } ] do
              for vices in [ SipVices.freeSwitch; { SipVices.freeSwitch with NotifyFirst = true } ] do
                  for way in [ OverUdp; OverTcp ] -> memory, vices, way ]

    for memory, vices, way in cases do
        let run =
            SipBench.watchWith
                memory
                5UL
                SipLink.lan
                (withVices vices)
                (SipBench.table 3UL 20 0.5 true)
                (SipBench.gateway way)
                (TimeSpan.FromMinutes 3.0)
                (fun _ _ -> ())

        let _, changes = reconciled run.Told
        let ends = run.Truth |> List.map (fun (c, ended) -> (run.Identify c).Id, ended) |> Map.ofList
        let mutable closed = 0

        for change in changes do
            match change with
            | Change.Closed(c, ending) ->
                closed <- closed + 1

                Assert.That(
                    ends[string c.Id].IsSome,
                    $"{c.Id} goes on, and was closed within {ending.Within}"
                )

                Assert.That(
                    Interval.contains ends[string c.Id].Value ending.Within,
                    $"{way}: {c.Id} ended at {ends[string c.Id]}, said {ending.Within}"
                )
            | _ -> ()

        Assert.That(closed, Is.GreaterThan 10)

[<Test>]
let ``a notifier that left out a dialog once is remembered as one that does, and doubted no more`` () =
    for way in [ OverUdp; OverTcp ] do
        let run =
            SipBench.watchWith
                SipMemory.none
                5UL
                SipLink.lan
                (withVices SipVices.freeSwitch)
                (SipBench.table 3UL 20 0.5 true)
                (SipBench.gateway way)
                (TimeSpan.FromMinutes 3.0)
                (fun _ _ -> ())

        let isDoubted snapshot =
            match snapshot.Completeness with
            | Partial reasons -> reasons |> List.exists _.IsCutShort
            | Complete _ -> false

        Check.equal 1 (run.Told |> List.filter isDoubted |> List.length)

[<Test>]
let ``a watch is not begun where several notifiers are known`` () =
    let run =
        SipBench.watchWith
            { SipMemory.none with Notifiers = 2 }
            5UL
            SipLink.lan
            SipOptions.standard
            (SipBench.table 3UL 20 0.5 true)
            (SipBench.gateway OverUdp)
            (TimeSpan.FromMinutes 3.0)
            (fun _ _ -> ())

    Assert.That(words (last run), Does.Contain "several notifiers")
    Assert.That(run.Sent, Is.Empty)

let private watchFor length options link way : SipRun =
    SipBench.watch 5UL link options (SipBench.table 3UL 20 0.5 true) (SipBench.gateway way) length (fun _ _ ->
        ())

[<Test>]
let ``a watch lives on: renewed before it ends, made anew when the gateway deactivates it`` () =
    for way in [ OverUdp; OverTcp ] do
        for options in
            [ { SipOptions.standard with LongestSubscription = 30 }
              { SipOptions.standard with Vices = { SipVices.none with Deactivates = ValueSome 40 } }
              { SipOptions.standard with Vices = { SipVices.none with NotifyFirst = true } }
              { SipOptions.standard with Vices = { SipVices.none with PlainOnly = true } }
              { SipOptions.standard with
                  Vices = { SipVices.none with SkipsVersions = true }
                  Partials = true } ] do
            let run = watchFor (TimeSpan.FromMinutes 4.0) options SipLink.lan way
            Check.equal [ "cancelled" ] (kinds (last run))
            Assert.That(run.Told.Length, Is.GreaterThan 60)

            for snapshot in run.Told do
                checkTrue run snapshot

[<Test>]
let ``a watch that cannot be kept ends, and says why`` () =
    let ended vices way =
        let run = watchFor (TimeSpan.FromMinutes 10.0) (withVices vices) SipLink.lan way
        Assert.That(run.Until - SipBench.start, Is.LessThan(TimeSpan.FromMinutes 5.0), $"{vices}")
        words (last run)

    Assert.That(
        ended { SipVices.none with Deactivates = ValueSome 1 } OverUdp,
        Does.Contain "ends every subscription"
    )

    Assert.That(ended { SipVices.none with Answers = ValueSome 489 } OverUdp, Does.Contain "489")
    Assert.That(ended { SipVices.none with Forks = 2 } OverUdp, Does.Contain "several notifiers")
    Assert.That(ended { SipVices.none with NoNotify = true } OverUdp, Does.Contain "no notification came")
    Assert.That(ended { SipVices.none with Silent = true } OverTcp, Does.Contain "no answer")
    Assert.That(ended { SipVices.none with Truncates = true } OverTcp, Does.Contain "unreadable")

[<Test>]
let ``a watch whose documents outgrow a datagram goes on over TCP`` () =
    let run =
        SipBench.watch
            5UL
            SipLink.lan
            SipOptions.standard
            (SipBench.table 3UL 200 0.5 false)
            (SipBench.gateway UdpThenTcp)
            (TimeSpan.FromMinutes 1.0)
            (fun _ _ -> ())

    Check.equal [ "cancelled" ] (kinds (last run))
    Assert.That(run.Told.Length, Is.GreaterThan 10)

[<Test>]
let ``the first window of a watch is as narrow as a fetch's, later ones at most half a minute`` () =
    let run = watchFor (TimeSpan.FromMinutes 2.0) SipOptions.standard SipLink.lan OverUdp
    let width (snapshot: Snapshot) = snapshot.Answered - snapshot.Asked
    Assert.That(width run.Told.Head, Is.LessThan(seconds 0.1))

    for snapshot in run.Told do
        Assert.That(width snapshot, Is.LessThanOrEqualTo(seconds 32.0))

[<Test>]
let ``notifications that come in one piece are told one by one, each newer than the last`` () =
    let given: AuditStart =
        { At = Moment.at SipBench.start
          Rng = CallServer.Prelude.Rng.create 1UL
          Local = ""
          Known = [||]
          History = ValueNone }

    let writes commands =
        commands
        |> List.choose (fun command ->
            match command with
            | WriteTo(_, _, octets) -> Some octets
            | SendTo _
            | HangUp _
            | TickAt _
            | EndConnection _ -> None)

    let told commands =
        commands
        |> List.choose (fun command ->
            match command with
            | Told snapshot -> Some snapshot
            | Send _
            | Connect
            | Write _
            | WakeAt _
            | Finished _ -> None)

    let at = SipBench.start + seconds 0.5
    let state, _ = SipWatch.start (SipBench.gateway OverTcp) SipMemory.none (seconds 10.0) given
    let state, commands = SipWatch.advance (Event.Connected(Moment.at at, "198.51.100.4:41000")) state

    let subscribe =
        commands
        |> List.pick (fun command ->
            match command with
            | Write octets -> Some octets
            | Send _
            | Connect
            | WakeAt _
            | Told _
            | Finished _ -> None)

    let before = SipBench.table 3UL 5 0.0 false
    let struct (after, _, events) = Table.openOne TimeSpan.Zero (at + seconds 2.0) before

    // Told twice, before and after a call began.
    let struct (notifier, first) =
        (SipResponder.create SipOptions.standard).Advance at before (Octets(1, subscribe))

    let notify = SipCodec.decode (List.last (writes first))

    let confirm =
        match notify with
        | Ok notify ->
            SipCodec.encode
                { Start = SipStart.Response(200, "OK")
                  Headers = notify.Headers |> Array.filter (fun header -> header.Name = "Via")
                  Body = [||] }
        | Error wrong -> failwith (string wrong)

    let struct (notifier, _) = notifier.Advance at before (Octets(1, confirm))
    let struct (_, second) = notifier.Advance (at + seconds 2.0) after (Happened events)
    let all = Array.concat (writes first @ writes second)
    let now = at + seconds 3.0
    let _, commands = SipWatch.advance (Event.Arrived(Moment.at now, all)) state
    let snapshots = told commands
    Check.equal [ 5; 6 ] (snapshots |> List.map _.Observations.Length)

    let ledger =
        (GatewayLedger.empty (GatewayId.create "gw"), snapshots)
        ||> List.fold (fun ledger snapshot ->
            let struct (ledger, _) = Reconcile.apply snapshot ledger
            ledger)

    Assert.That(ledger.Connections.Length, Is.EqualTo 6)
