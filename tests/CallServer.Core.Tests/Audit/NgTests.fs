/// Audits of the simulated rtpengine: what it reports, and what that proves.
module CallServer.Tests.Audit.NgTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Ng
open CallServer.Gateway
open CallServer.Tests.Wire
open CallServer.Tests

let private none: NgVices = NgVices.none

let private isRight (world: NgWorld) (snapshot: Snapshot) =
    match NgBench.wrongs world snapshot with
    | [] -> ()
    | wrongs ->
        let shown = wrongs |> List.truncate 5 |> String.concat "\n"
        failtest $"{snapshot.Completeness}\n{shown}"

let private isComplete (snapshot: Snapshot) =
    Snapshot.isComplete snapshot |> Check.because $"{snapshot.Completeness}" Check.isTrue

let private transports = [ NgTransport.Udp; NgTransport.Tcp; NgTransport.Http ]

let ``at rest every party is listed as its gateway names it, whatever the way`` =
    example (fun () ->
        for transport in transports do
            for connections in [ 0; 1; 70; 600 ] do
                let world = NgBench.world 5UL connections 0.0 none
                let run = NgBench.audit world (NgPath.over transport) 9UL
                isComplete run.Outcome
                isRight world run.Outcome
                run.Outcome.Completeness |> Check.equal (Complete [ EndOfTable; SameBoot; CountAgrees ])
                run.Outcome.Observations.Length |> Check.equal (2 * connections))

let ``facts are those of the call`` =
    example (fun () ->
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

                let local =
                    MediaAddress.ofText (SimConnection.hostText connection.LocalHost) connection.LocalPort

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
                (seen.Stamp.IsSome && seen.Stamp = other.Stamp) |> Check.isTrue
                Check.equal Reported seen.Setup.Value.Evidence
                Check.equal Bounded seen.Start.Value.Evidence
            | other -> failtest $"%A{other}")

let ``a fax is the call's medium, whose audio is none any more`` =
    example (fun () ->
        let world = NgBench.world 5UL 30 0.0 { none with FaxEvery = ValueSome 1 }
        let snapshot = (NgBench.audit world NgPath.udp 9UL).Outcome
        isComplete snapshot
        Check.equal 60 snapshot.Observations.Length

        for observation in snapshot.Observations do
            Check.equal "t38" observation.Facts.Codec.Value.Name

            (observation.Facts.RemoteMedia.Value.Port > 0 && observation.Facts.LocalMedia.Value.Port > 0)
            |> Check.isTrue

            Check.equal (ValueSome []) observation.Facts.OtherMedia)

let ``a party's video is a fact beside its audio`` =
    example (fun () ->
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
            |> Check.equal (ValueSome(if NgCalls.hasVideo vices connection then video else [])))

let ``a party that has not answered is no connection yet`` =
    example (fun () ->
        let world = NgBench.world 5UL 40 0.0 { none with UnansweredEvery = ValueSome 4; NoMedia = true }
        let snapshot = (NgBench.audit world NgPath.tcp 9UL).Outcome
        isComplete snapshot
        Check.equal 70 snapshot.Observations.Length

        let ringing =
            snapshot.Observations
            |> Array.filter (fun observation -> observation.Facts.State = ValueSome "offered")

        Check.equal 10 ringing.Length

        for observation in ringing do
            Check.equal
                (ValueSome(Timing.reported (Interval.from observation.Heard.Earliest)))
                observation.Start)

/// Calls that begin to ring, whether the reply shows it or not, and are answered.
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

let ``a call that rings is offered or early, and its answer is bounded by what was heard before and after`` =
    example (fun () ->
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
            c.Start.Evidence |> Check.equal Bounded
            Interval.isBounded c.Start.Within |> Check.because $"{c.Start}" Check.isTrue
            let call = calls |> List.find (fun call -> ValueSome(CallId.create call.CallId) = c.Facts.Call)

            Interval.contains call.Start c.Start.Within
            |> Check.because $"{call.Start} {c.Start}" Check.isTrue

            Interval.contains call.Setup c.Setup.Value.Within |> Check.isTrue)

