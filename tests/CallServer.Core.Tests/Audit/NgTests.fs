/// Audits of the simulated rtpengine: what is told, and what it proves.
module CallServer.Tests.Audit.NgTests

open System
open NUnit.Framework
open FsCheck.NUnit
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Audit
open CallServer.Gateway
open CallServer.Tests.Wire

let private none: NgVices = NgVices.none

let private isRight (world: NgWorld) (snapshot: Snapshot) =
    match NgBench.wrongs world snapshot with
    | [] -> ()
    | wrongs ->
        let shown = wrongs |> List.truncate 5 |> String.concat "\n"
        Assert.Fail $"{snapshot.Completeness}\n{shown}"

let private isComplete (snapshot: Snapshot) =
    Assert.That(Snapshot.isComplete snapshot, Is.True, $"{snapshot.Completeness}")

let private transports = [ NgTransport.Udp; NgTransport.Tcp; NgTransport.Http ]

[<Test>]
let ``at rest every party is listed as its gateway names it, whatever the way`` () =
    for transport in transports do
        for connections in [ 0; 1; 70; 600 ] do
            let world = NgBench.world 5UL connections 0.0 none
            let run = NgBench.audit world (NgPath.over transport) 9UL
            isComplete run.Outcome
            isRight world run.Outcome
            run.Outcome.Completeness |> Check.equal (Complete [ EndOfTable; SameBoot; CountAgrees ])
            run.Outcome.Observations.Length |> Check.equal (2 * connections)

[<Test>]
let ``facts are those of the call`` () =
    let world = NgBench.world 5UL 50 0.0 none
    let snapshot = (NgBench.audit world NgPath.udp 9UL).Outcome

    let byId =
        snapshot.Observations
        |> Array.map (fun observation -> string observation.Id, observation)
        |> Map.ofArray

    for connection in world.Table.Connections do
        match world.Responder.Identify connection with
        | [ offering; answering ] ->
            let seen = byId[offering.Id]
            let other = byId[answering.Id]

            let remote =
                MediaAddress.ofText (SimConnection.hostText connection.RemoteHost) connection.RemotePort

            let local = MediaAddress.ofText (SimConnection.hostText connection.LocalHost) connection.LocalPort
            Check.equal offering.Call (seen.Facts.Call |> ValueOption.map string |> ValueOption.toOption)
            Check.equal offering.Originator (ValueOption.toOption seen.Facts.Originator)
            Check.equal seen.Facts.Originator other.Facts.Originator
            Check.equal seen.Facts.Remote other.Facts.Remote
            Check.equal (ValueSome(string other.Facts.RemoteMedia.Value)) seen.Facts.Remote
            Check.equal remote (ValueOption.toOption seen.Facts.RemoteMedia)
            Check.equal local (ValueOption.toOption seen.Facts.LocalMedia)
            Check.equal (SimCodec.name connection.Codec) seen.Facts.Codec.Value.Name
            Check.equal (ValueSome "sendrecv") seen.Facts.Mode
            Check.equal (ValueSome "active") seen.Facts.State
            Check.equal ValueNone seen.Facts.Endpoint
            Assert.That(seen.Stamp.IsSome && seen.Stamp = other.Stamp)
            Check.equal Reported seen.Setup.Value.Evidence
            Check.equal Bounded seen.Start.Value.Evidence
        | other -> Assert.Fail $"%A{other}"

[<Test>]
let ``a fax is the call's medium, whose audio is none any more`` () =
    let world = NgBench.world 5UL 30 0.0 { none with FaxEvery = ValueSome 1 }
    let snapshot = (NgBench.audit world NgPath.udp 9UL).Outcome
    isComplete snapshot
    Check.equal 60 snapshot.Observations.Length

    for observation in snapshot.Observations do
        Check.equal "t38" observation.Facts.Codec.Value.Name

        Assert.That(
            observation.Facts.RemoteMedia.Value.Port > 0 && observation.Facts.LocalMedia.Value.Port > 0
        )

        Check.equal (ValueSome []) observation.Facts.OtherMedia

