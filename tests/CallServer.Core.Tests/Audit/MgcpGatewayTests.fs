/// Audits of the simulated MGCP gateway with every vice it can have, in virtual time.
module CallServer.Tests.Audit.MgcpGatewayTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Mgcp
open CallServer.Gateway
open CallServer.Tests.Wire
open CallServer.Tests.Audit
open CallServer.Tests

let private steady = Network.steady (TimeSpan.FromMilliseconds 2.0)
let private rough = Network.rough 0.03 (TimeSpan.FromMilliseconds 250.0)

/// A gateway that lives on between audits, and remembers what truly happened.
type private World(seed: uint64, connections: int, churn: float, vices: MgcpVices) =
    let table =
        Table.create
            seed
            { TableOptions.standard with
                Connections = connections
                Churn = churn
                Codecs = SimCodec.common }
            Bench.start

    let mutable gateway =
        MultiGateway.create
            ValueNone
            [ MgcpResponder.create { MgcpOptions.standard with Vices = vices } Bench.start ]
            table

    let opened = Collections.Generic.Dictionary<int64, SimConnection>()
    let closed = Collections.Generic.Dictionary<int64, Instant>()

    do
        for connection in table.Connections do
            opened[connection.Serial] <- connection

    let note (events: TruthEvent list) =
        for event in events do
            match event with
            | Opened connection -> opened[connection.Serial] <- connection
            | Closed(connection, at) -> closed[connection.Serial] <- at

    let step (now: Instant) (event: GatewayEvent) : struct (TimeSpan * byte[]) list =
        let struct (next, commands, events) = MultiGateway.advance now event gateway
        gateway <- next
        note events

        [ for command in commands do
              match command with
              | SendDatagram("mgcp", "auditor", after, octets) -> struct (after, octets)
              | SendDatagram _
              | WriteStream _
              | CloseStream _ -> () ]

    member _.Peer: Peer =
        { Serve = fun now octets -> step now (DatagramCame("mgcp", "auditor", octets))
          NextTick = fun () -> gateway.NextTick
          Tick = fun now -> step now TimePassed }

    member _.Pass(now: Instant) = step now TimePassed |> ignore

    member _.Reboot(now: Instant) =
        let struct (next, _, events) = MultiGateway.reboot (TimeSpan.FromSeconds 1.0) now gateway
        gateway <- next
        note events

    member _.IdOf(connection: SimConnection) : string =
        let identity =
            MultiGateway.identities gateway connection
            |> List.collect (fun (struct (_, identities)) -> identities)
            |> List.exactlyOne

        identity.Id

    member _.Until(connection: SimConnection) : Instant =
        match closed.TryGetValue connection.Serial with
        | true, at -> at
        | _ -> Instant.distantFuture

    member _.Connections = Seq.toArray opened.Values

let private everything = MgcpBench.target [ "*@[127.0.0.1]" ]

let private audit (world: World) from seed network target memory known =
    MgcpBench.runPeer from seed network world.Peer target memory known

/// Whatever is wrong with the gateway: each listed connection was alive when it was heard and has its true facts, and
/// a complete snapshot lists every connection that lived through it.
let private isTrue (world: World) (lyingCounts: bool) (snapshot: Snapshot) =
    let byId = world.Connections |> Array.map (fun truth -> world.IdOf truth, truth) |> Map.ofArray
    let listed = snapshot.Observations |> Array.map (fun o -> string o.Id) |> Set.ofArray

    for observation in snapshot.Observations do
        let id = string observation.Id

        match Map.tryFind id byId with
        | None -> failtest $"{id} never was"
        | Some truth ->
            let until = world.Until truth
            (truth.Start <= observation.Heard.Latest) |> Check.because $"{id} had not begun" Check.isTrue
            (until >= observation.Heard.Earliest) |> Check.because $"{id} was over" Check.isTrue

            (truth.Start <= observation.Heard.Latest - observation.MinimumAge)
            |> Check.because $"{id} is younger than {observation.MinimumAge}" Check.isTrue

            match observation.Facts.Codec with
            | ValueSome codec -> codec.Name |> Check.because id (Check.equal (SimCodec.name truth.Codec))
            | ValueNone -> ()

            match observation.Facts.Qos.Dscp with
            | ValueSome dscp -> dscp |> Check.because id (Check.equal truth.Dscp)
            | ValueNone -> ()

            match observation.Facts.LocalMedia with
            | ValueSome media -> media.Port |> Check.because id (Check.equal truth.LocalPort)
            | ValueNone -> ()

            match observation.Facts.RemoteMedia with
            | ValueSome media -> media.Port |> Check.because id (Check.equal truth.RemotePort)
            | ValueNone -> ()

    for id in snapshot.Denied do
        match Map.tryFind (string id) byId with
        | Some truth ->
            (world.Until truth <= snapshot.Answered) |> Check.because $"{id} is denied and alive" Check.isTrue
        | None -> ()

    if Snapshot.isComplete snapshot && not lyingCounts then
        for truth in world.Connections do
            if truth.Start <= snapshot.Asked && world.Until truth > snapshot.Answered then
                listed.Contains(world.IdOf truth)
                |> Check.because $"{world.IdOf truth} is missing" Check.isTrue