let ``a call that nobody answers is billed nothing, whatever media comes of the called party`` =
    example (fun () ->
        let world, calls = ringingWorld ()

        let audit (ledger: GatewayLedger) seed =
            let struct (after, changes) =
                Reconcile.apply (NgBench.audit world NgPath.tcp seed).Outcome ledger

            after, changes

        let ledger, _ = audit (GatewayLedger.empty (GatewayId.create "gw")) 1UL
        world.AdvanceTo(world.Now + TimeSpan.FromSeconds 6.0)
        let ledger, _ = audit ledger 2UL

        for call in calls do
            let id = Text.Encoding.ASCII.GetBytes call.CallId

            world.Tell(Datagram("x", Ng.encodeRequest $"c{call.Serial}" (NgRequest.Delete(id, [||]))))
            |> ignore

        let _, changes = audit ledger 3UL

        let billed =
            changes
            |> Array.choose (fun change ->
                match change with
                | Change.Closed(c, ending) ->
                    Some(Cdr.billedSeconds (Cdr.create ledger.Gateway ledger.Traits c ending))
                | _ -> None)

        billed.Length |> Check.atLeast calls.Length
        billed |> Check.allEqual 0L)

let ``media of both parties bounds the start from above, and never too narrowly`` =
    lawBy (Laws.plain |> Laws.times 100) (fun (seed: uint64) ->
        let world = NgBench.world seed 20 2.0 none
        let target = { NgBench.target NgTransport.Tcp with MediaAnswers = true }
        let mutable memory = NgAudit.Memory.none

        for round in 1UL .. 3UL do
            let run = NgBench.auditOf target [||] world NgPath.tcp (seed + round) memory
            memory <- NgAudit.memory run.State
            isRight world run.Outcome
            world.AdvanceTo(world.Now + TimeSpan.FromSeconds 7.0))

let ``media proves no answer where the configuration does not say that it does`` =
    example (fun () ->
        let world = NgBench.world 5UL 50 0.0 none
        let snapshot = (NgBench.audit world NgPath.tcp 1UL).Outcome
        snapshot.Observations |> Array.map _.MinimumAge |> Check.allEqual TimeSpan.Zero)

let ``media of both parties tells of the time before anybody asked`` =
    example (fun () ->
        let world = NgBench.world 5UL 50 0.0 none
        let target = { NgBench.target NgTransport.Tcp with MediaAnswers = true }
        let snapshot = (NgBench.auditOf target [||] world NgPath.tcp 1UL NgAudit.Memory.none).Outcome
        let byId = world.Table.Connections |> Seq.map (fun c -> CallId.create c.CallId, c) |> dict

        for told in snapshot.Observations do
            let struct (o, _) = Lawful.observation snapshot.Traits told
            let connection = byId[o.Facts.Call.Value]
            let lag = o.Start.Value.Within.Latest - connection.Start

            match connection.Codec with
            // Frames of 30 ms and of other sizes: their packet counts say nothing about time.
            | G723
            | Ilbc -> Check.equal Bounded o.Start.Value.Evidence
            | _ when told.Heard.Latest - connection.Start > TimeSpan.FromSeconds 10.0 ->
                Check.equal Inferred o.Start.Value.Evidence
                lag |> Check.because $"{connection.Codec}" (Check.below (TimeSpan.FromSeconds 5.0))
            | _ -> ())

let ``under churn, loss and disorder, complete means complete and starts lie within`` =
    lawBy (Laws.plain |> Laws.times 150) (fun (seed: uint64) (loss: byte) (way: byte) ->
        let transport = transports[int way % 3]
        let network = PathQuality.bad (0.3 * float loss / 255.0)
        let world = NgBench.world seed 60 8.0 none
        let path = { NgPath.over transport with Network = network }
        let mutable memory = NgAudit.Memory.none

        for round in 1UL .. 3UL do
            let run = NgBench.auditKnowing [||] world path (seed + round * 1000UL) memory
            memory <- NgAudit.memory run.State
            isRight world run.Outcome
            world.AdvanceTo(world.Now + TimeSpan.FromSeconds 5.0))

