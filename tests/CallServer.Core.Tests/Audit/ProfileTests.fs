module CallServer.Tests.Audit.ProfileTests

open System
open NUnit.Framework
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Audit
open CallServer.Gateway
open CallServer.Tests.Audit

[<Test>]
let ``every built-in profile can be read`` () =
    Assert.That(Profiles.builtIn.Value.Length, Is.EqualTo Profiles.names.Length)

    for profile in Profiles.builtIn.Value do
        Assert.That(profile.Id.IsEmpty, Is.False, profile.Name)
        Assert.That(profile.Serves.Length, Is.GreaterThan 0, profile.Name)

let private wrong =
    """{
  // a comment
  "index": [{ "name": "a", "kind": "numbr" }],
  "columns": {
    "x": "1.3.6.1.4.1.1.1",
    "y": "one.three",
  },
  "identity": "z",
  "id": "nothing",
  "colour": "blue",
  "absencesToClose": 0,
  "start": { "kind": "duration", "field": "x", "unit": "5 apples" },
  "codec": { "field": "x", "names": { "1": 2 } },
}"""

[<Test>]
let ``every mistake is told with its path and line`` () =
    match ProfileJson.parse "mine" wrong with
    | Ok _ -> Assert.Fail "it was taken"
    | Error mistakes ->
        let places = [ for mistake in mistakes -> mistake.Path, mistake.Line ] |> List.sort

        let expected =
            [ "absencesToClose", 11
              "codec.names.1", 13
              "columns.y", 6
              "colour", 10
              "id", 9
              "index[0].kind", 3
              "start.unit", 12 ]

        Assert.That((places = List.sort expected), Is.True, $"{mistakes}")

[<Test>]
let ``a profile of the user's own works as a built-in one does`` () =
    let text =
        """{
  "index": [{ "name": "key", "kind": "text" }],
  "columns": {
    "seconds": "1.3.6.1.4.1.99999.7.2", "tos": "1.3.6.1.4.1.99999.7.3", "up": "1.3.6.1.4.1.99999.7.4"
  },
  "identity": "seconds",
  "where": { "up": [1] },
  "id": "key",
  "originator": { "words": "trunk 1" },
  "qos": { "dscp": "tos" },
  "start": { "kind": "duration", "field": "seconds", "unit": "1s" }
}"""

    let profile =
        match ProfileJson.parse "mine" text with
        | Ok profile -> profile
        | Error mistakes -> failwith $"{mistakes}"

    let cell column value = CiscoTable.scalar $"1.3.6.1.4.1.99999.7.{column}.2.97.98" value

    let idle column value = CiscoTable.scalar $"1.3.6.1.4.1.99999.7.{column}.2.99.99" value

    let objects now =
        CiscoTable.scalars (Bench.start - TimeSpan.FromHours 1.0) now 1 0
        @ [ cell 2 (Gauge32 30u); cell 3 (Integer 46L); cell 4 (Integer 1L) ]
        @ [ idle 2 (Gauge32 30u); idle 3 (Integer 46L); idle 4 (Integer 2L) ]

    let server =
        Bench.v2c "public" (fun now request -> SmallAgent.answer (SmallAgent.create (objects now)) request)

    let run =
        Bench.run 1UL (Network.steady (TimeSpan.FromMilliseconds 5.0)) server (Bench.target (Some profile))

    Assert.That((run.Snapshot.Completeness = Complete [ EndOfTable; SameBoot ]), Is.True)
    let seen = Array.exactlyOne run.Snapshot.Observations
    Assert.That(string seen.Id, Is.EqualTo "ab")
    Assert.That((seen.Facts.Originator = ValueSome "trunk 1"), Is.True)
    Assert.That((seen.Facts.Qos.Dscp = ValueSome 46), Is.True)
    Assert.That((Interval.width seen.Start.Value.Within = TimeSpan.FromMilliseconds 1010.0), Is.True)
    Assert.That(Interval.contains (Bench.start - TimeSpan.FromSeconds 30.0) seen.Start.Value.Within, Is.True)

[<Test>]
let ``rows of one name are not taken for one connection`` () =
    let profile =
        """{ "index": [{ "name": "a" }], "columns": { "x": "1.3.6.1.4.1.99999.7.2" },
             "identity": "x", "id": "x" }"""
        |> ProfileJson.parse "mine"
        |> Result.defaultWith (fun mistakes -> failwith $"{mistakes}")

    let objects now =
        CiscoTable.scalars (Bench.start - TimeSpan.FromHours 1.0) now 1 0
        @ [ for row in 1..3 -> CiscoTable.scalar $"1.3.6.1.4.1.99999.7.2.{row}" (Integer 5L) ]

    let server =
        Bench.v2c "public" (fun now request -> SmallAgent.answer (SmallAgent.create (objects now)) request)

    let run =
        Bench.run 1UL (Network.steady (TimeSpan.FromMilliseconds 5.0)) server (Bench.target (Some profile))

    match run.Snapshot.Completeness with
    | Partial [ Unreadable detail ] -> Assert.That(detail, Does.Contain "several rows")
    | other -> Assert.Fail(string other)

let private freeswitch = (Profiles.tryFind "freeswitch").Value