[<Test>]
let ``a party's video is a fact beside its audio`` () =
    let vices = { none with VideoEvery = ValueSome 2 }
    let world = NgBench.world 5UL 30 0.0 vices
    let snapshot = (NgBench.audit world NgPath.udp 9UL).Outcome
    isComplete snapshot

    let byId =
        snapshot.Observations
        |> Array.map (fun observation -> string observation.Id, observation)
        |> Map.ofArray

    for connection in world.Table.Connections do
        let offering = byId[(world.Responder.Identify connection).Head.Id]
        Check.equal (SimCodec.name connection.Codec) offering.Facts.Codec.Value.Name
        Check.equal connection.LocalPort offering.Facts.LocalMedia.Value.Port

        let video: Medium list =
            [ { Kind = "video"
                Codec = ValueSome { Name = "VP8"; ClockRate = ValueSome 90000 }
                Local =
                  MediaAddress.ofText
                      (SimConnection.hostText connection.LocalHost)
                      (NgCalls.videoPort connection.LocalPort)
                  |> Option.toValueOption
                Remote =
                  MediaAddress.ofText
                      (SimConnection.hostText connection.RemoteHost)
                      (NgCalls.videoPort connection.RemotePort)
                  |> Option.toValueOption } ]

        offering.Facts.OtherMedia
        |> Check.equal (ValueSome(if NgCalls.hasVideo vices connection then video else []))

[<Test>]
let ``a party that has not answered is no connection yet`` () =
    let world = NgBench.world 5UL 40 0.0 { none with UnansweredEvery = ValueSome 4; NoMedia = true }
    let snapshot = (NgBench.audit world NgPath.tcp 9UL).Outcome
    isComplete snapshot
    Check.equal 70 snapshot.Observations.Length

    let ringing =
        snapshot.Observations
        |> Array.filter (fun observation -> observation.Facts.State = ValueSome "offered")

    Check.equal 10 ringing.Length

    for observation in ringing do
        Check.equal (ValueSome(Timing.reported (Interval.from observation.Heard.Earliest))) observation.Start

/// Calls that begin to ring, whatever they show of it, and are answered.
let private ringingWorld () =
    let world = NgBench.world 11UL 0 0.0 none

    let calls =
        [ for _ in 1..9 do
              world.Open(TimeSpan.FromSeconds 8.0) ]

    world, calls

let private stateOf (connection: SimConnection) (world: NgWorld) (snapshot: Snapshot) =
    let offering = (world.Responder.Identify connection).Head.Id

    snapshot.Observations
    |> Array.filter (fun o -> o.Facts.Call = ValueSome(CallId.create connection.CallId))
    |> Array.map (fun o -> (string o.Id = offering), o.Facts.State.Value)
    |> Array.sortDescending
    |> List.ofArray

[<Test>]
let ``a call that rings is offered or early, and its answer is bounded by what was heard before and after``
    ()
    =
    let world, calls = ringingWorld ()
    let ledger = ref (GatewayLedger.empty (GatewayId.create "gw"))

    let audit seed =
        let snapshot = (NgBench.audit world NgPath.tcp seed).Outcome
        isRight world snapshot
        let struct (after, _) = Reconcile.apply snapshot ledger.Value
        ledger.Value <- after
        snapshot

    audit 1UL |> ignore
    world.AdvanceTo(world.Now + TimeSpan.FromSeconds 5.0)
    let ringing = audit 2UL

    for call in calls do
        stateOf call world ringing
        |> Check.equal (
            if call.Serial % 3L = 2L then
                [ true, "early"; false, "early" ]
            else
                [ true, "offered" ]
        )

    world.AdvanceTo(world.Now + TimeSpan.FromSeconds 5.0)

    let answered = audit 3UL

    for call in calls do
        stateOf call world answered |> Check.equal [ true, "active"; false, "active" ]

    Check.equal 18 ledger.Value.Connections.Length
    Check.equal 0L ledger.Value.ConflictsTotal

    for c in ledger.Value.Connections do
        Assert.That(c.Start.Evidence, Is.EqualTo Bounded)
        Assert.That(Interval.isBounded c.Start.Within, $"{c.Start}")
        let call = calls |> List.find (fun call -> ValueSome(CallId.create call.CallId) = c.Facts.Call)
        Assert.That(Interval.contains call.Start c.Start.Within, $"{call.Start} {c.Start}")
        Assert.That(Interval.contains call.Setup c.Setup.Value.Within)