let ``a quiet path makes audits under churn complete`` =
    example (fun () ->
        for transport in transports do
            let mutable complete = 0

            for seed in 1UL .. 20UL do
                let world = NgBench.world seed 300 30.0 none
                let run = NgBench.audit world (NgPath.over transport) seed
                isRight world run.Outcome

                if Snapshot.isComplete run.Outcome then
                    complete <- complete + 1

            complete |> Check.because (string transport) (Check.atLeast 19))

let ``most audits are complete where a tenth is lost`` =
    example (fun () ->
        let path = { NgPath.udp with Network = PathQuality.bad 0.1 }

        let complete =
            [ 1UL .. 40UL ]
            |> List.filter (fun seed ->
                let world = NgBench.world seed 40 1.0 none
                Snapshot.isComplete (NgBench.audit world path seed).Outcome)

        complete.Length |> Check.atLeast 30)

let ``requests in flight begin few, grow, and stay bounded`` =
    example (fun () ->
        let world = NgBench.world 3UL 800 0.0 none
        let run = NgBench.audit world NgPath.udp 4UL
        run.MostInFlight |> Check.between 20 32
        let small = NgBench.audit (NgBench.world 3UL 10 0.0 none) NgPath.udp 4UL
        small.MostInFlight |> Check.atMost 12)

let ``cookies are 128 bits, and never those of another audit; a repeat has its own again`` =
    example (fun () ->
        let path = { NgPath.udp with Network = PathQuality.bad 0.2 }

        let cookies seed =
            let run = NgBench.audit (NgBench.world 3UL 40 0.0 none) path seed
            run.Sent |> List.map (fun message -> (Ng.peek message).Value, message)

        let one, two = cookies 1UL, cookies 2UL

        for cookie, _ in one do
            cookie |> Check.matches "^[0-9a-f]{32}$"

        Set.intersect (Set.ofList (List.map fst one)) (Set.ofList (List.map fst two))
        |> Check.equal Set.empty

        let distinct = one |> List.map fst |> List.distinct |> List.length
        distinct |> Check.because "something was repeated" (Check.below one.Length)
        one |> List.distinct |> List.length |> Check.equal distinct)

let ``a list too long for a datagram is foreseen, not awaited`` =
    example (fun () ->
        let world = NgBench.world 7UL 5000 0.0 none
        let run = NgBench.audit world NgPath.udp 8UL
        isRight world run.Outcome

        match run.Outcome.Completeness with
        | Partial [ TooLarge _ ] -> ()
        | other -> failtest $"{other}"

        // Call-IDs of 31 octets take 34 octets each.
        run.Outcome.Observations.Length |> Check.between 3600 3860
        // One lost reply would take a second.
        run.Took |> Check.below (TimeSpan.FromSeconds 1.0)

        for transport in [ NgTransport.Tcp; NgTransport.Http ] do
            let world = NgBench.world 7UL 5000 0.0 none
            let run = NgBench.audit world (NgPath.over transport) 8UL
            isComplete run.Outcome
            isRight world run.Outcome
            Check.equal 10000 run.Outcome.Observations.Length)

let ``a list that just fits is complete`` =
    example (fun () ->
        let world = NgBench.world 7UL 1800 0.0 none
        let run = NgBench.audit world NgPath.udp 8UL
        isComplete run.Outcome
        isRight world run.Outcome)

let private applied (snapshot: Snapshot) (ledger: GatewayLedger) : struct (GatewayLedger * Change[]) =
    Reconcile.apply snapshot ledger

let ``what the record knows is asked for where the list cannot be whole`` =
    example (fun () ->
        let world = NgBench.world 7UL 2500 0.0 none
        let over path known seed = (NgBench.auditKnowing known world path seed NgAudit.Memory.none).Outcome

        let struct (ledger, _) =
            applied (over NgPath.tcp [||] 1UL) (GatewayLedger.empty (GatewayId.create "gw"))

        world.AdvanceTo(world.Now + TimeSpan.FromSeconds 1.0)
        let gone = world.Table.Connections[17]

        world.Tell(
            Datagram(
                "x",
                Ng.encodeRequest "c" (NgRequest.Delete(Text.Encoding.ASCII.GetBytes gone.CallId, [||]))
            )
        )
        |> ignore

        let snapshot = over NgPath.udp ledger.Connections 2UL
        isRight world snapshot
        Snapshot.isComplete snapshot |> Check.isFalse
        Check.equal 4998 snapshot.Observations.Length

        snapshot.Denied
        |> Array.map string
        |> Array.sort
        |> Check.equal (world.Responder.Identify gone |> List.map _.Id |> Array.ofList |> Array.sort)

        let struct (after, _) = applied snapshot ledger
        Check.equal 4998 after.Connections.Length)

