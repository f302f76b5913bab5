/// The watch of SIP's dialog event package, in virtual time.
module CallServer.Tests.Audit.SipWatchTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Gateway
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Sip
open CallServer.Tests.Wire
open CallServer.Tests.Audit.SipTests
open CallServer.Tests

/// Habits of notifiers that must not lose anything.
let private habits =
    [| SipVices.none
       SipVices.freeSwitch
       { SipVices.none with ConstantVersions = true }
       { SipVices.none with LoopsVersions = true }
       { SipVices.none with KeepsContact = true }
       { SipVices.none with SingleUpdates = true }
       { SipVices.none with ForkedDialogs = true } |]

let ``a watch tells the truth through churn and loss, and follows to the end`` =
    lawBy (caseLaws |> Laws.times 100) (fun (case: Case) ->
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
            (snapshot.Answered <= now + TimeSpan.FromMilliseconds 1.0) |> Check.isTrue

        let windows = told |> Seq.map (fun (_, snapshot) -> snapshot.Asked) |> Seq.toList
        (windows = List.sort windows) |> Check.because "windows only move on" Check.isTrue

        // The record takes in every snapshot, though their windows overlap.
        (GatewayLedger.empty (GatewayId.create "gw"), told)
        ||> Seq.fold (fun ledger (_, snapshot) ->
            let struct (ledger, _) = Reconcile.apply snapshot ledger

            (ledger.LastAnswered = snapshot.Answered)
            |> Check.because "a snapshot was not taken in" Check.isTrue

            for o in snapshot.Observations do
                (GatewayLedger.tryFind o.Id ledger).IsSome
                |> Check.because $"{o.Id} was told and is not kept" Check.isTrue

            ledger)
        |> ignore

        if case.Loss < 0.1 then
            (kinds (last run) = [ "cancelled" ]) |> Check.because (words (last run)) Check.isTrue
            told |> Check.isNotEmpty

            let whole =
                told |> Seq.filter (fun (_, snapshot) -> Snapshot.isComplete snapshot) |> Seq.last |> snd

            let listed = whole.Observations |> Array.map (fun o -> string o.Id) |> Set.ofArray
            let quiet = run.Until - seconds 20.0

            for c, ended in run.Truth do
                let id = (run.Identify c).Id

                if c.Start < quiet && ended.IsNone then
                    listed.Contains id |> Check.because $"{id} has gone on since {c.Start}" Check.isTrue

                if ended.IsSome && ended.Value < quiet then
                    listed.Contains id |> Check.because $"{id} ended at {ended.Value}" Check.isFalse)

let ``every call of a watch is heard at the gateway's interval, whatever the way and the habits`` =
    example (fun () ->
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

                let whole =
                    told |> Seq.filter (fun (_, snapshot) -> Snapshot.isComplete snapshot) |> Seq.toArray

                for (at, snapshot), (next, _) in Seq.pairwise whole do
                    // The first renewal shows whether our new address is used.
                    if at > SipBench.start + seconds 25.0 then
                        at - snapshot.Asked |> Check.because $"{vices}" (Check.below (seconds 11.0))

                    next - at |> Check.because $"{vices}" (Check.below (seconds 11.0)))

/// What the snapshots of a watch do to connections.
let private reconciled (told: Snapshot list) : GatewayLedger * Change list =
    ((GatewayLedger.empty (GatewayId.create "gw"), []), told)
    ||> List.fold (fun (ledger, changes) snapshot ->
        let struct (ledger, more) = Reconcile.apply snapshot ledger
        ledger, changes @ List.ofArray more)

let ``a notifier whose updates say full and list one dialog closes nothing by them`` =
    example (fun () ->
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

                    ends[string c.Id].IsSome
                    |> Check.because $"{c.Id} goes on, and was closed within {ending.Within}" Check.isTrue

                    Interval.contains ends[string c.Id].Value ending.Within
                    |> Check.because
                        $"{way}: {c.Id} ended at {ends[string c.Id]}, said {ending.Within}"
                        Check.isTrue
                | _ -> ()

            closed |> Check.above 10)

let ``a notifier that left out a dialog once is remembered as one that does, and doubted no more`` =
    example (fun () ->
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

            Check.equal 1 (run.Told |> List.filter isDoubted |> List.length))

let ``a watch is not begun where several notifiers are known`` =
    example (fun () ->
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

        words (last run) |> Check.says "several notifiers"
        run.Sent |> Check.isEmpty)

let private watchFor length options link way : SipRun =
    SipBench.watch 5UL link options (SipBench.table 3UL 20 0.5 true) (SipBench.gateway way) length (fun _ _ ->
        ())

let ``a watch lives on: renewed before it ends, made anew when the gateway deactivates it`` =
    example (fun () ->
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
                run.Told.Length |> Check.above 60

                for snapshot in run.Told do
                    checkTrue run snapshot)

let ``a watch that cannot be kept ends, and says why`` =
    example (fun () ->
        let ended vices way =
            let run = watchFor (TimeSpan.FromMinutes 10.0) (withVices vices) SipLink.lan way
            run.Until - SipBench.start |> Check.because $"{vices}" (Check.below (TimeSpan.FromMinutes 5.0))
            words (last run)

        ended { SipVices.none with Deactivates = ValueSome 1 } OverUdp
        |> Check.says "ends every subscription"

        ended { SipVices.none with Answers = ValueSome 489 } OverUdp |> Check.says "489"
        ended { SipVices.none with Forks = 2 } OverUdp |> Check.says "several notifiers"
        ended { SipVices.none with NoNotify = true } OverUdp |> Check.says "no notification came"
        ended { SipVices.none with Silent = true } OverTcp |> Check.says "no answer"
        ended { SipVices.none with Truncates = true } OverTcp |> Check.says "unreadable")

let ``a watch whose documents outgrow a datagram goes on over TCP`` =
    example (fun () ->
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
        run.Told.Length |> Check.above 10)

let ``the first window of a watch is as narrow as a fetch's, later ones at most half a minute`` =
    example (fun () ->
        let run = watchFor (TimeSpan.FromMinutes 2.0) SipOptions.standard SipLink.lan OverUdp
        let width (snapshot: Snapshot) = snapshot.Answered - snapshot.Asked
        width run.Told.Head |> Check.below (seconds 0.1)

        for snapshot in run.Told do
            width snapshot |> Check.atMost (seconds 32.0))

let ``notifications that come in one piece are told one by one, each newer than the last`` =
    example (fun () ->
        let writes commands =
            commands
            |> List.choose (fun command ->
                match command with
                | WriteTo(_, _, octets) -> Some octets
                | SendTo _
                | HangUp _
                | TickAt _
                | EndConnection _ -> None)

        let at = SipBench.start + seconds 0.5
        let state, _ = SipWatch.start (SipBench.gateway OverTcp) SipMemory.none (seconds 10.0) SipBench.given
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

        // Reported twice, before and after a call began.
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
        let snapshots = SipBench.told commands
        Check.equal [ 5; 6 ] (snapshots |> List.map _.Observations.Length)

        let ledger =
            (GatewayLedger.empty (GatewayId.create "gw"), snapshots)
            ||> List.fold (fun ledger snapshot ->
                let struct (ledger, _) = Reconcile.apply snapshot ledger
                ledger)

        ledger.Connections.Length |> Check.equal 6)