/// A FreeSWITCH of so many channels whose count says so much.
let private channels (shown: int list) (count: int) (now: Instant) =
    let boot = Bench.start - TimeSpan.FromHours 1.0

    CiscoTable.scalars boot now 1 0
    @ [ CiscoTable.scalar "1.3.6.1.4.1.27880.1.1.2.0" (CiscoTable.text "core-1")
        CiscoTable.scalar "1.3.6.1.4.1.27880.1.2.1.0" (TimeTicks(uint32 ((now - boot).TotalSeconds * 100.0)))
        CiscoTable.scalar "1.3.6.1.4.1.27880.1.2.3.0" (Gauge32(uint32 count))
        for row, channel in List.indexed shown do
            CiscoTable.scalar $"1.3.6.1.4.1.27880.1.9.1.2.{row + 1}" (CiscoTable.text $"uuid-{channel}")
            CiscoTable.scalar $"1.3.6.1.4.1.27880.1.9.1.6.{row + 1}" (CiscoTable.text "CS_EXECUTE") ]

[<Test>]
let ``where the agent answers from an old copy, the audit waits for the next one`` () =
    // The copy still lacks the fourth channel; it is made anew 5 s after the last.
    let server =
        Bench.v2c "public" (fun now request ->
            let shown = if now < Bench.start + TimeSpan.FromSeconds 4.0 then [ 1..3 ] else [ 1..4 ]
            SmallAgent.answer (SmallAgent.create (channels shown 4 now)) request)

    let run =
        Bench.run 1UL (Network.steady (TimeSpan.FromMilliseconds 5.0)) server (Bench.target (Some freeswitch))

    Assert.That((run.Snapshot.Completeness = Complete [ EndOfTable; SameBoot; CountAgrees ]), Is.True)
    Assert.That(run.Snapshot.Observations.Length, Is.EqualTo 4)
    Assert.That(run.Took, Is.InRange(TimeSpan.FromSeconds 5.0, TimeSpan.FromSeconds 6.0))

[<Test>]
let ``a channel that is listed in two places says that the rows moved`` () =
    let server =
        Bench.v2c "public" (fun now request ->
            SmallAgent.answer (SmallAgent.create (channels [ 1; 2; 2; 3 ] 4 now)) request)

    let run =
        Bench.run 1UL (Network.steady (TimeSpan.FromMilliseconds 5.0)) server (Bench.target (Some freeswitch))

    match run.Snapshot.Completeness with
    | Partial reasons -> Assert.That([ for reason in reasons -> reason.Kind ], Does.Contain "index-moved")
    | Complete _ -> Assert.Fail "it was believed"

/// What the gateway of a profile says of its switch: nothing where it does not serve it.
let private switched (profile: string) (switch: string) (value: int64 option) =
    let at = Oid.parse switch
    let agent = Gateways.simple profile "gw" 11UL 5 0.0 Bench.start
    let state = ref agent

    let set (pdu: Pdu) =
        { pdu with
            VarBinds =
                pdu.VarBinds
                |> Array.map (fun varBind ->
                    if varBind.Name <> at then
                        varBind
                    else
                        VarBind.create at (value |> Option.map Integer |> Option.defaultValue NoSuchObject)) }

    let server: Bench.Server =
        fun now octets ->
            let struct (next, replies) = SnmpAgent.respond now octets state.Value
            state.Value <- next

            [ for reply in replies do
                  match Snmp.decode reply.Datagram with
                  | Ok(V2c(community, pdu)) -> Snmp.encode (V2c(community, set pdu))
                  | _ -> reply.Datagram ]

    (Bench.run
        3UL
        (Network.steady (TimeSpan.FromMilliseconds 2.0))
        server
        (Bench.target (Profiles.tryFind profile)))
        .Snapshot

[<Test>]
let ``a gateway that says that it keeps no table is partial, and says so`` () =
    for profile, switch, name in
        [ "adtran-vqm", "1.3.6.1.4.1.664.5.53.5.3.2.1.0", "adVqmCfgEnable"
          "avaya-rtp", "1.3.6.1.4.1.6889.2.7.1.2.0", "avRtpEnable" ] do
        let snapshot = switched profile switch (Some 2L)
        Assert.That(string snapshot.Completeness, Does.Contain $"{name} is 2", profile)
        Assert.That(Snapshot.isComplete (switched profile switch (Some 1L)), Is.True, profile)
        Assert.That(Snapshot.isComplete (switched profile switch None), Is.True, profile)

[<Test>]
let ``what proves a table is written as it is read`` () =
    let text =
        """{
  "index": [{ "name": "key" }], "columns": { "a": "1.3.6.1.4.1.99999.7.1" }, "identity": "a", "id": "key",
  "count": [
    { "scalars": ["1.3.6.1.4.1.99999.1.0", "1.3.6.1.4.1.99999.2.0"], "rowsPerUnit": 2 },
    { "columns": ["1.3.6.1.4.1.99999.3"], "atLeast": true }
  ],
  "trust": [{ "scalar": "1.3.6.1.4.1.99999.4.0", "value": [1, "on"] }],
  "emptyNeedsCount": true
}"""

    match ProfileJson.parse "mine" text with
    | Ok profile ->
        Assert.That(profile.Counts.Length, Is.EqualTo 2)
        Assert.That(profile.Counts[0].Scalars.Length, Is.EqualTo 2)
        Assert.That(profile.Counts[1].AtLeast, Is.True)
        Assert.That(profile.Trust[0].Name, Is.EqualTo "1.3.6.1.4.1.99999.4.0")
        Assert.That((profile.Trust[0].Among = [| "1"; "on" |]), Is.True)
        Assert.That(profile.EmptyNeedsCount, Is.True)
    | Error mistakes -> Assert.Fail $"{mistakes}"

    match ProfileJson.parse "mine" (text.Replace("\"columns\": [\"1.3.6.1.4.1.99999.3\"], ", "")) with
    | Error [ mistake ] -> Assert.That(mistake.Path, Is.EqualTo "count[1]")
    | other -> Assert.Fail $"{other}"
