/// The history of gateways that keep one, read after a walk that was proven complete.
module CallServer.Tests.Audit.HistoryTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols.Snmp
open CallServer.Gateway
open CallServer.Tests.Audit
open CallServer.Tests

let private steady = Network.steady (TimeSpan.FromMilliseconds 2.0)
let private seconds (count: float) = TimeSpan.FromSeconds count
let private keeping = [ "cisco-voice"; "dial-control"; "avaya-rtp" ]

/// A gateway whose connections come and go, and a record of it.
type private World(profile: string, alter: Profile -> Profile, connections: int, churn: float) =
    let mutable agent = Gateways.simple profile "gw" 21UL connections churn Bench.start
    let mutable now = Bench.start
    let mutable ledger = GatewayLedger.empty (GatewayId.create "gw")

    let serve: Bench.Server =
        fun at octets ->
            let struct (moved, _) = AgentState.advance at agent
            let struct (next, replies) = SnmpAgent.respond at octets moved
            agent <- next
            [ for reply in replies -> reply.Datagram ]

    member _.Agent = agent
    member _.Ledger = ledger
    member _.Now = now
    member _.Turn(vices: Vices) = agent <- AgentState.withVices vices agent

    /// Lets this many seconds pass, then audits and takes the snapshot in.
    member _.Audit(after: float) : Snapshot * Change[] =
        now <- now + seconds after

        let run =
            Bench.runKnown
                ledger.Connections
                ledger.History
                now
                5UL
                steady
                serve
                (Bench.target (Profiles.tryFind profile |> Option.map alter))
                SnmpAudit.Memory.none

        now <- now + run.Took
        let struct (next, changes) = Reconcile.apply run.Snapshot ledger
        ledger <- next
        run.Snapshot, changes

    /// How many requests an audit now would need, with the history or without.
    member _.Requests(isWanted: bool) : int =
        let history = if isWanted then ledger.History else ValueNone
        let target = Bench.target (Profiles.tryFind profile |> Option.map alter)

        let run = Bench.runKnown ledger.Connections history now 5UL steady serve target SnmpAudit.Memory.none

        run.Snapshot.Requests

    /// Ids of the connections that ended since an instant.
    member _.EndedSince(instant: Instant) =
        [ for struct (connection, at) in agent.Table.Ended do
              if at > instant then
                  (agent.Options.Mib.Identity agent.Clock connection).Id, struct (connection, at) ]

let private closed (changes: Change[]) : struct (Connection * Ending) list =
    [ for change in changes do
          match change with
          | Change.Closed(c, ending) -> struct (c, ending)
          | _ -> () ]

let ``every connection that ended since has a CDR with true times and counters, seen or not`` =
    example (fun () ->
        for profile in keeping do
            let world = World(profile, id, 20, 2.0)
            world.Audit 0.0 |> ignore
            let watched = world.Now
            let snapshot, changes = world.Audit 25.0
            Snapshot.isComplete snapshot |> Check.because profile Check.isTrue
            let told = closed changes

            let due =
                world.EndedSince watched |> List.filter (fun (_, struct (_, at)) -> at < snapshot.Asked)

            due.Length |> Check.because profile (Check.above 20)
            let unseen = told |> List.filter (fun struct (c, _) -> c.ConfirmedCount = 0)
            unseen.Length |> Check.because profile (Check.above 0)

            for id, struct (connection, at) in due do
                match told |> List.filter (fun struct (c, _) -> string c.Id = id) with
                | [ struct (c, ending) ] ->
                    ending.Evidence |> Check.because $"{profile} {id}" (Check.equal GatewayHistory)

                    Interval.contains at ending.Within
                    |> Check.because $"{profile} {id}: {at} {ending.Within}" Check.isTrue

                    Interval.contains connection.Start c.Start.Within
                    |> Check.because $"{profile} {id}" Check.isTrue

                    ending.Counters.Value.PacketsReceived
                    |> Check.because
                        $"{profile} {id}"
                        (Check.equal (ValueSome(SimConnection.packets at connection)))
                | other -> failtest $"{profile} {id}: {other.Length} CDRs")

let ``a history that has not moved costs one request, and none where it is not wanted`` =
    example (fun () ->
        for profile in keeping do
            let world = World(profile, id, 20, 0.0)
            world.Audit 0.0 |> ignore
            // Avaya's count must settle.
            for _ in 1..3 do
                world.Audit 40.0 |> ignore

            world.Requests true |> Check.because profile (Check.equal (world.Requests false + 1)))

