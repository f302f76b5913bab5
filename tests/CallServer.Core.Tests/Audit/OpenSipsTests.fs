/// Audits of the simulated OpenSIPS: what it reports, what that proves, and its vices.
module CallServer.Tests.Audit.OpenSipsTests

open System
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.OpenSips
open CallServer.Gateway
open CallServer.Tests

let private start = Instant.ofMicros 1_796_000_000_000_000L

let private options (words: string list) : OpenSipsOptions =
    let vices =
        (OpenSipsVices.none, words)
        ||> List.fold (fun vices word ->
            match OpenSipsVices.add word vices with
            | Ok vices -> vices
            | Error mistake -> failwith mistake)

    { OpenSipsOptions.standard with Vices = vices }

/// A simulated OpenSIPS in virtual time, with the truth about it.
type private World(connections: int, churn: float, words: string list) =
    inherit TrueNode(connections, churn, start, OpenSipsResponder.create (options words))

    /// What it was asked, in order.
    member val Asked = ResizeArray<string>()

    member this.Serve(now: Instant, octets: byte[]) : struct (TimeSpan * byte[]) list =
        this.AdvanceTo now
        this.Asked.Add(Encoding.UTF8.GetString octets)

        [ for command in this.Tell(Datagram("192.0.2.1:9", octets)) do
              match command with
              | SendTo(_, after, octets) -> struct (after, octets)
              | WriteTo _
              | HangUp _
              | TickAt _
              | EndConnection _ -> () ]

    /// The same run from now on with these vices.
    member this.Turn(words: string list) =
        let options = options words

        this.Become(fun table ->
            OpenSipsResponder.create { options with UpTime = table.Now - start + options.UpTime } table)

    /// Starts anew and loads its dialogs from its database.
    member this.RestoreAt(now: Instant) =
        this.AdvanceTo now
        this.Tell Restarted |> ignore

let private target: OpenSipsGateway =
    { Gateway = GatewayId.create "gw"
      Path = "/mi"
      Timeout = TimeSpan.FromSeconds 1.0
      Attempts = 4 }

let private given (at: Instant) (known: Connection[]) : AuditStart =
    { At = Moment.at at
      Rng = Rng.create (uint64 at.Micros)
      Local = ""
      Known = known
      Afresh = false
      History = ValueNone }

[<NoEquality; NoComparison>]
type private Run = { Snapshot: Snapshot; Memory: OpenSipsMemory }

let private lan = Network.steady (TimeSpan.FromMilliseconds 2.0)

let private auditOf target network memory known (at: Instant) (world: World) : Run =
    world.AdvanceTo at

    let peer =
        { Serve = fun now octets -> world.Serve(now, octets)
          NextTick = fun () -> Instant.distantFuture
          Tick = fun _ -> [] }

    let begun = OpenSipsAudit.start target memory (given at known)
    let loop = DatagramLoop(at, 7UL, network, peer, 100_000, OpenSipsAudit.advance, begun)

    match loop.Run() with
    | [ snapshot ] -> { Snapshot = snapshot; Memory = OpenSipsAudit.memory loop.State }
    | other -> failwith $"{other.Length} results after {loop.Events} events"

let private checkedIn (world: World) (run: Run) : Run =
    world.Wrongs run.Snapshot |> Check.equal []
    run

let private none = OpenSipsAudit.Memory.none

let private audit connections words : Run =
    let world = World(connections, 0.0, words)
    auditOf target lan none [||] start world |> checkedIn world

let private kinds (run: Run) = Completeness.shortfalls run.Snapshot.Completeness |> List.map _.Kind

let private reasons (run: Run) =
    Completeness.shortfalls run.Snapshot.Completeness |> List.map string |> String.concat "; "

let private whole = Complete [ EndOfTable; SameBoot; CountAgrees ]

let private later (seconds: float) = start + TimeSpan.FromSeconds seconds

let private ledgerOf (snapshot: Snapshot) =
    let struct (ledger, _) = Reconcile.apply snapshot (GatewayLedger.empty snapshot.Gateway)
    ledger

