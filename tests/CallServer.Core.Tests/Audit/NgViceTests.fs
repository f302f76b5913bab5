/// Misbehaving rtpengines, and releases.
module CallServer.Tests.Audit.NgViceTests

open System
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Ng
open CallServer.Gateway
open CallServer.Tests.Wire
open CallServer.Tests

let private vices (words: string list) : NgVices =
    (NgVices.none, words)
    ||> List.fold (fun vices word ->
        match NgVices.add word vices with
        | Ok vices -> vices
        | Error mistake -> failwith mistake)

let private isRight (world: NgWorld) (snapshot: Snapshot) =
    match NgBench.wrongs world snapshot with
    | [] -> ()
    | wrongs ->
        let shown = wrongs |> List.truncate 5 |> String.concat "\n"
        failtest $"{snapshot.Completeness}\n{shown}"

let private audit (transport: NgTransport) (calls: int) (words: string list) =
    let world = NgBench.world 5UL calls 0.0 (vices words)
    let run = NgBench.audit world (NgPath.over transport) 9UL
    isRight world run.Outcome
    run

let private kinds (run: NgRun<Snapshot, NgAudit.State>) =
    match run.Outcome.Completeness with
    | Complete _ -> []
    | Partial reasons -> reasons |> List.map _.Kind

let private everyWay = [ NgTransport.Udp; NgTransport.Tcp; NgTransport.Http ]
let private datagrams = [ NgTransport.Udp; NgTransport.Http ]

let private expect (transports: NgTransport list) (words: string list) (expected: string list) =
    for transport in transports do
        let run = audit transport 70 words

        kinds run
        |> Check.because $"{transport} %A{words}: {run.Outcome.Completeness}" (Check.equal expected)

let ``what does not matter is told whole`` =
    example (fun () ->
        for words in
            [ [ "json" ]
              [ "shuffled-keys" ]
              [ "shuffled-keys"; "json" ]
              [ "repeats" ]
              [ "padding=3000" ] ] do
            let transports =
                if List.contains "json" words then datagrams
                elif List.contains "repeats" words then [ NgTransport.Tcp; NgTransport.Http ]
                else everyWay

            expect transports words []

            for transport in transports do
                Check.equal 140 (audit transport 70 words).Outcome.Observations.Length)

let ``a slow gateway is waited for`` = example (fun () -> expect datagrams [ "ms-per-request=400" ] [])

let ``a silent gateway is silent, and is not asked for ever`` =
    example (fun () ->
        for transport in everyWay do
            let run = audit transport 10 [ "mute-after=0" ]
            Check.equal [ "silent" ] (kinds run)
            Completeness.isSilent run.Outcome.Completeness |> Check.isTrue
            run.Took |> Check.below (TimeSpan.FromSeconds 10.0))

let ``a gateway that dies meanwhile leaves a partial snapshot with what it told`` =
    example (fun () ->
        for answers in [ 1; 2; 3; 10; 60 ] do
            for transport in everyWay do
                let run = audit transport 70 [ $"mute-after={answers}" ]
                kinds run |> Check.because $"{transport} {answers}" (Check.contains "cut-short")
                Check.equal (2 * max 0 (answers - 3)) run.Outcome.Observations.Length)

let ``a refusal is a refusal`` =
    example (fun () ->
        expect everyWay [ "refuses" ] [ "refused" ]
        Completeness.isSilent (audit NgTransport.Udp 5 [ "refuses" ]).Outcome.Completeness |> Check.isTrue)

let ``errors now and then leave out calls, and say so`` =
    example (fun () ->
        for transport in everyWay do
            let run = audit transport 70 [ "error-every=10" ]
            Check.equal [ "cut-short" ] (kinds run)
            run.Outcome.Observations.Length |> Check.between 110 138)

let ``without statistics nothing proves that it is whole`` =
    example (fun () -> expect everyWay [ "no-statistics" ] [ "not-served" ])

let ``a count that is not that of the list is told`` =
    example (fun () ->
        expect everyWay [ "count-off-by=3" ] [ "count-disagrees" ]
        expect everyWay [ "count-off-by=-3" ] [ "count-disagrees" ]
        expect everyWay [ "list-short-by=1" ] [ "count-disagrees" ])

let ``a call that is listed and then unknown has ended`` =
    example (fun () ->
        for transport in everyWay do
            let run =
                NgBench.audit
                    (NgBench.world 5UL 70 0.0 (vices [ "unknown-every=7" ]))
                    (NgPath.over transport)
                    9UL

            Check.equal [] (kinds run)
            Check.equal 120 run.Outcome.Observations.Length)

let ``replies that cannot be read are named`` =
    example (fun () ->
        expect datagrams [ "truncates" ] [ "unreadable" ]
        expect datagrams [ "garbage" ] [ "unreadable" ]
        expect everyWay [ "deep" ] [ "unreadable" ]
        expect [ NgTransport.Tcp ] [ "json" ] [ "unreadable" ]
        expect [ NgTransport.Tcp ] [ "garbage" ] [ "unreadable" ]
        // On a stream, half a message waits for its other half.
        expect [ NgTransport.Tcp ] [ "truncates" ] [ "silent" ])

let ``answers to others' questions are dropped and counted`` =
    example (fun () ->
        for transport in datagrams do
            let run = audit transport 10 [ "wrong-cookies" ]
            Check.equal [ "silent" ] (kinds run)
            NgAudit.strays run.State |> Check.above 0)