let private complete (snapshot: Snapshot) =
    Snapshot.isComplete snapshot |> Check.because (string snapshot.Completeness) Check.isTrue

let private reasons (snapshot: Snapshot) =
    match snapshot.Completeness with
    | Partial reasons -> reasons
    | Complete _ -> []

let ``every connection, with what the gateway truly has`` =
    examples [ 0, 0.0; 1, 0.0; 300, 0.0; 300, 20.0 ] (fun (connections: int, churn: float) ->
        let world = World(7UL, connections, churn, MgcpVices.none)
        let snapshot = (audit world Bench.start 1UL steady everything MgcpAudit.Memory.none [||]).Outcome
        snapshot.Completeness |> Check.equal (Complete [ EndOfTable; CountAgrees ])
        isTrue world false snapshot

        if churn = 0.0 then
            snapshot.Observations.Length |> Check.equal connections

            for observation in snapshot.Observations do
                (observation.Facts.Call.IsSome && observation.Facts.RemoteMedia.IsSome) |> Check.isTrue
                observation.MinimumAge |> Check.atLeast TimeSpan.Zero)

let private none = MgcpVices.none

/// Habits that are unusual but not wrong: the snapshot is complete all the same.
let private unusual: (string * MgcpVices) list =
    [ "no bulk audit", { none with NoBulkAudit = true }
      "comma ids", { none with CommaIds = true; ConnectionsPerEndpoint = 4 }
      "several a line", { none with ConnectionsPerEndpoint = 3 }
      "more than fifteen", { none with ConnectionsPerEndpoint = 20 }
      "lower case", { none with LowerCase = true }
      "line feeds", { none with LineFeeds = true }
      "carriage returns", { none with CarriageReturns = true }
      "version 0.1", { none with Speaks = ValueSome "MGCP 0.1" }
      "profile NCS", { none with Speaks = ValueSome "MGCP 1.0 NCS 1.0" }
      "profile NCS, and says so", { none with Speaks = ValueSome "MGCP 1.0 NCS 1.0"; TellsVersion = true }
      "a version that it alone knows", { none with Speaks = ValueSome "MGCP 1.2"; TellsVersion = true }
      "names without a domain", { none with NoDomains = true }
      "names without a domain, no bulk audit", { none with NoDomains = true; NoBulkAudit = true }
      "blanks", { none with ExtraSpace = true }
      "provisional answers", { none with ProvisionalEvery = ValueSome 7 }
      "swallowed datagrams", { none with SwallowsEvery = ValueSome 9 }
      "answers twice", { none with AnswersTwice = true }
      "garbage", { none with Garbage = true }
      "joined bulk", { none with JoinedBulk = true }
      "looping bulk", { none with LoopingBulk = true }
      "another domain", { none with WrongDomain = true; NoBulkAudit = true }
      "another domain, bulk", { none with WrongDomain = true }
      "no descriptions", { none with NoSessions = true }
      "no options", { none with NoOptions = true }
      "saturated", { none with SaturatedCounters = true }
      "many endpoints", { none with Endpoints = ValueSome 3000 }
      "slow", { none with DelayPerRequest = TimeSpan.FromMilliseconds 700.0 }
      "answers of 1,200 octets", { none with TooLargeAt = ValueSome 1200 } ]

