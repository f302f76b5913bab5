module CallServer.Tests.Gateway.NetworkTests

open System
open System.Text.Json
open NUnit.Framework
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

[<Law>]
let ``does the same from the same seed`` (seed: uint64) =
    deliveries 20 (PathQuality.bad 0.3) seed = deliveries 20 (PathQuality.bad 0.3) seed

[<Test>]
let ``loses, doubles and delays as often as told`` () =
    let all = deliveries 20_000 (PathQuality.bad 0.3) 1UL
    let lost = all |> List.filter List.isEmpty |> List.length
    let doubled = all |> List.filter (fun arrivals -> arrivals.Length = 2) |> List.length
    Assert.That(lost, Is.InRange(5_700, 6_300))
    Assert.That(doubled, Is.InRange(200, 360))
    let late = all |> List.concat |> List.filter (fun at -> at - epoch > seconds 0.2) |> List.length
    Assert.That(late, Is.InRange(550, 900))
    Assert.That(all |> List.concat |> List.forall (fun at -> at - epoch >= TimeSpan.FromMilliseconds 20.0))

[<Test>]
let ``does nothing where it is perfect`` () =
    Assert.That((deliveries 100 PathQuality.perfect 1UL = List.replicate 100 [ epoch ]))

[<Test>]
let ``writes the truth as the contract has it`` () =
    let options = { TableOptions.standard with Connections = 1; Codecs = [| Pcmu |] }

    let state =
        AgentState.create (AgentOptions.ofMib Mibs.CiscoVoice.mib "gw1") (Table.create 1UL options epoch)

    let connection = state.Table.Connections[0]
    let identify connection = AgentState.identify connection state
    let identities connection = [ struct ("snmp", [ identify connection ]) ]
    let line = Truth.lines identities (Opened connection) |> List.exactlyOne
    let json = JsonDocument.Parse(line).RootElement
    let names = [ for property in json.EnumerateObject() -> property.Name ]

    Assert.That((names = [ "event"; "time"; "id"; "call"; "endpoint"; "originator"; "codec"; "dscp" ]))

    Assert.That(json.GetProperty("time").GetString(), Is.EqualTo(connection.Start.ToString()))
    Assert.That(json.GetProperty("call").GetString(), Is.EqualTo(Convert.ToHexStringLower connection.Guid))
    Assert.That(json.GetProperty("originator").GetString(), Is.EqualTo connection.Calling)
    Assert.That(json.GetProperty("codec").GetString(), Is.EqualTo "PCMU")
    let close = Truth.lines identities (Closed(connection, epoch)) |> List.exactlyOne
    let id = (identify connection).Id
    Assert.That(close, Is.EqualTo $"{{\"event\":\"close\",\"time\":\"{epoch}\",\"id\":\"{id}\"}}")

[<Test>]
let ``makes a fleet whose members differ`` () =
    let profiles = Gateways.profiles
    let fleet = Gateways.fleet profiles 1UL (2 * profiles.Length) 10 0.5 epoch
    let first = fleet |> Array.map (fun gateway -> gateway.Table.Connections[0].Guid)
    Assert.That((Array.distinct first).Length, Is.EqualTo(2 * profiles.Length))
    Assert.That(fleet[profiles.Length].Options.Mib.Profile, Is.EqualTo profiles[0])
