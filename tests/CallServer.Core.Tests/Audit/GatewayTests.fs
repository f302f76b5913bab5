/// Every profile against the simulated gateway of its kind.
module CallServer.Tests.Audit.GatewayTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Protocols.Snmp
open CallServer.Gateway
open CallServer.Tests.Audit
open CallServer.Tests

let private steady = Network.steady (TimeSpan.FromMilliseconds 2.0)

let private serve (agent: AgentState) : Bench.Server =
    let agent = ref agent

    fun now octets ->
        let struct (moved, _) = AgentState.advance now agent.Value
        let struct (next, replies) = SnmpAgent.respond now octets moved
        agent.Value <- next
        [ for reply in replies -> reply.Datagram ]

let private audit (profile: string) (connections: int) (churn: float) (vices: Vices) =
    let agent =
        Gateways.simple profile "gw" 11UL connections churn Bench.start |> AgentState.withVices vices

    let target = Bench.target (Profiles.tryFind profile)
    struct (agent, Bench.run 3UL steady (serve agent) target)

let private qosKnown = set [ "cisco-voice"; "avaya-rtp"; "adtran-vqm" ]

let ``at rest every connection is listed as its gateway names it`` =
    example (fun () ->
        for profile in Profiles.names do
            let struct (agent, run) = audit profile 70 0.0 Vices.none
            let snapshot = run.Snapshot
            Snapshot.isComplete snapshot |> Check.because $"{profile}: {snapshot.Completeness}" Check.isTrue
            snapshot.Observations.Length |> Check.because profile (Check.equal 70)

            let byId =
                snapshot.Observations
                |> Array.map (fun observation -> string observation.Id, observation)
                |> Map.ofArray

            for connection in agent.Table.Connections do
                let identity = agent.Options.Mib.Identity agent.Clock connection

                match Map.tryFind identity.Id byId with
                | None ->
                    failtest
                        $"{profile}: {identity.Id} is not among {Map.keys byId |> Seq.truncate 5 |> Seq.toList}"
                | Some seen ->
                    ValueOption.toOption seen.Facts.Originator
                    |> Check.because profile (Check.equal identity.Originator)

                    match seen.Start with
                    | ValueSome start ->
                        Interval.contains connection.Start start.Within
                        |> Check.because $"{profile}: {start}" Check.isTrue
                    | ValueNone -> failtest $"{profile}: no start"

                    if Bench.codecKnown.Contains profile then
                        seen.Facts.Codec.Value.Name
                        |> Check.because profile (Check.equal (SimCodec.name connection.Codec))

                    if qosKnown.Contains profile && profile <> "cisco-voice" then
                        seen.Facts.Qos.Dscp.Value |> Check.because profile (Check.equal connection.Dscp))

let ``an agent that stops after three answers leaves a partial snapshot`` =
    example (fun () ->
        for profile in Profiles.names do
            let struct (_, run) = audit profile 70 0.0 (Vices.dyingAfter 3)
            Snapshot.isComplete run.Snapshot |> Check.because profile Check.isFalse)

let ``small replies, cut rows, missing last rows and odd numbers do not hide a row`` =
    example (fun () ->
        let vices =
            [ { Vices.none with MaxVarBinds = ValueSome 12; CutsRows = true }
              { Vices.none with ShortByARow = true }
              { Vices.none with OddNumbers = true }
              { Vices.none with SilentAbove = ValueSome 900 } ]

        for profile in Profiles.names do
            for vice in vices do
                let struct (_, run) = audit profile 40 0.0 vice
                let what = $"{profile} {vice}: {run.Snapshot.Completeness}"
                Snapshot.isComplete run.Snapshot |> Check.because what Check.isTrue
                run.Snapshot.Observations.Length |> Check.because what (Check.equal 40))

let ``loops are named whatever the profile`` =
    example (fun () ->
        for profile in Profiles.names do
            for loops in [ Repeats 3; GoesBack 5 ] do
                let struct (_, run) = audit profile 70 0.0 { Vices.none with Looping = ValueSome loops }

                let kinds =
                    match run.Snapshot.Completeness with
                    | Complete _ -> []
                    | Partial reasons -> [ for reason in reasons -> reason.Kind ]

                kinds |> Check.because $"{profile} {loops}" (Check.contains "not-increasing")
                run.Snapshot.Requests |> Check.because profile (Check.below 300))

let ``under churn a snapshot is complete or says why`` =
    example (fun () ->
        for profile in Profiles.names do
            let struct (_, run) = audit profile 200 20.0 Vices.none
            let known = run.Snapshot.Observations.Length
            known |> Check.because $"{profile}: {run.Snapshot.Completeness}" (Check.above 150)

            say $"{profile}: {run.Snapshot.Completeness}, {run.Snapshot.Requests} requests, {run.Took}")