/// Vices that keep a snapshot from being complete, and the reason it must give.
let private wrong: (string * MgcpVices * (Shortfall -> bool)) list =
    [ "no AUCX",
      { none with NoAuditConnection = true },
      fun reason ->
          match reason with
          | NotServed what -> what.StartsWith "AuditConnection"
          | _ -> false
      "does not list", { none with ListsNothing = true }, (fun reason -> reason = DoesNotList)
      "too complicated",
      { none with TooComplicated = true },
      fun reason ->
          match reason with
          | Shortfall.TooLarge _ -> true
          | _ -> false
      "invented counts",
      { none with InventsEvery = ValueSome 5 },
      fun reason ->
          match reason with
          | CountDisagrees _ -> true
          | _ -> false
      "out of service",
      { none with OutOfServiceEvery = ValueSome 6 },
      fun reason ->
          match reason with
          | CutShort words -> words.Contains "501"
          | _ -> false
      "dies",
      { none with AnswersOnly = ValueSome 20 },
      fun reason ->
          match reason with
          | CutShort _ -> true
          | _ -> false
      "silent", { none with AnswersOnly = ValueSome 0 }, _.IsSilent
      "an unknown version", { none with Speaks = ValueSome "MGCP 1.2" }, _.IsRefused
      "no wildcards", { none with NoWildcards = true }, _.IsRefused
      "refuses", { none with Refuses = ValueSome 510 }, _.IsRefused
      "busy for ever", { none with Refuses = ValueSome 403 }, _.IsRefused
      "foreign", { none with Foreign = true }, _.IsSilent
      "wrong transactions", { none with WrongTransactions = true }, _.IsSilent
      "cut off", { none with TruncatesAt = ValueSome 100 }, _.IsCutShort ]

let private names = unusual |> List.map fst

let ``what is unusual makes no difference`` =
    examples names (fun (name: string) ->
        let _, vices = unusual |> List.find (fun (other, _) -> other = name)

        for seed, network, churn in [ 1UL, steady, 0.0; 2UL, steady, 10.0; 3UL, rough, 5.0 ] do
            let world = World(seed, 60, churn, vices)
            let run = audit world Bench.start seed network everything MgcpAudit.Memory.none [||]
            complete run.Outcome
            isTrue world false run.Outcome)

/// The ranges that a gateway of sixty connections needs, and more.
let private ranges = MgcpBench.target [ "aaln/[1-20]@[127.0.0.1]"; "ds/ds1-[1,2-6]/[1-24]@[127.0.0.1]" ]

let ``ranges are expanded here where the gateway does not know them`` =
    examples [ false; true ] (fun (noWildcards: bool) ->
        for seed, network, churn in [ 1UL, steady, 0.0; 2UL, steady, 10.0; 3UL, rough, 5.0 ] do
            let world = World(seed, 60, churn, { none with NoWildcards = noWildcards })
            let run = audit world Bench.start seed network ranges MgcpAudit.Memory.none [||]
            run.Outcome.Completeness |> Check.equal (Complete [ EndOfTable ])
            isTrue world false run.Outcome)

let private only version = { none with Speaks = ValueSome version }

let ``the version that a gateway understands is found once, and used for all that follows`` =
    example (fun () ->
        let world = World(5UL, 4, 0.0, only "MGCP 0.1")
        let from (later: float) = Bench.start + TimeSpan.FromSeconds later
        let first = audit world (from 0.0) 1UL steady everything MgcpAudit.Memory.none [||]
        complete first.Outcome
        let memory = MgcpAudit.memory first.State
        let second = audit world (from 10.0) 2UL steady everything memory [||]
        complete second.Outcome

        let versions (run: MgcpBench.Run<_, _>) =
            [ for octets in run.Sent do
                  for message in Mgcp.decode octets do
                      match message with
                      | Ok(MgcpMessage.Command command) -> command.Version
                      | Ok(MgcpMessage.Response _)
                      | Error _ -> () ]

        versions first
        |> List.filter (fun version -> version <> "MGCP 0.1")
        |> List.sort
        |> Check.equal [ "MGCP 1.0"; "MGCP 1.0 NCS 1.0"; "MGCP 1.0 TGCP 1.0" ]

        versions second |> List.distinct |> Check.equal [ "MGCP 0.1" ]

        // An auditor that asks only once must find it too.
        let struct (ledger, _) = Reconcile.apply second.Outcome (GatewayLedger.empty (GatewayId.create "gw"))

        let held = ledger.Connections
        let released = MgcpBench.releaseFrom (from 20.0) 3UL steady world.Peer everything held[0].Id held

        match released.Outcome with
        | Release.Ended _ -> ()
        | other -> failtest $"%A{other}"

        let control = MgcpBench.controlFrom (from 30.0) 4UL steady world.Peer everything [||]
        control.Outcome.IsTold |> Check.isTrue)

