module CallServer.Tests.Gateway.NetworkTests

open System
open System.Text.Json
open CallServer.Model
open CallServer.Prelude
open CallServer.Gateway
open CallServer.Tests
open CallServer.Tests.Gateway.Asking

let private deliveries count path seed =
    (struct ([], Rng.create seed), [ 1..count ])
    ||> List.fold (fun (struct (all, rng)) _ ->
        let struct (arrivals, rng) = BadNetwork.deliver epoch path rng
        struct (arrivals :: all, rng))
    |> fun struct (all, _) -> List.rev all

let ``does the same from the same seed`` =
    law (fun (seed: uint64) ->
        deliveries 20 (PathQuality.bad 0.3) seed = deliveries 20 (PathQuality.bad 0.3) seed)

let ``loses, doubles and delays as often as told`` =
    example (fun () ->
        let all = deliveries 20_000 (PathQuality.bad 0.3) 1UL
        let lost = all |> List.filter List.isEmpty |> List.length
        let doubled = all |> List.filter (fun arrivals -> arrivals.Length = 2) |> List.length
        lost |> Check.between 5_700 6_300
        doubled |> Check.between 200 360
        let late = all |> List.concat |> List.filter (fun at -> at - epoch > seconds 0.2) |> List.length
        late |> Check.between 550 900

        all
        |> List.concat
        |> List.forall (fun at -> at - epoch >= TimeSpan.FromMilliseconds 20.0)
        |> Check.isTrue)

let ``does nothing where it is perfect`` =
    example (fun () ->
        (deliveries 100 PathQuality.perfect 1UL = List.replicate 100 [ epoch ]) |> Check.isTrue)

let ``writes the truth as the contract has it`` =
    example (fun () ->
        let options = { TableOptions.standard with Connections = 1; Codecs = [| Pcmu |] }

        let state =
            AgentState.create (AgentOptions.ofMib Mibs.CiscoVoice.mib "gw1") (Table.create 1UL options epoch)

        let connection = state.Table.Connections[0]
        let identify connection = AgentState.identify connection state
        let identities connection = [ struct ("snmp", [ identify connection ]) ]
        let line = Truth.lines identities (Opened connection) |> List.exactlyOne
        let json = JsonDocument.Parse(line).RootElement
        let names = [ for property in json.EnumerateObject() -> property.Name ]

        (names = [ "event"; "time"; "id"; "call"; "endpoint"; "originator"; "codec"; "dscp" ])
        |> Check.isTrue

        json.GetProperty("time").GetString() |> Check.equal (connection.Start.ToString())
        json.GetProperty("call").GetString() |> Check.equal (Convert.ToHexStringLower connection.Guid)
        json.GetProperty("originator").GetString() |> Check.equal connection.Calling
        json.GetProperty("codec").GetString() |> Check.equal "PCMU"
        let close = Truth.lines identities (Closed(connection, epoch)) |> List.exactlyOne
        let id = (identify connection).Id
        close |> Check.equal $"{{\"event\":\"close\",\"time\":\"{epoch}\",\"id\":\"{id}\"}}")

let ``makes a fleet whose members differ`` =
    example (fun () ->
        let profiles = Gateways.profiles
        let fleet = Gateways.fleet profiles 1UL (2 * profiles.Length) 10 0.5 epoch
        let first = fleet |> Array.map (fun gateway -> gateway.Table.Connections[0].Guid)
        (Array.distinct first).Length |> Check.equal (2 * profiles.Length)
        fleet[profiles.Length].Options.Mib.Profile |> Check.equal profiles[0])
