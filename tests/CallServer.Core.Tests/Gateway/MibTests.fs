module CallServer.Tests.Gateway.MibTests

open System
open NUnit.Framework
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests.Gateway.Asking

let private column8 = identityColumn "cisco-voice"

let private uptime now state =
    match value now "1.3.6.1.2.1.1.3.0" state with
    | TimeTicks ticks -> ticks
    | other -> failwith $"%A{other}"

/// Start by start, from {connect time, sysUpTime}, as RFC 2128 and RFC 2579 let an auditor compute it.
let private starts now state =
    let up = uptime now state

    walkBulk 50 now column8 state
    |> Array.map (fun found ->
        match found.Value with
        | TimeTicks connected -> now - TimeSpan.FromMilliseconds(10.0 * float (up - connected))
        | other -> failwith $"%A{other}")
    |> Array.sort

let private trueStarts (state: AgentState) = state.Table.Connections |> Array.map _.Start |> Array.sort

let private near (a: Instant[]) (b: Instant[]) =
    a.Length = b.Length
    && Array.forall2 (fun (a: Instant) (b: Instant) -> abs (a.Micros - b.Micros) <= 10_000L) a b

[<Test>]
let ``stamps connections with the true start, across the wraps of its up-time`` () =
    let wrap = TimeSpan.FromMilliseconds(4294967296.0 * 10.0)

    for up in [ TimeSpan.FromDays 3.0; wrap / 2.0 + seconds 60.0; wrap - seconds 1.0; wrap + seconds 60.0 ] do
        let state = gateway "cisco-voice" 3UL 200 0.0 |> AgentState.setUptime up epoch
        let later = epoch + seconds 5.0
        Assert.That(near (starts later state) (trueStarts state), $"{up}")

[<Test>]
let ``sorts newer rows before older ones after a wrap`` () =
    let wrap = TimeSpan.FromMilliseconds(4294967296.0 * 10.0)
    let state = gateway "cisco-voice" 3UL 200 0.0 |> AgentState.setUptime (wrap + seconds 60.0) epoch

    let setups =
        walkBulk 50 epoch column8 state |> Array.map (fun found -> found.Name[found.Name.Length - 2])

    Assert.That(setups[0], Is.LessThan 6000u)
    Assert.That(Array.last setups, Is.GreaterThan 4_000_000_000u)
    Assert.That((state.Table.Connections[0].Setup < (Array.last state.Table.Connections).Setup))

[<Test>]
let ``keeps its calls and renames them when the agent alone restarts`` () =
    let state = gateway "cisco-voice" 3UL 50 0.0
    let at = epoch + seconds 100.0
    let restarted = AgentState.restartAgent (seconds 2.0) at state
    let struct (_, silent) = tryAsk (at + seconds 1.0) (Pdu.get 1 [ everything ]) restarted
    Assert.That(silent.IsNone)
    let now = at + seconds 10.0
    Assert.That(uptime now restarted, Is.EqualTo 800u)
    Assert.That((value now "1.3.6.1.6.3.10.2.1.2.0" restarted = Integer 2L))
    Assert.That(near (starts now restarted) (trueStarts state))
    let names state = walkBulk 50 now column8 state |> Array.map _.Name |> Set.ofArray
    Assert.That((Set.intersect (names state) (names restarted)).IsEmpty)

[<Test>]
let ``zeroes the stamps where it is told to`` () =
    let options = { AgentOptions.ofMib Mibs.CiscoVoice.mib "gw1" with Rebasing = Zeroed }
    let state = Gateways.create 3UL { TableOptions.standard with Connections = 20 } options epoch
    let restarted = AgentState.restartAgent TimeSpan.Zero (epoch + seconds 1.0) state
    let found = walkBulk 50 (epoch + seconds 5.0) column8 restarted
    Assert.That(found.Length, Is.EqualTo 20)
    Assert.That(found |> Array.forall (fun found -> found.Value = TimeTicks 0u))

[<Test>]
let ``loses its calls in a reboot`` () =
    let state = gateway "freeswitch" 3UL 50 0.0
    let core now state = value now "1.3.6.1.4.1.27880.1.1.2.0" state
    let before = core epoch state
    let at = epoch + seconds 100.0
    let struct (state, events) = AgentState.reboot (seconds 30.0) at state
    Assert.That(events.Length, Is.EqualTo 50)
    let struct (_, silent) = tryAsk (at + seconds 29.0) (Pdu.get 1 [ everything ]) state
    Assert.That(silent.IsNone)
    let now = at + seconds 31.0
    Assert.That(walkBulk 50 now (identityColumn "freeswitch") state, Is.Empty)
    Assert.That(uptime now state, Is.EqualTo 100u)
    Assert.That((value now "1.3.6.1.4.1.27880.1.2.1.0" state = TimeTicks 100u))
    Assert.That((core now state <> before))

[<Test>]
let ``counts one boot more in a reload, and nothing else`` () =
    let state = gateway "cisco-voice" 3UL 50 0.0
    let reloaded = AgentState.reload state
    Assert.That((value epoch "1.3.6.1.6.3.10.2.1.2.0" reloaded = Integer 2L))
    Assert.That((value epoch "1.3.6.1.6.3.10.2.1.3.0" reloaded = value epoch "1.3.6.1.6.3.10.2.1.3.0" state))
    Assert.That(uptime epoch reloaded, Is.EqualTo(uptime epoch state))