let ``a refusal of the version says all that it was asked in`` =
    example (fun () ->
        let world = World(5UL, 4, 0.0, only "MGCP 7.0")
        let run = audit world Bench.start 1UL steady everything MgcpAudit.Memory.none [||]

        match reasons run.Outcome with
        | [ Refused(_, why) ] ->
            why |> Check.says "528"
            why |> Check.endsWith "asked as MGCP 1.0, MGCP 1.0 NCS 1.0, MGCP 1.0 TGCP 1.0, MGCP 0.1"
        | other -> failtest $"%A{other}")

let ``a wildcard that is refused is none only where another was answered`` =
    example (fun () ->
        let target = MgcpBench.target [ "aaln/*@[127.0.0.1]"; "ds/ds1-1/1@[127.0.0.1]" ]
        let world = World(5UL, 30, 0.0, { none with NoWildcards = true })
        let run = audit world Bench.start 1UL steady target MgcpAudit.Memory.none [||]
        reasons run.Outcome |> List.exists _.IsCutShort |> Check.equal true

        let target = MgcpBench.target [ "aaln/*@[127.0.0.1]"; "ann/*@[127.0.0.1]" ]

        complete
            (audit (World(5UL, 30, 0.0, none)) Bench.start 1UL steady target MgcpAudit.Memory.none [||])
                .Outcome)

let ``ranges of which no endpoint is there are refused, not empty`` =
    example (fun () ->
        let target = MgcpBench.target [ "aaln/[901-903]@[127.0.0.1]" ]
        let world = World(5UL, 30, 0.0, none)
        let run = audit world Bench.start 1UL steady target MgcpAudit.Memory.none [||]
        reasons run.Outcome |> List.exists _.IsRefused |> Check.equal true)

let private wrongNames = wrong |> List.map (fun (name, _, _) -> name)

let ``what is wrong is partial, says why, and tells no lie`` =
    examples wrongNames (fun (name: string) ->
        let _, vices, isReason = wrong |> List.find (fun (other, _, _) -> other = name)

        for seed, network, churn in [ 1UL, steady, 0.0; 2UL, steady, 10.0; 3UL, rough, 5.0 ] do
            let world = World(seed, 60, churn, vices)
            let run = audit world Bench.start seed network everything MgcpAudit.Memory.none [||]

            List.exists isReason (reasons run.Outcome)
            |> Check.because (string run.Outcome.Completeness) Check.isTrue

            isTrue world false run.Outcome)

/// The record after audits of a world every ten seconds.
let private keep (world: World) (audits: int) seed network (target: MgcpGateway) (check: Snapshot -> unit) =
    let rec go number (now: Instant) memory (ledger: GatewayLedger) closings =
        if number > audits then
            struct (ledger, List.rev closings)
        else
            let run = audit world now (seed + uint64 number) network target memory ledger.Connections
            check run.Outcome
            let struct (next, changes) = Reconcile.apply run.Outcome ledger
            let later = now + TimeSpan.FromSeconds 10.0 + run.Took
            world.Pass later

            let ended =
                [ for change in changes do
                      match change with
                      | Change.Closed(connection, ending) -> connection, ending
                      | Change.Conflicted(connection, conflict) ->
                          failtest $"{connection.Id}: {conflict} against {connection.Start}"
                      | _ -> () ]

            go (number + 1) later (MgcpAudit.memory run.State) next (List.rev ended @ closings)

    go 1 Bench.start MgcpAudit.Memory.none (GatewayLedger.empty target.Gateway) []