// Pages of a table that moves

let private row (bucket: int) (serial: int) : OpenSipsRow =
    OpenSipsRow.create
        (Interval.create start start)
        { Id = $"{bucket}.{serial}"
          CallId = $"{serial}@h"
          FromTag = ""
          From = ""
          To = ""
          State = ProxyDialogState.Confirmed
          Answered = 0L
          CallerSdp = ""
          CalleeSdp = "" }

/// A table in OpenSIPS's order, some of whose rows go and come between any two pages. The first number is that of changes, at most so many.
let private moved (most: int) (dice: Random) (table: (int * int) list) (next: int) : (int * int) list * int =
    ((table, next), [ 1 .. dice.Next(most + 1) ])
    ||> List.fold (fun (table, next) _ ->
        match table with
        | _ :: _ when dice.Next 3 > 0 ->
            // Those in front go more often: they move the others.
            let gone = dice.Next(1 + dice.Next table.Length)
            List.removeAt gone table, next
        | _ -> List.sort ((dice.Next 20, next) :: table), next + 1)

let ``no row that stays is lost between two pages, however the table moves`` =
    lawBy (Laws.plain |> Laws.times 2000) (fun (seed: int) (rows: byte) (most: byte) ->
        let dice = Random seed
        let most = int most % 14
        let mutable table = List.sort [ for number in 1 .. int rows % 120 -> dice.Next 20, number ]
        let mutable serial = 1000
        let mutable stayed = Set.ofList table
        let mutable pages = OpenSipsPages.start (8 + dice.Next 8)
        let mutable paging = OpenSipsPaging.Next

        while paging = OpenSipsPaging.Next do
            let page = table |> List.skip (min table.Length (int pages.First)) |> List.truncate pages.Size

            // A row that could not be read makes the audit partial: nobody relies on it.
            let isSpoilt = not page.IsEmpty && dice.Next 10 = 0

            if isSpoilt then
                stayed <- stayed.Remove page.Head

            let told = if isSpoilt then page.Tail else page
            let read = told |> List.map (fun (bucket, serial) -> row bucket serial)
            let struct (verdict, next) = OpenSipsPages.take read (page.Length - told.Length) pages
            paging <- verdict
            pages <- next

            if paging = OpenSipsPaging.Next then
                let after, number = moved most dice table serial
                table <- after
                serial <- number
                stayed <- Set.intersect stayed (Set.ofList table)

                if dice.Next 12 = 0 then
                    pages <- OpenSipsPages.shrink pages |> ValueOption.defaultValue pages

        if paging = OpenSipsPaging.Ended then
            for bucket, serial in stayed do
                pages.Rows.ContainsKey $"{serial}@h;{bucket}.{serial}" |> Check.isTrue)

let ``a page that does not join is asked for again from farther ahead, and not for ever`` =
    example (fun () ->
        let page (serials: int list) = serials |> List.map (row 0)

        let struct (paging, pages) = OpenSipsPages.start 8 |> OpenSipsPages.take (page [ 1..8 ]) 0

        (paging, pages.First) |> Check.equal (OpenSipsPaging.Next, 6L)
        // Row 7 and row 8 have gone, and two of those before them.
        let struct (paging, pages) = OpenSipsPages.take (page [ 11..18 ]) 0 pages
        (paging, pages.First, pages.Rows.Count) |> Check.equal (OpenSipsPaging.Next, 0L, 8)
        let struct (paging, pages) = OpenSipsPages.take (page [ 1; 2; 3; 4; 9; 10; 11; 12 ]) 0 pages
        (paging, pages.First, pages.Rows.Count) |> Check.equal (OpenSipsPaging.Next, 6L, 12)
        let struct (paging, pages) = OpenSipsPages.take (page [ 11; 12 ]) 0 pages
        (paging, pages.Rows.Count) |> Check.equal (OpenSipsPaging.Ended, 12)

        // The end of a table that became shorter than the place asked for.
        let struct (paging, _) = OpenSipsPages.take [] 0 pages
        paging |> Check.equal OpenSipsPaging.Next

        let mutable paging = OpenSipsPaging.Next
        let mutable pages = pages
        let mutable asked = 0

        while paging = OpenSipsPaging.Next do
            asked <- asked + 1

            let struct (verdict, next) =
                OpenSipsPages.take [ row 0 (1000 + asked) ] 0 { pages with First = 600L }

            paging <- verdict
            pages <- next

        paging |> Check.equal OpenSipsPaging.Lost
        asked |> Check.atMost 30)