[<Test>]
let ``a call that nobody answers is billed nothing, whatever media comes of the called party`` () =
    let world, calls = ringingWorld ()

    let audit (ledger: GatewayLedger) seed =
        let struct (after, changes) = Reconcile.apply (NgBench.audit world NgPath.tcp seed).Outcome ledger
        after, changes

    let ledger, _ = audit (GatewayLedger.empty (GatewayId.create "gw")) 1UL
    world.AdvanceTo(world.Now + TimeSpan.FromSeconds 6.0)
    let ledger, _ = audit ledger 2UL

    for call in calls do
        let id = Text.Encoding.ASCII.GetBytes call.CallId
        world.Tell(Datagram("x", Ng.encodeRequest $"c{call.Serial}" (NgRequest.Delete(id, [||])))) |> ignore

    let _, changes = audit ledger 3UL

    let billed =
        changes
        |> Array.choose (fun change ->
            match change with
            | Change.Closed(c, ending) ->
                Some(Cdr.billedSeconds (Cdr.create ledger.Gateway ledger.Traits c ending))
            | _ -> None)

    Assert.That(billed.Length, Is.GreaterThanOrEqualTo calls.Length)
    Assert.That(billed, Is.All.EqualTo 0L)

[<Property(MaxTest = 100, QuietOnSuccess = true)>]
let ``media of both parties bounds the start from above, and never too narrowly`` (seed: uint64) =
    let world = NgBench.world seed 20 2.0 none
    let target = { NgBench.target NgTransport.Tcp with MediaAnswers = true }
    let mutable memory = NgAudit.Memory.none

    for round in 1UL .. 3UL do
        let run = NgBench.auditOf target [||] world NgPath.tcp (seed + round) memory
        memory <- NgAudit.memory run.State
        isRight world run.Outcome
        world.AdvanceTo(world.Now + TimeSpan.FromSeconds 7.0)

[<Test>]
let ``media of both parties tells of the time before anybody asked`` () =
    let world = NgBench.world 5UL 50 0.0 none
    let target = { NgBench.target NgTransport.Tcp with MediaAnswers = true }
    let snapshot = (NgBench.auditOf target [||] world NgPath.tcp 1UL NgAudit.Memory.none).Outcome
    let byId = world.Table.Connections |> Seq.map (fun c -> CallId.create c.CallId, c) |> dict

    for told in snapshot.Observations do
        let struct (o, _) = Lawful.observation snapshot.Traits told
        let connection = byId[o.Facts.Call.Value]
        let lag = o.Start.Value.Within.Latest - connection.Start

        match connection.Codec with
        // Frames of 30 ms, and of other sizes: their packets do not tell.
        | G723
        | Ilbc -> Check.equal Bounded o.Start.Value.Evidence
        | _ when told.Heard.Latest - connection.Start > TimeSpan.FromSeconds 10.0 ->
            Check.equal Inferred o.Start.Value.Evidence
            Assert.That(lag, Is.LessThan(TimeSpan.FromSeconds 5.0), $"{connection.Codec}")
        | _ -> ()

[<Property(MaxTest = 150, QuietOnSuccess = true)>]
let ``under churn, loss and disorder, complete means complete and starts lie within``
    (seed: uint64)
    (loss: byte)
    (way: byte)
    =
    let transport = transports[int way % 3]
    let network = PathQuality.bad (0.3 * float loss / 255.0)
    let world = NgBench.world seed 60 8.0 none
    let path = { NgPath.over transport with Network = network }
    let mutable memory = NgAudit.Memory.none

    for round in 1UL .. 3UL do
        let run = NgBench.auditKnowing [||] world path (seed + round * 1000UL) memory
        memory <- NgAudit.memory run.State
        isRight world run.Outcome
        world.AdvanceTo(world.Now + TimeSpan.FromSeconds 5.0)

[<Test>]
let ``a quiet path makes audits under churn complete`` () =
    for transport in transports do
        let mutable complete = 0

        for seed in 1UL .. 20UL do
            let world = NgBench.world seed 300 30.0 none
            let run = NgBench.audit world (NgPath.over transport) seed
            isRight world run.Outcome

            if Snapshot.isComplete run.Outcome then
                complete <- complete + 1

        Assert.That(complete, Is.GreaterThanOrEqualTo 19, string transport)