let private agrees (world: World) (struct (ledger: GatewayLedger, closings: (Connection * Ending) list)) =
    let byId = world.Connections |> Array.map (fun truth -> world.IdOf truth, truth) |> Map.ofArray

    for connection in ledger.Connections do
        let truth = byId[string connection.Id]

        Interval.contains truth.Start connection.Start.Within
        |> Check.because $"{connection.Id}: {connection.Start}" Check.isTrue

    for connection, ending in closings do
        let truth = byId[string connection.Id]
        let until = world.Until truth

        Interval.contains until ending.Within
        |> Check.because $"{connection.Id} ended {until}, not {ending.Within}" Check.isTrue

        Interval.contains truth.Start connection.Start.Within
        |> Check.because $"{connection.Id}: {connection.Start}" Check.isTrue

let ``the record of a gateway in use is true, over a bad network too`` =
    examples [ false; true ] (fun (bulk: bool) ->
        for seed in 1UL .. 3UL do
            let world = World(seed, 80, 4.0, { none with NoBulkAudit = not bulk })
            let struct (_, closings) as record = keep world 8 seed rough everything ignore
            agrees world record
            closings.Length |> Check.above 20)

let ``an audit that lists little still ends what the gateway denies, and only that`` =
    example (fun () ->
        for vices in [ { none with TooComplicated = true }; { none with OutOfServiceEvery = ValueSome 4 } ] do
            let world = World(5UL, 80, 4.0, vices)

            let struct (_, closings) as record =
                keep world 6 5UL steady everything (fun snapshot ->
                    Snapshot.isComplete snapshot |> Check.isFalse)

            agrees world record
            closings.Length |> Check.above 20)

let ``counts that hide connections end none that the record holds`` =
    example (fun () ->
        // The connections are known before the counts begin to lie.
        let world = World(6UL, 60, 0.0, none)
        let first = (audit world Bench.start 1UL steady everything MgcpAudit.Memory.none [||]).Outcome
        let struct (ledger, _) = Reconcile.apply first (GatewayLedger.empty everything.Gateway)
        let lying = World(6UL, 60, 0.0, { none with HidesEvery = ValueSome 3 })
        let later = Bench.start + TimeSpan.FromSeconds 10.0

        let snapshot =
            (audit lying later 2UL steady everything MgcpAudit.Memory.none ledger.Connections).Outcome

        snapshot.Observations.Length |> Check.equal 60

        match reasons snapshot with
        | [ CountDisagrees _ ] -> ()
        | other -> failtest $"%A{other}")

let ``after a reboot the connections of before are gone`` =
    example (fun () ->
        let world = World(8UL, 50, 0.0, none)
        let struct (ledger, _) = keep world 1 8UL steady everything ignore
        ledger.Connections.Length |> Check.equal 50
        world.Reboot(Bench.start + TimeSpan.FromSeconds 30.0)
        let now = Bench.start + TimeSpan.FromSeconds 40.0

        let snapshot =
            (audit world now 9UL steady everything MgcpAudit.Memory.none ledger.Connections).Outcome

        complete snapshot
        isTrue world false snapshot
        let struct (after, _) = Reconcile.apply snapshot ledger
        after.Connections.Length |> Check.equal 0)