// Audits

let ``at rest every dialog is listed, with what it tells`` =
    example (fun () ->
        for connections in [ 0; 1; 70; 127; 128; 129; 500 ] do
            let run = audit connections []
            run.Snapshot.Completeness |> Check.equal whole
            run.Snapshot.Observations |> Check.hasLength connections

        let world = World(50, 0.0, [])
        let run = auditOf target lan none [||] start world

        for seen in run.Snapshot.Observations do
            let connection = world.Truth[string seen.Id]
            seen.Facts.Call |> Check.equal (ValueSome(CallId.create connection.CallId))
            seen.Facts.Originator |> Check.equal (ValueSome $"sip:{connection.Calling}@example.net")
            seen.Facts.Remote |> Check.equal (ValueSome $"sip:{connection.Called}@example.net")
            seen.Stamp |> Check.equal (ValueSome $"f{connection.Serial:x6}")
            seen.Setup |> Check.equal ValueNone
            seen.Facts.LocalMedia |> Check.equal ValueNone
            seen.Facts.RemoteMedia |> Check.equal ValueNone

            if SimConnection.isActive start connection then
                seen.Facts.Codec.Value.Name |> Check.equal (SimCodec.name connection.Codec)
                seen.Start.Value.Evidence |> Check.equal Reported
                Interval.width seen.Start.Value.Within |> Check.atMost (TimeSpan.FromSeconds 2.1)
            else
                seen.Facts.Codec |> Check.equal ValueNone
                seen.Start.Value.Within.Latest |> Check.equal Instant.distantFuture)

let ``no bound is wrong while calls come and go, whatever its clock`` =
    example (fun () ->
        for words in
            [ []
              [ "clock-ahead-ms=7000123" ]
              [ "clock-ahead-ms=-86400000"; "no-sdp" ]
              [ "proxied"; "clock-ahead-ms=5000" ]
              [ "undated-every=2" ]
              [ "holds-rows=9"; "ends-ahead=1" ]
              [ "keeps-ended" ]
              [ "drops-ended" ] ] do
            let world = World(60, 3.0, words)
            let mutable memory = none
            let mutable known = [||]

            for round in 1..12 do
                let run =
                    auditOf target lan memory known (later (float round * 7.3)) world |> checkedIn world

                run.Snapshot.Completeness |> Check.because $"%A{words}" (Check.equal whole)
                memory <- run.Memory
                known <- (ledgerOf run.Snapshot).Connections)

let ``no bound is wrong where messages are lost, doubled and late`` =
    lawBy (Laws.plain |> Laws.times 60) (fun (seed: byte) (ahead: int16) ->
        let network = Network.rough 0.2 (TimeSpan.FromMilliseconds 400.0)
        let world = World(int seed, 3.0, [ $"clock-ahead-ms={1000 * int ahead}"; "holds-rows=20" ])
        let mutable memory = none

        for round in 1..4 do
            let run =
                auditOf target network memory [||] (later (float (int seed + 60 * round))) world
                |> checkedIn world

            memory <- run.Memory)

let ``starts become exact from audit to audit`` =
    example (fun () ->
        let world = World(40, 2.0, [])
        let mutable last = auditOf target lan none [||] start world

        for round in 1..40 do
            last <- auditOf target lan last.Memory [||] (later (float round * 7.37)) world |> checkedIn world

        for seen in last.Snapshot.Observations do
            if seen.Facts.State = ValueSome "confirmed" then
                seen.Start.Value.Evidence |> Check.equal Reported
                Interval.width seen.Start.Value.Within |> Check.atMost (TimeSpan.FromSeconds 1.1))