[<Test>]
let ``most audits are complete where a tenth is lost`` () =
    let path = { NgPath.udp with Network = PathQuality.bad 0.1 }

    let complete =
        [ 1UL .. 40UL ]
        |> List.filter (fun seed ->
            let world = NgBench.world seed 40 1.0 none
            Snapshot.isComplete (NgBench.audit world path seed).Outcome)

    Assert.That(complete.Length, Is.GreaterThanOrEqualTo 30)

[<Test>]
let ``requests in flight begin few, grow, and stay bounded`` () =
    let world = NgBench.world 3UL 800 0.0 none
    let run = NgBench.audit world NgPath.udp 4UL
    Assert.That(run.MostInFlight, Is.InRange(20, 32))
    let small = NgBench.audit (NgBench.world 3UL 10 0.0 none) NgPath.udp 4UL
    Assert.That(small.MostInFlight, Is.LessThanOrEqualTo 12)

[<Test>]
let ``cookies are 128 bits, and never those of another audit; a repeat has its own again`` () =
    let path = { NgPath.udp with Network = PathQuality.bad 0.2 }

    let cookies seed =
        let run = NgBench.audit (NgBench.world 3UL 40 0.0 none) path seed
        run.Sent |> List.map (fun message -> (Ng.peek message).Value, message)

    let one, two = cookies 1UL, cookies 2UL

    for cookie, _ in one do
        Assert.That(cookie, Does.Match "^[0-9a-f]{32}$")

    Set.intersect (Set.ofList (List.map fst one)) (Set.ofList (List.map fst two))
    |> Check.equal Set.empty

    let distinct = one |> List.map fst |> List.distinct |> List.length
    Assert.That(distinct, Is.LessThan one.Length, "something was repeated")
    one |> List.distinct |> List.length |> Check.equal distinct

[<Test>]
let ``a list too long for a datagram is foreseen, not awaited`` () =
    let world = NgBench.world 7UL 5000 0.0 none
    let run = NgBench.audit world NgPath.udp 8UL
    isRight world run.Outcome

    match run.Outcome.Completeness with
    | Partial [ TooLarge _ ] -> ()
    | other -> Assert.Fail $"{other}"

    // Call-IDs of 31 octets: 34 each.
    Assert.That(run.Outcome.Observations.Length, Is.InRange(3600, 3860))
    // One lost reply would take a second.
    Assert.That(run.Took, Is.LessThan(TimeSpan.FromSeconds 1.0))

    for transport in [ NgTransport.Tcp; NgTransport.Http ] do
        let world = NgBench.world 7UL 5000 0.0 none
        let run = NgBench.audit world (NgPath.over transport) 8UL
        isComplete run.Outcome
        isRight world run.Outcome
        Check.equal 10000 run.Outcome.Observations.Length

[<Test>]
let ``a list that just fits is complete`` () =
    let world = NgBench.world 7UL 1800 0.0 none
    let run = NgBench.audit world NgPath.udp 8UL
    isComplete run.Outcome
    isRight world run.Outcome

let private applied (snapshot: Snapshot) (ledger: GatewayLedger) : struct (GatewayLedger * Change[]) =
    Reconcile.apply snapshot ledger

[<Test>]
let ``what the record knows is asked for where the list cannot be whole`` () =
    let world = NgBench.world 7UL 2500 0.0 none
    let over path known seed = (NgBench.auditKnowing known world path seed NgAudit.Memory.none).Outcome

    let struct (ledger, _) =
        applied (over NgPath.tcp [||] 1UL) (GatewayLedger.empty (GatewayId.create "gw"))

    world.AdvanceTo(world.Now + TimeSpan.FromSeconds 1.0)
    let gone = world.Table.Connections[17]

    world.Tell(
        Datagram("x", Ng.encodeRequest "c" (NgRequest.Delete(Text.Encoding.ASCII.GetBytes gone.CallId, [||])))
    )
    |> ignore

    let snapshot = over NgPath.udp ledger.Connections 2UL
    isRight world snapshot
    Assert.That(Snapshot.isComplete snapshot, Is.False)
    Check.equal 4998 snapshot.Observations.Length

    snapshot.Denied
    |> Array.map string
    |> Array.sort
    |> Check.equal (world.Responder.Identify gone |> List.map _.Id |> Array.ofList |> Array.sort)

    let struct (after, _) = applied snapshot ledger
    Check.equal 4998 after.Connections.Length