let ``where nothing is listed, verification keeps what lives and ends what does not`` =
    example (fun () ->
        let vices = { none with ListsNothing = true }
        let honest = World(4UL, 60, 0.0, none)
        let first = (audit honest Bench.start 1UL steady everything MgcpAudit.Memory.none [||]).Outcome
        let struct (ledger, _) = Reconcile.apply first (GatewayLedger.empty everything.Gateway)
        // The same connections on a gateway that reports nothing by itself; some end meanwhile.
        let world = World(4UL, 60, 0.0, vices)
        let gone = world.Connections |> Array.truncate 7

        for connection in gone do
            let command =
                Mgcp.command
                    MgcpVerb.DeleteConnection
                    (900 + int connection.Serial)
                    (EndpointName.parse (
                        (world.IdOf connection).Substring(0, (world.IdOf connection).LastIndexOf '/')
                    ))
                    [ MgcpParameter.create "C" (SimConnection.guidText connection)
                      MgcpParameter.create
                          "I"
                          ((world.IdOf connection).Substring(1 + (world.IdOf connection).LastIndexOf '/')) ]

            world.Peer.Serve
                (Bench.start + TimeSpan.FromSeconds 1.0)
                (Mgcp.encode (MgcpMessage.Command command))
            |> ignore

        let later = Bench.start + TimeSpan.FromSeconds 10.0
        let target = { everything with Verify = true }
        let snapshot = (audit world later 2UL rough target MgcpAudit.Memory.none ledger.Connections).Outcome
        reasons snapshot |> Check.equal [ DoesNotList ]
        snapshot.Observations.Length |> Check.equal 53

        snapshot.Denied
        |> Array.map string
        |> Set.ofArray
        |> Check.equal (gone |> Array.map world.IdOf |> Set.ofArray)

        isTrue world false snapshot
        let struct (after, changes) = Reconcile.apply snapshot ledger
        after.Connections.Length |> Check.equal 53
        changes |> Array.filter _.IsClosed |> Array.length |> Check.equal 7)

let ``a released connection ends in the gateway, with its last counters`` =
    example (fun () ->
        let world = World(3UL, 20, 0.0, none)
        let struct (ledger, _) = keep world 1 3UL steady everything ignore
        let now = Bench.start + TimeSpan.FromSeconds 20.0
        let chosen = ledger.Connections[7]

        let run = MgcpBench.releaseFrom now 1UL rough world.Peer everything chosen.Id ledger.Connections

        match run.Outcome with
        | Release.Ended ended ->
            let truth = world.Connections |> Array.find (fun truth -> world.IdOf truth = string chosen.Id)
            Interval.contains (world.Until truth) ended.End.Within |> Check.isTrue
            ended.Counters.Value.PacketsSent.IsSome |> Check.isTrue

            world.Connections
            |> Array.filter (fun truth -> world.Until truth < Instant.distantFuture)
            |> Check.hasLength 1
        | other -> failtest $"%A{other}")

/// Each question gets another seed: a gateway answers a known transaction id as it did before.
let private controller seed world network known =
    (MgcpBench.controlFrom Bench.start seed network (world: World).Peer everything known).Outcome

let ``a gateway tells who controls it, by an endpoint of the record or the first that it lists`` =
    example (fun () ->
        let world = World(3UL, 20, 0.0, none)
        let struct (ledger, _) = keep world 1 3UL steady everything ignore
        let known = ledger.Connections[7]

        match controller 1UL world rough ledger.Connections[7..7], controller 2UL world rough [||] with
        | Controller.Told(endpoint, entity), Controller.Told(_, listed) ->
            string known.Id |> Check.startsWith (endpoint + "/")
            entity |> Check.isNotNull
            listed |> Check.equal entity
        | other -> failtest $"%A{other}")

let ``a gateway that does not list, or does not answer, tells nothing of who controls it`` =
    example (fun () ->
        let silent = Peer.answering (fun _ _ -> [])
        let lists = World(3UL, 20, 0.0, { none with ListsNothing = true })

        match
            controller 1UL lists steady [||],
            (MgcpBench.controlFrom Bench.start 1UL steady silent everything [||]).Outcome
        with
        | Controller.NotTold DoesNotList, Controller.NotTold(Silent _) -> ()
        | other -> failtest $"%A{other}")

let ``however the network treats it, an audit is true`` =
    lawBy
        (Laws.plain |> Laws.times 40)
        (fun (seed: uint64) (bulk: bool) (provisional: bool) (perEndpoint: byte) ->
            let vices =
                { none with
                    NoBulkAudit = not bulk
                    ProvisionalEvery = (if provisional then ValueSome 11 else ValueNone)
                    ConnectionsPerEndpoint = 1 + int (perEndpoint % 3uy) }

            let world = World(seed, 50, 6.0, vices)
            let network = Network.rough 0.15 (TimeSpan.FromMilliseconds 600.0)
            let run = audit world Bench.start seed network everything MgcpAudit.Memory.none [||]
            isTrue world false run.Outcome)