let ``a proxy's clock dates nothing`` =
    example (fun () ->
        let run = audit 30 [ "proxied"; "clock-ahead-ms=5000" ]

        for seen in run.Snapshot.Observations do
            if seen.Facts.State = ValueSome "confirmed" then
                seen.Start.Value.Evidence |> Check.equal Bounded)

let ``a clock that was set is no restart, and what it stamped before is not dated anew`` =
    example (fun () ->
        for set, churn in [ 3_600_000, 1.0; -3_600_000, 1.0; -3_600_000, 0.0; 5_000, 1.0 ] do
            let world = World(40, churn, [])
            let first = auditOf target lan none [||] (later 1.0) world |> checkedIn world
            world.Turn [ $"clock-set-ms={set}" ]
            let mutable memory = first.Memory
            let mutable known = (ledgerOf first.Snapshot).Connections

            for round in 1..3 do
                let run =
                    auditOf target lan memory known (later (float round * 3000.0)) world |> checkedIn world

                // The text of its start moves with the zone alone.
                run.Snapshot.Completeness |> Check.equal whole

                for seen in run.Snapshot.Observations do
                    let connection = world.Truth[string seen.Id]

                    if connection.Start < start then
                        seen.Start.Value.Evidence |> Check.equal Bounded

                memory <- run.Memory)

let ``rows of dialogs that are over are no connections, and count`` =
    example (fun () ->
        let world = World(40, 4.0, [ "keeps-ended" ])
        let run = auditOf target lan none [||] (later 20.0) world |> checkedIn world
        run.Snapshot.Completeness |> Check.equal whole
        run.Snapshot.Denied |> Check.isNotEmpty

        // One that nobody answered may go on yet.
        let over = { (row 1 1).Dialog with State = ProxyDialogState.Deleted; Answered = 1L }

        OpenSipsObserving.hasEnded over |> Check.isTrue
        OpenSipsObserving.hasEnded { over with Answered = 0L } |> Check.isFalse
        OpenSipsObserving.hasEnded { over with State = ProxyDialogState.Confirmed } |> Check.isFalse)

let ``pages become smaller where its memory does not hold them, and stay so`` =
    example (fun () ->
        let world = World(100, 0.0, [ "holds-rows=20" ])
        let run = auditOf target lan none [||] start world |> checkedIn world
        run.Snapshot.Completeness |> Check.equal whole
        run.Memory.Size |> Check.equal 16
        let asked = world.Asked.Count
        let again = auditOf target lan run.Memory [||] (later 10.0) world |> checkedIn world
        again.Snapshot.Completeness |> Check.equal whole
        (world.Asked.Count - asked) |> Check.equal (asked - 3)

        let run = audit 100 [ "holds-rows=3" ]
        kinds run |> Check.equal [ "refused" ]
        run.Snapshot.Observations |> Check.hasLength 0)

let ``calls that end ahead of a page make it begin too late, and it is asked for again`` =
    example (fun () ->
        // More of them end than two pages overlap.
        let world = World(300, 0.0, [ "ends-ahead=40" ])
        let run = auditOf target lan none [||] start world |> checkedIn world
        world.Ends.Count |> Check.atLeast 80
        run.Snapshot.Completeness |> Check.equal whole
        // The counts of before the first page and of after the last agree with what was told between: it was read once.
        world.Asked |> Seq.filter _.Contains("get_statistics") |> Check.hasLength 2

        for word in [ "skips=40"; "skips=200" ] do
            let run = audit 300 [ word ]
            kinds run |> Check.because word (Check.equal [ "index-moved" ]))

let ``a list that is not as long as the count says proves nothing`` =
    example (fun () ->
        for words in [ "count-off-by=3"; "count-off-by=-3" ] do
            let run = audit 70 [ words ]
            kinds run |> Check.because words (Check.equal [ "count-disagrees" ])
            run.Snapshot.Observations |> Check.hasLength 70)

let ``without statistics the table's own count proves it at rest`` =
    example (fun () ->
        for word in [ "no-total"; "total-untold" ] do
            let run = audit 20 [ word ]
            run.Snapshot.Completeness |> Check.because word (Check.equal whole)
            run.Snapshot.Total |> Check.equal ValueNone)