let ``a path too narrow for the list is found out, and the rest is told`` =
    example (fun () ->
        let run = audit NgTransport.Udp 150 [ "silent-above=3000" ]
        kinds run |> Check.contains "cut-short"
        run.Outcome.Observations.Length |> Check.atLeast 64)

let ``huge replies over a stream are read`` =
    example (fun () -> expect [ NgTransport.Tcp; NgTransport.Http ] [ "padding=1000000" ] [])

let ``a flood of strangers' messages changes nothing`` =
    example (fun () ->
        let world = NgBench.world 5UL 10 0.0 NgVices.none

        let state, _ =
            NgAudit.start (NgBench.target NgTransport.Udp) NgAudit.Memory.none (NgBench.given world 1UL [||])

        let mutable state = state

        for number in 1..1000 do
            let octets =
                Ng.encode $"cookie{number}" AsBencode (Bencode.Members [ "result", Bencode.ofString "ok" ])

            let after, commands = NgAudit.advance (Received(Moment.at world.Now, octets)) state

            for command in commands do
                match command with
                | WakeAt _ -> ()
                | other -> failtest $"%A{other}"

            state <- after

        Check.equal 1000 (NgAudit.strays state)
        Check.equal 1 (NgAudit.requests state))

let ``every vice has its word, and a wrong word is told`` =
    example (fun () ->
        for word in NgVices.known do
            let word =
                if word.EndsWith("=N", StringComparison.Ordinal) then
                    word.Replace("N", "3")
                else
                    word

            (NgVices.add word NgVices.none).IsOk |> Check.because word Check.isTrue

        for word in [ "nonsense"; "json=3"; "mute-after"; "mute-after=-1"; "padding=x" ] do
            (NgVices.add word NgVices.none).IsError |> Check.because word Check.isTrue)

// Releases.

let private recorded (world: NgWorld) : Connection[] =
    let snapshot = (NgBench.audit world NgPath.tcp 1UL).Outcome
    let struct (ledger, _) = Reconcile.apply snapshot (GatewayLedger.empty (GatewayId.create "gw"))
    ledger.Connections

let private release (world: NgWorld) (path: NgPath) (known: Connection[]) (id: string) =
    (NgBench.release world path 77UL known (ConnectionId.create id)).Outcome

let ``a release ends the call, with the gateway's last word on it`` =
    example (fun () ->
        for transport in everyWay do
            for party in [ 0; 1 ] do
                let world = NgBench.world 5UL 20 0.0 NgVices.none
                let known = recorded world
                let connection = world.Table.Connections[7]
                let id = (List.item party (world.Responder.Identify connection)).Id
                let asked = world.Now

                match release world (NgPath.over transport) known id with
                | Release.Ended ended ->
                    Check.equal id (string ended.Observation.Id)
                    let truly = world.Ends[connection.Serial]

                    Interval.contains truly ended.End.Within
                    |> Check.because $"{truly} {ended.End.Within}" Check.isTrue

                    (ended.End.Within.Earliest >= asked) |> Check.isTrue
                    Check.equal Reported ended.End.Evidence
                    let expected = SimConnection.packets truly connection
                    // The called party may have sent early media while it rang.
                    let early = (connection.Start - connection.Setup).TotalMilliseconds / 20.0

                    ended.Counters.Value.PacketsReceived.Value
                    |> Check.between (expected - 30L) (expected + int64 (float party * early))

                    Check.equal 19 world.Table.Count
                | Release.NotReleased reason -> failtest (string reason))

let ``a release is done once, however much is lost`` =
    example (fun () ->
        for seed in 1UL .. 40UL do
            let world = NgBench.world seed 5 0.0 NgVices.none
            let known = recorded world
            let id = (List.item 0 (world.Responder.Identify world.Table.Connections[2])).Id
            let path = { NgPath.udp with Network = PathQuality.bad 0.3 }

            match (NgBench.release world path (seed + 1000UL) known (ConnectionId.create id)).Outcome with
            | Release.Ended _ -> Check.equal 4 world.Table.Count
            | Release.NotReleased(Silent _) -> world.Table.Count |> Check.between 4 5
            | Release.NotReleased reason -> failtest (string reason))

let ``what is not there is not released`` =
    example (fun () ->
        let world = NgBench.world 5UL 5 0.0 NgVices.none
        let known = recorded world

        let refused path id =
            match release world path known id with
            | Release.NotReleased reason -> reason.Kind
            | Release.Ended _ -> "ended"

        Check.equal "refused" (refused NgPath.udp "no such call;tag")
        Check.equal "refused" (refused NgPath.tcp $"{world.Table.Connections[0].CallId};no such tag")
        Check.equal "refused" (refused NgPath.http "nothing")
        Check.equal 5 world.Table.Count
        Check.equal "silent" (refused { NgPath.tcp with Opens = 0 } (string known[0].Id))

        for words, kind in
            [ [ "mute-after=0" ], "silent"
              [ "refuses" ], "refused"
              [ "truncates" ], "unreadable"
              [ "wrong-cookies" ], "silent" ] do
            let world = NgBench.world 5UL 5 0.0 (vices words)
            let id = (List.item 0 (world.Responder.Identify world.Table.Connections[0])).Id

            match release world NgPath.udp [||] id with
            | Release.NotReleased reason -> Check.equal kind reason.Kind
            | Release.Ended _ -> failtest $"%A{words}")
