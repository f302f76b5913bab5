module CallServer.Tests.Gateway.MibTests

open System
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests.Gateway.Asking
open CallServer.Tests

let private column8 = identityColumn "cisco-voice"

let private uptime now state =
    match value now "1.3.6.1.2.1.1.3.0" state with
    | TimeTicks ticks -> ticks
    | other -> failwith $"%A{other}"

/// The starts, in order, as an auditor may compute them from {connect time, sysUpTime} by RFC 2128 and RFC 2579.
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

let ``stamps connections with the true start, across the wraps of its up-time`` =
    example (fun () ->
        let wrap = TimeSpan.FromMilliseconds(4294967296.0 * 10.0)

        for up in
            [ TimeSpan.FromDays 3.0; wrap / 2.0 + seconds 60.0; wrap - seconds 1.0; wrap + seconds 60.0 ] do
            let state = gateway "cisco-voice" 3UL 200 0.0 |> AgentState.setUptime up epoch
            let later = epoch + seconds 5.0
            near (starts later state) (trueStarts state) |> Check.because $"{up}" Check.isTrue)

let ``sorts newer rows before older ones after a wrap`` =
    example (fun () ->
        let wrap = TimeSpan.FromMilliseconds(4294967296.0 * 10.0)
        let state = gateway "cisco-voice" 3UL 200 0.0 |> AgentState.setUptime (wrap + seconds 60.0) epoch

        let setups =
            walkBulk 50 epoch column8 state |> Array.map (fun found -> found.Name[found.Name.Length - 2])

        setups[0] |> Check.below 6000u
        Array.last setups |> Check.above 4_000_000_000u
        (state.Table.Connections[0].Setup < (Array.last state.Table.Connections).Setup) |> Check.isTrue)

let ``keeps its calls and renames them when the agent alone restarts`` =
    example (fun () ->
        let state = gateway "cisco-voice" 3UL 50 0.0
        let at = epoch + seconds 100.0
        let restarted = AgentState.restartAgent (seconds 2.0) at state
        let struct (_, silent) = tryAsk (at + seconds 1.0) (Pdu.get 1 [ everything ]) restarted
        silent.IsNone |> Check.isTrue
        let now = at + seconds 10.0
        uptime now restarted |> Check.equal 800u
        (value now "1.3.6.1.6.3.10.2.1.2.0" restarted = Integer 2L) |> Check.isTrue
        near (starts now restarted) (trueStarts state) |> Check.isTrue
        let names state = walkBulk 50 now column8 state |> Array.map _.Name |> Set.ofArray
        (Set.intersect (names state) (names restarted)).IsEmpty |> Check.isTrue)

let ``zeroes the stamps where it is told to`` =
    example (fun () ->
        let options = { AgentOptions.ofMib Mibs.CiscoVoice.mib "gw1" with Rebasing = Zeroed }
        let state = Gateways.create 3UL { TableOptions.standard with Connections = 20 } options epoch
        let restarted = AgentState.restartAgent TimeSpan.Zero (epoch + seconds 1.0) state
        let found = walkBulk 50 (epoch + seconds 5.0) column8 restarted
        found.Length |> Check.equal 20
        found |> Array.forall (fun found -> found.Value = TimeTicks 0u) |> Check.isTrue)

let ``loses its calls in a reboot`` =
    example (fun () ->
        let state = gateway "freeswitch" 3UL 50 0.0
        let core now state = value now "1.3.6.1.4.1.27880.1.1.2.0" state
        let before = core epoch state
        let at = epoch + seconds 100.0
        let struct (state, events) = AgentState.reboot (seconds 30.0) at state
        events.Length |> Check.equal 50
        let struct (_, silent) = tryAsk (at + seconds 29.0) (Pdu.get 1 [ everything ]) state
        silent.IsNone |> Check.isTrue
        let now = at + seconds 31.0
        walkBulk 50 now (identityColumn "freeswitch") state |> Check.isEmpty
        uptime now state |> Check.equal 100u
        (value now "1.3.6.1.4.1.27880.1.2.1.0" state = TimeTicks 100u) |> Check.isTrue
        (core now state <> before) |> Check.isTrue)