let ``calls of a restarted gateway end with its restart`` =
    example (fun () ->
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

            Interval.contains restarted ending.Within
            |> Check.because $"{ending.Within} {restarted}" Check.isTrue)

let ``a restart during the audit is named`` =
    example (fun () ->
        for at in [ 3; 10; 25 ] do
            for transport in [ NgTransport.Udp; NgTransport.Http ] do
                let world = NgBench.world 7UL 20 0.0 none
                let path = { NgPath.over transport with At = at; Mishap = _.Restart() }
                let run = NgBench.audit world path 1UL

                match run.Outcome.Completeness with
                | Partial reasons ->
                    List.contains RestartedMeanwhile reasons |> Check.because $"%A{reasons}" Check.isTrue
                | Complete _ -> failtest $"complete although it restarted at message {at}")

let ``a stream that breaks is opened again, and what was asked is asked again`` =
    example (fun () ->
        let world = NgBench.world 7UL 300 0.0 none
        let run = NgBench.audit world { NgPath.tcp with BreaksAfter = 40 } 1UL
        isRight world run.Outcome
        let whole = NgBench.audit (NgBench.world 7UL 300 0.0 none) { NgPath.tcp with BreaksAfter = 150 } 1UL
        isComplete whole.Outcome
        Check.equal 600 whole.Outcome.Observations.Length)

let ``a stream that cannot be opened is silence, one that cannot be opened again is cut short`` =
    example (fun () ->
        let reasons path =
            match (NgBench.audit (NgBench.world 7UL 300 0.0 none) path 1UL).Outcome.Completeness with
            | Partial reasons -> reasons |> List.map _.Kind
            | Complete _ -> [ "complete" ]

        reasons { NgPath.tcp with Opens = 0 } |> Check.equal [ "silent" ]
        reasons { NgPath.tcp with Opens = 1; BreaksAfter = 40 } |> Check.contains "cut-short")

let ``an audit that is stopped tells what it knows, and nothing after its end changes it`` =
    example (fun () ->
        let world = NgBench.world 7UL 30 0.0 none

        let state, _ =
            NgAudit.start (NgBench.target NgTransport.Udp) NgAudit.Memory.none (NgBench.given world 1UL [||])

        let stopped, commands =
            NgAudit.advance (Stopped(Moment.at (world.Now + TimeSpan.FromSeconds 0.5))) state

        match commands with
        | [ Finished { Completeness = Partial(Cancelled :: _) } ] -> ()
        | other -> failtest $"%A{other}"

        let later = Moment.at (world.Now + TimeSpan.FromSeconds 9.0)

        for event in
            [ Woke later
              Stopped later
              Received(later, [||])
              Event.Broken(later, "")
              Arrived(later, [||]) ] do
            let after, more = NgAudit.advance event stopped
            (Object.ReferenceEquals(after, stopped) && more.IsEmpty) |> Check.isTrue)

let ``a wake-up before its time changes nothing`` =
    example (fun () ->
        let world = NgBench.world 7UL 30 0.0 none

        let state, _ =
            NgAudit.start (NgBench.target NgTransport.Udp) NgAudit.Memory.none (NgBench.given world 1UL [||])

        let after, commands =
            NgAudit.advance (Woke(Moment.at (world.Now + TimeSpan.FromMilliseconds 10.0))) state

        Check.equal (NgAudit.requests state) (NgAudit.requests after)

        match commands with
        | [ WakeAt _ ] -> ()
        | other -> failtest $"%A{other}")