let ``the total is that of before the list and of after it`` =
    example (fun () ->
        (audit 20 []).Snapshot.Total
        |> Check.equal (ValueSome { Of = TotalOf.Connections; Before = 20L; After = 20L; Wraps = ValueNone }))

let ``what lags makes an audit partial, or is made good, and never hides an end`` =
    example (fun () ->
        for word in [ "count-lags"; "total-lags" ] do
            let world = World(100, 5.0, [ word ])

            for round in 1..20 do
                auditOf target lan none [||] (later (float round * 3.1)) world |> checkedIn world |> ignore)

let ``what answers in OpenSIPS's place, or refuses, is named`` =
    example (fun () ->
        for word, kind, words in
            [ "refuses", "refused", "Server error (-32000)"
              "error-every=2", "refused", "Server error (-32000)"
              "broken-every=1", "refused", "Internal Server Error (500)"
              "no-root", "not-served", "Not Found (404)"
              "no-dialogs", "not-served", "module dialog is not loaded"
              "html", "unreadable", "text/html"
              "truncates", "unreadable", "application/json"
              "wrong-ids", "unreadable", "an answer to another request"
              "restarts-after=3", "restarted-meanwhile", ""
              "mute-after=0", "silent", "no answer"
              "mute-after=3", "cut-short", "no answer" ] do
            let run = audit 10 [ word ]
            kinds run |> Check.because word (Check.equal [ kind ])
            reasons run |> Check.because word (Check.says words))

let ``rows that cannot be read make an audit partial`` =
    example (fun () ->
        let run = audit 10 [ "nameless-every=3" ]
        kinds run |> Check.contains "unreadable"
        reasons run |> Check.says "rows without a name"
        run.Snapshot.Observations |> Check.hasLength 7)

let ``what does not matter is told whole`` =
    example (fun () ->
        for word in [ "padding=100000"; "ms-per-request=400"; "no-sdp"; "undated-every=1" ] do
            let run = audit 10 [ word ]
            run.Snapshot.Completeness |> Check.because word (Check.equal whole)
            run.Snapshot.Observations |> Check.hasLength 10)

let ``a restart is seen, and dialogs that it loads from its database live on`` =
    example (fun () ->
        let world = World(40, 0.0, [ "restores" ])
        let first = auditOf target lan none [||] (later 1.0) world
        let ledger = ledgerOf first.Snapshot
        world.RestoreAt(later 60.0)

        let second =
            auditOf target lan first.Memory ledger.Connections (later 100.0) world |> checkedIn world

        match Boot.judge first.Snapshot.Boot second.Snapshot.Boot with
        | BootVerdict.Restarted at -> Interval.contains (later 60.0) at |> Check.isTrue
        | other -> failtest $"%A{other}"

        let struct (after, _) = Reconcile.apply second.Snapshot ledger
        after.Connections |> Array.map _.Id |> Check.equal (ledger.Connections |> Array.map _.Id)

        world.RestartAt(later 160.0)
        let third = auditOf target lan second.Memory after.Connections (later 200.0) world
        third.Snapshot.Completeness |> Check.equal whole
        let struct (empty, _) = Reconcile.apply third.Snapshot after
        empty.Connections |> Check.hasLength 0)

let ``a flood of strangers' messages changes nothing`` =
    example (fun () ->
        let state, _ = OpenSipsAudit.start target none (given start [||])

        let stranger =
            HttpMessage.encodeResponse 200 "OK" [ HttpMessage.Id, "x" ] (Encoding.ASCII.GetBytes "{}")

        let after =
            (state, [ 1..100 ])
            ||> List.fold (fun state _ ->
                let state, commands = OpenSipsAudit.advance (Received(Moment.at start, stranger)) state
                commands |> List.forall _.IsWakeAt |> Check.isTrue
                state)

        OpenSipsAudit.strays after |> Check.equal 100
        OpenSipsAudit.requests after |> Check.equal 1)
