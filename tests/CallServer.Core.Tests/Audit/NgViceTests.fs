/// Bad rtpengines, and releases.
module CallServer.Tests.Audit.NgViceTests

open System
open System.Text
open NUnit.Framework
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Audit
open CallServer.Gateway
open CallServer.Tests.Wire

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
        Assert.Fail $"{snapshot.Completeness}\n{shown}"

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

        Assert.That(
            kinds run,
            Is.EqualTo<string list> expected,
            $"{transport} %A{words}: {run.Outcome.Completeness}"
        )

[<Test>]
let ``what does not matter is told whole`` () =
    for words in
        [ [ "json" ]; [ "shuffled-keys" ]; [ "shuffled-keys"; "json" ]; [ "repeats" ]; [ "padding=3000" ] ] do
        let transports =
            if List.contains "json" words then datagrams
            elif List.contains "repeats" words then [ NgTransport.Tcp; NgTransport.Http ]
            else everyWay

        expect transports words []

        for transport in transports do
            Check.equal 140 (audit transport 70 words).Outcome.Observations.Length

[<Test>]
let ``a slow gateway is waited for`` () = expect datagrams [ "ms-per-request=400" ] []

[<Test>]
let ``a silent gateway is silent, and is not asked for ever`` () =
    for transport in everyWay do
        let run = audit transport 10 [ "mute-after=0" ]
        Check.equal [ "silent" ] (kinds run)
        Assert.That(Completeness.isSilent run.Outcome.Completeness)
        Assert.That(run.Took, Is.LessThan(TimeSpan.FromSeconds 10.0))

[<Test>]
let ``a gateway that dies meanwhile leaves a partial snapshot with what it told`` () =
    for answers in [ 1; 2; 3; 10; 60 ] do
        for transport in everyWay do
            let run = audit transport 70 [ $"mute-after={answers}" ]
            Assert.That(kinds run, Does.Contain "cut-short", $"{transport} {answers}")
            Check.equal (2 * max 0 (answers - 3)) run.Outcome.Observations.Length

[<Test>]
let ``a refusal is a refusal`` () =
    expect everyWay [ "refuses" ] [ "refused" ]
    Assert.That(Completeness.isSilent (audit NgTransport.Udp 5 [ "refuses" ]).Outcome.Completeness)

[<Test>]
let ``errors now and then leave out calls, and say so`` () =
    for transport in everyWay do
        let run = audit transport 70 [ "error-every=10" ]
        Check.equal [ "cut-short" ] (kinds run)
        Assert.That(run.Outcome.Observations.Length, Is.InRange(110, 138))

[<Test>]
let ``without statistics nothing proves that it is whole`` () =
    expect everyWay [ "no-statistics" ] [ "not-served" ]

[<Test>]
let ``a count that is not that of the list is told`` () =
    expect everyWay [ "count-off-by=3" ] [ "count-disagrees" ]
    expect everyWay [ "count-off-by=-3" ] [ "count-disagrees" ]
    expect everyWay [ "list-short-by=1" ] [ "count-disagrees" ]

[<Test>]
let ``a call that is listed and then unknown has ended`` () =
    for transport in everyWay do
        let run =
            NgBench.audit (NgBench.world 5UL 70 0.0 (vices [ "unknown-every=7" ])) (NgPath.over transport) 9UL

        Check.equal [] (kinds run)
        Check.equal 120 run.Outcome.Observations.Length

[<Test>]
let ``replies that cannot be read are named`` () =
    expect datagrams [ "truncates" ] [ "unreadable" ]
    expect datagrams [ "garbage" ] [ "unreadable" ]
    expect everyWay [ "deep" ] [ "unreadable" ]
    expect [ NgTransport.Tcp ] [ "json" ] [ "unreadable" ]
    expect [ NgTransport.Tcp ] [ "garbage" ] [ "unreadable" ]
    // On a stream, half a message waits for its other half.
    expect [ NgTransport.Tcp ] [ "truncates" ] [ "silent" ]

[<Test>]
let ``answers to others' questions are dropped and counted`` () =
    for transport in datagrams do
        let run = audit transport 10 [ "wrong-cookies" ]
        Check.equal [ "silent" ] (kinds run)
        Assert.That(NgAudit.strays run.State, Is.GreaterThan 0)

[<Test>]
let ``a path too narrow for the list is found out, and the rest is told`` () =
    let run = audit NgTransport.Udp 150 [ "silent-above=3000" ]
    Assert.That(kinds run, Does.Contain "cut-short")
    Assert.That(run.Outcome.Observations.Length, Is.GreaterThanOrEqualTo 64)

[<Test>]
let ``huge replies over a stream are read`` () =
    expect [ NgTransport.Tcp; NgTransport.Http ] [ "padding=1000000" ] []

[<Test>]
let ``a flood of strangers' messages changes nothing`` () =
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
            | other -> Assert.Fail $"%A{other}"

        state <- after

    Check.equal 1000 (NgAudit.strays state)
    Check.equal 1 (NgAudit.requests state)

[<Test>]
let ``every vice has its word, and a wrong word is told`` () =
    for word in NgVices.known do
        let word =
            if word.EndsWith("=N", StringComparison.Ordinal) then
                word.Replace("N", "3")
            else
                word

        Assert.That((NgVices.add word NgVices.none).IsOk, word)

    for word in [ "nonsense"; "json=3"; "mute-after"; "mute-after=-1"; "padding=x" ] do
        Assert.That((NgVices.add word NgVices.none).IsError, word)

// Releases.

let private recorded (world: NgWorld) : Connection[] =
    let snapshot = (NgBench.audit world NgPath.tcp 1UL).Outcome
    let struct (ledger, _) = Reconcile.apply snapshot (GatewayLedger.empty (GatewayId.create "gw"))
    ledger.Connections

let private release (world: NgWorld) (path: NgPath) (known: Connection[]) (id: string) =
    (NgBench.release world path 77UL known (ConnectionId.create id)).Outcome

[<Test>]
let ``a release ends the call, with the gateway's last word on it`` () =
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
                Assert.That(Interval.contains truly ended.End.Within, $"{truly} {ended.End.Within}")
                Assert.That(ended.End.Within.Earliest >= asked)
                Check.equal Reported ended.End.Evidence
                let expected = SimConnection.packets truly connection
                // The called party may have sent early media while it rang.
                let early = (connection.Start - connection.Setup).TotalMilliseconds / 20.0

                Assert.That(
                    ended.Counters.Value.PacketsReceived.Value,
                    Is.InRange(expected - 30L, expected + int64 (float party * early))
                )

                Check.equal 19 world.Table.Count
            | Release.NotReleased reason -> Assert.Fail(string reason)

[<Test>]
let ``a release is done once, however much is lost`` () =
    for seed in 1UL .. 40UL do
        let world = NgBench.world seed 5 0.0 NgVices.none
        let known = recorded world
        let id = (List.item 0 (world.Responder.Identify world.Table.Connections[2])).Id
        let path = { NgPath.udp with Network = PathQuality.bad 0.3 }

        match (NgBench.release world path (seed + 1000UL) known (ConnectionId.create id)).Outcome with
        | Release.Ended _ -> Check.equal 4 world.Table.Count
        | Release.NotReleased(Silent _) -> Assert.That(world.Table.Count, Is.InRange(4, 5))
        | Release.NotReleased reason -> Assert.Fail(string reason)

[<Test>]
let ``what is not there is not released`` () =
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
        | Release.Ended _ -> Assert.Fail $"%A{words}"