[<Test>]
let ``opens no call while it is down`` () =
    let struct (state, _) = AgentState.reboot (seconds 60.0) epoch (gateway "cisco-voice" 3UL 50 20.0)
    let struct (_, events) = AgentState.advance (epoch + seconds 90.0) state

    for event in events do
        match event with
        | Opened connection -> Assert.That((connection.Setup >= epoch + seconds 60.0))
        | Closed _ -> ()

[<Test>]
let ``moves FreeSWITCH's rows up when a call ends, after five seconds at the latest`` () =
    let state = gateway "freeswitch" 3UL 10 0.0
    let column = identityColumn "freeswitch"
    let uuids now state = walkBulk 20 now column state |> Array.map (fun found -> text found.Value)
    let struct (state, _) = ask epoch (Pdu.getNext 1 [ column ]) state
    let before = uuids epoch state
    let third = state.Table.Connections[2]
    let struct (table, _) = Table.closeOne third.Serial (epoch + seconds 1.0) state.Table
    let state = AgentState.withTable table state
    Assert.That((uuids (epoch + seconds 4.0) state = before))
    Assert.That((uuids (epoch + seconds 5.0) state = Array.removeAt 2 before))
    // The count is not cached.
    Assert.That((value (epoch + seconds 4.0) "1.3.6.1.4.1.27880.1.2.3.0" state = Gauge32 9u))

[<Test>]
let ``leaves out Asterisk's empty texts`` () =
    let state = gateway "asterisk" 3UL 100 0.0
    let bridges = walkBulk 20 epoch (Oid.parse "1.3.6.1.4.1.22736.1.5.2.1.6") state
    Assert.That(bridges.Length, Is.InRange(60, 99))
    Assert.That((walkBulk 20 epoch (Oid.parse "1.3.6.1.4.1.22736.1.5.2.1.2") state).Length, Is.EqualTo 100)

[<Test>]
let ``moves Avaya's sessions from state to state`` () =
    let column = identityColumn "avaya-rtp"

    let states now state =
        walkBulk 50 now column state
        |> Array.countBy (fun found -> found.Name[found.Name.Length - 2])
        |> Map.ofArray

    let options =
        { TableOptions.standard with
            Connections = 400
            Ages = struct (seconds 1.0, seconds 29.0) }

    let state = Gateways.create 3UL options (AgentOptions.ofMib Mibs.AvayaRtp.mib "gw1") epoch
    Assert.That((states epoch state = Map [ 1u, 400 ]))
    let struct (state, _) = ask epoch (Pdu.getNext 1 [ column ]) state
    let later = epoch + seconds 30.0
    let events = states later state
    Assert.That(events[2u], Is.InRange(10, 50))
    Assert.That(events[1u] + events[2u], Is.EqualTo 400)
    let struct (table, _) = Table.closeOne state.Table.Connections[0].Serial later state.Table
    let ended = states later (AgentState.withTable table state)
    let living = ended |> Map.filter (fun state _ -> state <= 2u) |> Map.values |> Seq.sum
    let over = ended |> Map.filter (fun state _ -> state >= 3u) |> Map.values |> Seq.sum
    Assert.That(struct (living, over), Is.EqualTo(struct (399, 1)))

[<Test>]
let ``tells Avaya's durations by its own clock`` () =
    let state = gateway "avaya-rtp" 3UL 50 0.0
    let durations = walkBulk 50 epoch (Oid.parse "1.3.6.1.4.1.6889.2.7.2.1.16") state
    let ids = walkBulk 50 epoch (identityColumn "avaya-rtp") state

    for place in 0..49 do
        let connection =
            state.Table.Connections
            |> Array.find (fun connection ->
                Integer(int64 (AgentState.identify connection state).Id) = ids[place].Value)

        match durations[place].Value with
        | Integer hundredths ->
            Assert.That(
                float hundredths / 100.0,
                Is.EqualTo((epoch - connection.Start).TotalSeconds).Within 0.011
            )
        | other -> Assert.Fail $"%A{other}"

[<Test>]
let ``names connections as an audit will`` () =
    let identities profile =
        let state = gateway profile 3UL 40 0.0

        let named =
            state.Table.Connections
            |> Array.map (fun connection -> (AgentState.identify connection state).Id)
            |> Set.ofArray

        let column = identityColumn profile
        let found = walkBulk 50 epoch column state

        let told =
            match profile with
            | "freeswitch"
            | "asterisk" -> found |> Array.map (fun found -> text found.Value)
            | "avaya-rtp" ->
                found
                |> Array.map (fun found ->
                    match found.Value with
                    | Integer id -> string id
                    | other -> failwith $"%A{other}")
            | _ -> found |> Array.map (fun found -> string (Oid.suffix column found.Name).Value)

        struct (named, Set.ofArray told)

    for profile in Gateways.profiles do
        let struct (named, told) = identities profile
        Assert.That((named = told), profile)
        Assert.That(told.Count, Is.EqualTo 40, profile)

[<Test>]
let ``drifts as told`` () =
    let options =
        { AgentOptions.ofMib Mibs.CiscoVoice.mib "gw1" with
            DriftPpm = 100.0
            Uptime = TimeSpan.Zero }

    let state = Gateways.create 3UL { TableOptions.standard with Connections = 1 } options epoch
    Assert.That(uptime (epoch + seconds 10_000.0) state, Is.EqualTo 1_000_100u)