let ``whatever befalls the reading, the audit stays complete and no row is half told`` =
    example (fun () ->
        for profile in keeping do
            for answers in 0..14 do
                let world = World(profile, id, 5, 1.0)
                world.Audit 0.0 |> ignore
                let before, _ = World(profile, id, 5, 1.0).Audit 0.0
                // The agent dies somewhere in the middle of its history.
                world.Turn(Vices.dyingAfter (before.Requests + answers))
                let snapshot, changes = world.Audit 20.0

                if Snapshot.isComplete snapshot then
                    for struct (c, ending) in closed changes do
                        if ending.Evidence = GatewayHistory then
                            (c.Facts.Codec.IsSome || profile = "dial-control")
                            |> Check.because $"{profile}" Check.isTrue

                    world.Turn Vices.none
                    let next, changes = world.Audit 20.0
                    Snapshot.isComplete next |> Check.because profile Check.isTrue

                    closed changes |> List.distinct |> List.length |> Check.equal ((closed changes).Length))

let ``a gateway that does not serve its history is told by its table alone`` =
    example (fun () ->
        for profile, root in
            [ "cisco-voice", "1.3.6.1.4.1.9.10.25"; "dial-control", "1.3.6.1.2.1.10.21.1.4" ] do
            let world = World(profile, id, 10, 2.0)
            world.Turn { Vices.none with MissingColumns = [ CallServer.Wire.Oid.parse root ] }
            world.Audit 0.0 |> ignore
            let snapshot, changes = world.Audit 20.0
            Snapshot.isComplete snapshot |> Check.because profile Check.isTrue
            closed changes |> Check.isNotEmpty

            for struct (_, ending) in closed changes do
                ending.Evidence |> Check.equal Absent)

let ``where no table tells the ids, known connections are known by their facts, and others have an id of their own`` =
    example (fun () ->
        let world = World("cisco-voice", id, 20, 2.0)

        world.Turn
            { Vices.none with
                MissingColumns = [ CallServer.Wire.Oid.parse "1.3.6.1.2.1.10.21.1.4.3" ] }

        world.Audit 0.0 |> ignore
        let known = world.Ledger.Connections |> Array.map _.Id |> set
        let _, changes = world.Audit 25.0
        let told = closed changes

        for struct (c, ending) in told do
            ending.Evidence |> Check.equal GatewayHistory
            (string c.Id).Contains '/' |> Check.because (string c.Id) (Check.equal (c.ConfirmedCount = 0))

        told |> List.exists (fun struct (c, _) -> known.Contains c.Id) |> Check.isTrue
        told |> List.exists (fun struct (c, _) -> c.ConfirmedCount = 0) |> Check.isTrue
        let _, again = world.Audit 1.0
        let keys = told @ closed again |> List.map (fun struct (c, _) -> c.Facts.Call)
        keys |> Check.isUnique)

/// A user's profile whose history has its own index and no column for the ids.
let private withoutIds (profile: Profile) =
    { profile with
        History = profile.History |> ValueOption.map (fun history -> { history with Ids = ValueNone }) }

let ``a history makes ids as its profile's table does, or is known not to`` =
    example (fun () ->
        let tells name =
            let profile = (Profiles.tryFind name).Value
            Profile.historyTellsIds profile profile.History.Value

        keeping |> List.map tells |> Check.equal [ false; true; true ])

let ``a history that does not tell the ids writes one CDR for each connection all the same`` =
    examples [ "5"; "40" ] (fun (between: string) ->
        let world = World("cisco-voice", withoutIds, 20, 0.6)
        world.Audit 1.0 |> ignore
        let before = world.Agent.Table.EndedTotal
        let closed = ResizeArray<Connection>()

        for _ in 1..12 do
            let _, changes = world.Audit(float between)

            for change in changes do
                match change with
                | Change.Closed(c, _) -> closed.Add c
                | _ -> ()

        int64 closed.Count
        |> Check.between (world.Agent.Table.EndedTotal - before - 1L) (world.Agent.Table.EndedTotal - before)

        let stamps = closed |> Seq.map (fun c -> c.Stamp, c.Facts.Call) |> Seq.toList

        List.distinct stamps
        |> List.length
        |> Check.because "of each connection one" (Check.equal stamps.Length))