let ``counts one boot more in a reload, and nothing else`` =
    example (fun () ->
        let state = gateway "cisco-voice" 3UL 50 0.0
        let reloaded = AgentState.reload state
        (value epoch "1.3.6.1.6.3.10.2.1.2.0" reloaded = Integer 2L) |> Check.isTrue

        (value epoch "1.3.6.1.6.3.10.2.1.3.0" reloaded = value epoch "1.3.6.1.6.3.10.2.1.3.0" state)
        |> Check.isTrue

        uptime epoch reloaded |> Check.equal (uptime epoch state))

let ``opens no call while it is down`` =
    example (fun () ->
        let struct (state, _) = AgentState.reboot (seconds 60.0) epoch (gateway "cisco-voice" 3UL 50 20.0)
        let struct (_, events) = AgentState.advance (epoch + seconds 90.0) state

        for event in events do
            match event with
            | Opened connection -> (connection.Setup >= epoch + seconds 60.0) |> Check.isTrue
            | Closed _ -> ())

let ``moves FreeSWITCH's rows up when a call ends, after five seconds at the latest`` =
    example (fun () ->
        let state = gateway "freeswitch" 3UL 10 0.0
        let column = identityColumn "freeswitch"
        let uuids now state = walkBulk 20 now column state |> Array.map (fun found -> text found.Value)
        let struct (state, _) = ask epoch (Pdu.getNext 1 [ column ]) state
        let before = uuids epoch state
        let third = state.Table.Connections[2]
        let struct (table, _) = Table.closeOne third.Serial (epoch + seconds 1.0) state.Table
        let state = AgentState.withTable table state
        (uuids (epoch + seconds 4.0) state = before) |> Check.isTrue
        (uuids (epoch + seconds 5.0) state = Array.removeAt 2 before) |> Check.isTrue
        // The count is not cached.
        (value (epoch + seconds 4.0) "1.3.6.1.4.1.27880.1.2.3.0" state = Gauge32 9u) |> Check.isTrue)

let ``leaves out Asterisk's empty texts`` =
    example (fun () ->
        let state = gateway "asterisk" 3UL 100 0.0
        let bridges = walkBulk 20 epoch (Oid.parse "1.3.6.1.4.1.22736.1.5.2.1.6") state
        bridges.Length |> Check.between 60 99
        (walkBulk 20 epoch (Oid.parse "1.3.6.1.4.1.22736.1.5.2.1.2") state).Length |> Check.equal 100)

let ``moves Avaya's sessions from state to state`` =
    example (fun () ->
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
        (states epoch state = Map [ 1u, 400 ]) |> Check.isTrue
        let struct (state, _) = ask epoch (Pdu.getNext 1 [ column ]) state
        let later = epoch + seconds 30.0
        let events = states later state
        events[2u] |> Check.between 10 50
        events[1u] + events[2u] |> Check.equal 400
        let struct (table, _) = Table.closeOne state.Table.Connections[0].Serial later state.Table
        let ended = states later (AgentState.withTable table state)
        let living = ended |> Map.filter (fun state _ -> state <= 2u) |> Map.values |> Seq.sum
        let over = ended |> Map.filter (fun state _ -> state >= 3u) |> Map.values |> Seq.sum
        struct (living, over) |> Check.equal (struct (399, 1)))

let ``tells Avaya's durations by its own clock`` =
    example (fun () ->
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
                float hundredths / 100.0 |> Check.near 0.011 (epoch - connection.Start).TotalSeconds
            | other -> failtest $"%A{other}")

let ``names connections as an audit will`` =
    example (fun () ->
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
            (named = told) |> Check.because profile Check.isTrue
            told.Count |> Check.because profile (Check.equal 40))

let ``drifts as told`` =
    example (fun () ->
        let options =
            { AgentOptions.ofMib Mibs.CiscoVoice.mib "gw1" with
                DriftPpm = 100.0
                Uptime = TimeSpan.Zero }

        let state = Gateways.create 3UL { TableOptions.standard with Connections = 1 } options epoch
        uptime (epoch + seconds 10_000.0) state |> Check.equal 1_000_100u)