[<Test>]
let ``calls of a restarted gateway end with its restart`` () =
    let world = NgBench.world 7UL 20 0.0 none
    let first = (NgBench.audit world NgPath.udp 1UL).Outcome
    let struct (ledger, _) = applied first (GatewayLedger.empty (GatewayId.create "gw"))
    world.AdvanceTo(world.Now + TimeSpan.FromSeconds 30.0)
    let restarted = world.Now
    world.Restart()
    world.AdvanceTo(world.Now + TimeSpan.FromSeconds 4.0)
    let second = (NgBench.audit world NgPath.udp 2UL).Outcome
    isComplete second
    let struct (after, changes) = applied second ledger
    Check.equal 0 after.Connections.Length

    let endings =
        changes
        |> Array.choose (fun change ->
            match change with
            | Change.Closed(_, ending) -> Some ending
            | _ -> None)

    Check.equal 40 endings.Length

    for ending in endings do
        Check.equal GatewayRestart ending.Evidence
        Assert.That(Interval.contains restarted ending.Within, $"{ending.Within} {restarted}")

[<Test>]
let ``a restart during the audit is named`` () =
    for at in [ 3; 10; 25 ] do
        for transport in [ NgTransport.Udp; NgTransport.Http ] do
            let world = NgBench.world 7UL 20 0.0 none
            let path = { NgPath.over transport with At = at; Mishap = _.Restart() }
            let run = NgBench.audit world path 1UL

            match run.Outcome.Completeness with
            | Partial reasons -> Assert.That(List.contains RestartedMeanwhile reasons, $"%A{reasons}")
            | Complete _ -> Assert.Fail $"complete although it restarted at message {at}"

[<Test>]
let ``a stream that breaks is opened again, and what was asked is asked again`` () =
    let world = NgBench.world 7UL 300 0.0 none
    let run = NgBench.audit world { NgPath.tcp with BreaksAfter = 40 } 1UL
    isRight world run.Outcome
    let whole = NgBench.audit (NgBench.world 7UL 300 0.0 none) { NgPath.tcp with BreaksAfter = 150 } 1UL
    isComplete whole.Outcome
    Check.equal 600 whole.Outcome.Observations.Length

[<Test>]
let ``a stream that cannot be opened is silence, one that cannot be opened again is cut short`` () =
    let reasons path =
        match (NgBench.audit (NgBench.world 7UL 300 0.0 none) path 1UL).Outcome.Completeness with
        | Partial reasons -> reasons |> List.map _.Kind
        | Complete _ -> [ "complete" ]

    reasons { NgPath.tcp with Opens = 0 } |> Check.equal [ "silent" ]
    Assert.That(reasons { NgPath.tcp with Opens = 1; BreaksAfter = 40 }, Does.Contain "cut-short")

[<Test>]
let ``an audit that is stopped tells what it knows, and nothing after its end changes it`` () =
    let world = NgBench.world 7UL 30 0.0 none

    let state, _ =
        NgAudit.start (NgBench.target NgTransport.Udp) NgAudit.Memory.none (NgBench.given world 1UL [||])

    let stopped, commands =
        NgAudit.advance (Stopped(Moment.at (world.Now + TimeSpan.FromSeconds 0.5))) state

    match commands with
    | [ Finished { Completeness = Partial(Cancelled :: _) } ] -> ()
    | other -> Assert.Fail $"%A{other}"

    let later = Moment.at (world.Now + TimeSpan.FromSeconds 9.0)

    for event in
        [ Woke later; Stopped later; Received(later, [||]); Event.Broken(later, ""); Arrived(later, [||]) ] do
        let after, more = NgAudit.advance event stopped
        Assert.That(Object.ReferenceEquals(after, stopped) && more.IsEmpty)

[<Test>]
let ``a wake-up before its time changes nothing`` () =
    let world = NgBench.world 7UL 30 0.0 none

    let state, _ =
        NgAudit.start (NgBench.target NgTransport.Udp) NgAudit.Memory.none (NgBench.given world 1UL [||])

    let after, commands =
        NgAudit.advance (Woke(Moment.at (world.Now + TimeSpan.FromMilliseconds 10.0))) state

    Check.equal (NgAudit.requests state) (NgAudit.requests after)

    match commands with
    | [ WakeAt _ ] -> ()
    | other -> Assert.Fail $"%A{other}"
