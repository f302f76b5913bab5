/// Every profile against the simulated gateway of its kind.
module CallServer.Tests.Audit.GatewayTests

open System
open NUnit.Framework
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Audit
open CallServer.Gateway
open CallServer.Tests.Audit

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

let private codecKnown =
    set
        [ "cisco-voice"
          "h3c-voice"
          "3com-voice"
          "cisco-xgcp"
          "avaya-rtp"
          "adtran-vqm"
          "adtran-rtp"
          "audiocodes"
          "freeswitch"
          "rtp-mib" ]

[<Test>]
let ``at rest every connection is listed as its gateway names it`` () =
    for profile in Profiles.names do
        let struct (agent, run) = audit profile 70 0.0 Vices.none
        let snapshot = run.Snapshot
        Assert.That(Snapshot.isComplete snapshot, Is.True, $"{profile}: {snapshot.Completeness}")
        Assert.That(snapshot.Observations.Length, Is.EqualTo 70, profile)

        let byId =
            snapshot.Observations
            |> Array.map (fun observation -> string observation.Id, observation)
            |> Map.ofArray

        for connection in agent.Table.Connections do
            let identity = agent.Options.Mib.Identity agent.Clock connection

            match Map.tryFind identity.Id byId with
            | None ->
                Assert.Fail
                    $"{profile}: {identity.Id} is not among {Map.keys byId |> Seq.truncate 5 |> Seq.toList}"
            | Some seen ->
                Assert.That(
                    ValueOption.toOption seen.Facts.Originator,
                    Is.EqualTo identity.Originator,
                    profile
                )

                match seen.Start with
                | ValueSome start ->
                    Assert.That(
                        Interval.contains connection.Start start.Within,
                        Is.True,
                        $"{profile}: {start}"
                    )
                | ValueNone -> Assert.Fail $"{profile}: no start"

                if codecKnown.Contains profile then
                    Assert.That(
                        seen.Facts.Codec.Value.Name,
                        Is.EqualTo(SimCodec.name connection.Codec),
                        profile
                    )

                if qosKnown.Contains profile && profile <> "cisco-voice" then
                    Assert.That(seen.Facts.Qos.Dscp.Value, Is.EqualTo connection.Dscp, profile)

[<Test>]
let ``an agent that stops after three answers leaves a partial snapshot`` () =
    for profile in Profiles.names do
        let struct (_, run) = audit profile 70 0.0 (Vices.dyingAfter 3)
        Assert.That(Snapshot.isComplete run.Snapshot, Is.False, profile)

[<Test>]
let ``small replies, cut rows, missing last rows and odd numbers do not hide a row`` () =
    let vices =
        [ { Vices.none with MaxVarBinds = ValueSome 12; CutsRows = true }
          { Vices.none with ShortByARow = true }
          { Vices.none with OddNumbers = true }
          { Vices.none with SilentAbove = ValueSome 900 } ]

    for profile in Profiles.names do
        for vice in vices do
            let struct (_, run) = audit profile 40 0.0 vice
            let what = $"{profile} {vice}: {run.Snapshot.Completeness}"
            Assert.That(Snapshot.isComplete run.Snapshot, Is.True, what)
            Assert.That(run.Snapshot.Observations.Length, Is.EqualTo 40, what)

[<Test>]
let ``loops are named whatever the profile`` () =
    for profile in Profiles.names do
        for loops in [ Repeats 3; GoesBack 5 ] do
            let struct (_, run) = audit profile 70 0.0 { Vices.none with Looping = ValueSome loops }

            let kinds =
                match run.Snapshot.Completeness with
                | Complete _ -> []
                | Partial reasons -> [ for reason in reasons -> reason.Kind ]

            Assert.That(kinds, Does.Contain "not-increasing", $"{profile} {loops}")
            Assert.That(run.Snapshot.Requests, Is.LessThan 300, profile)

[<Test>]
let ``under churn a snapshot is complete or says why`` () =
    for profile in Profiles.names do
        let struct (_, run) = audit profile 200 20.0 Vices.none
        let known = run.Snapshot.Observations.Length
        Assert.That(known, Is.GreaterThan 150, $"{profile}: {run.Snapshot.Completeness}")

        TestContext.Out.WriteLine
            $"{profile}: {run.Snapshot.Completeness}, {run.Snapshot.Requests} requests, {run.Took}"
