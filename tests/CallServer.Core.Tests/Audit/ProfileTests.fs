module CallServer.Tests.Audit.ProfileTests

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Protocols.Snmp
open CallServer.Gateway
open CallServer.Tests.Audit
open CallServer.Tests

let ``every built-in profile can be read`` =
    example (fun () ->
        Profiles.builtIn.Value.Length |> Check.equal Profiles.names.Length

        for profile in Profiles.builtIn.Value do
            profile.Id.IsEmpty |> Check.because profile.Name Check.isFalse
            profile.Serves.Length |> Check.because profile.Name (Check.above 0))

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

let ``every mistake is told with its path and line`` =
    example (fun () ->
        match ProfileJson.parse "mine" wrong with
        | Ok _ -> failtest "it was taken"
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

            (places = List.sort expected) |> Check.because $"{mistakes}" Check.isTrue)

let ``a profile of the user's own works as a built-in one does`` =
    example (fun () ->
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
            Bench.v2c "public" (fun now request ->
                SmallAgent.answer (SmallAgent.create (objects now)) request)

        let run =
            Bench.run
                1UL
                (Network.steady (TimeSpan.FromMilliseconds 5.0))
                server
                (Bench.target (Some profile))

        (run.Snapshot.Completeness = Complete [ EndOfTable; SameBoot ]) |> Check.isTrue
        let seen = Array.exactlyOne run.Snapshot.Observations
        string seen.Id |> Check.equal "ab"
        (seen.Facts.Originator = ValueSome "trunk 1") |> Check.isTrue
        (seen.Facts.Qos.Dscp = ValueSome 46) |> Check.isTrue
        (Interval.width seen.Start.Value.Within = TimeSpan.FromMilliseconds 1010.0) |> Check.isTrue
        Interval.contains (Bench.start - TimeSpan.FromSeconds 30.0) seen.Start.Value.Within |> Check.isTrue)

let ``rows of one name are not taken for one connection`` =
    example (fun () ->
        let profile =
            """{ "index": [{ "name": "a" }], "columns": { "x": "1.3.6.1.4.1.99999.7.2" },
             "identity": "x", "id": "x" }"""
            |> ProfileJson.parse "mine"
            |> Result.defaultWith (fun mistakes -> failwith $"{mistakes}")

        let objects now =
            CiscoTable.scalars (Bench.start - TimeSpan.FromHours 1.0) now 1 0
            @ [ for row in 1..3 -> CiscoTable.scalar $"1.3.6.1.4.1.99999.7.2.{row}" (Integer 5L) ]

        let server =
            Bench.v2c "public" (fun now request ->
                SmallAgent.answer (SmallAgent.create (objects now)) request)

        let run =
            Bench.run
                1UL
                (Network.steady (TimeSpan.FromMilliseconds 5.0))
                server
                (Bench.target (Some profile))

        match run.Snapshot.Completeness with
        | Partial [ Unreadable detail ] -> detail |> Check.says "several rows"
        | other -> failtest (string other))

let private freeswitch = (Profiles.tryFind "freeswitch").Value

/// A FreeSWITCH with these channels and this count.
let private channels (shown: int list) (count: int) (now: Instant) =
    let boot = Bench.start - TimeSpan.FromHours 1.0

    CiscoTable.scalars boot now 1 0
    @ [ CiscoTable.scalar "1.3.6.1.4.1.27880.1.1.2.0" (CiscoTable.text "core-1")
        CiscoTable.scalar "1.3.6.1.4.1.27880.1.2.1.0" (TimeTicks(uint32 ((now - boot).TotalSeconds * 100.0)))
        CiscoTable.scalar "1.3.6.1.4.1.27880.1.2.3.0" (Gauge32(uint32 count))
        for row, channel in List.indexed shown do
            CiscoTable.scalar $"1.3.6.1.4.1.27880.1.9.1.2.{row + 1}" (CiscoTable.text $"uuid-{channel}")
            CiscoTable.scalar $"1.3.6.1.4.1.27880.1.9.1.6.{row + 1}" (CiscoTable.text "CS_EXECUTE") ]

let ``where the agent answers from an old copy, the audit waits for the next one`` =
    example (fun () ->
        // The copy still lacks the fourth channel; it is renewed 5 s after the last time.
        let server =
            Bench.v2c "public" (fun now request ->
                let shown = if now < Bench.start + TimeSpan.FromSeconds 4.0 then [ 1..3 ] else [ 1..4 ]
                SmallAgent.answer (SmallAgent.create (channels shown 4 now)) request)

        let run =
            Bench.run
                1UL
                (Network.steady (TimeSpan.FromMilliseconds 5.0))
                server
                (Bench.target (Some freeswitch))

        (run.Snapshot.Completeness = Complete [ EndOfTable; SameBoot; CountAgrees ]) |> Check.isTrue
        run.Snapshot.Observations.Length |> Check.equal 4
        run.Took |> Check.between (TimeSpan.FromSeconds 5.0) (TimeSpan.FromSeconds 6.0))

let ``a channel that is listed in two places says that the rows moved`` =
    example (fun () ->
        let server =
            Bench.v2c "public" (fun now request ->
                SmallAgent.answer (SmallAgent.create (channels [ 1; 2; 2; 3 ] 4 now)) request)

        let run =
            Bench.run
                1UL
                (Network.steady (TimeSpan.FromMilliseconds 5.0))
                server
                (Bench.target (Some freeswitch))

        match run.Snapshot.Completeness with
        | Partial reasons -> [ for reason in reasons -> reason.Kind ] |> Check.contains "index-moved"
        | Complete _ -> failtest "it was believed")

/// What a profile's gateway says of its switch: nothing if it does not serve it.
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

let ``a gateway that says that it keeps no table is partial, and says so`` =
    example (fun () ->
        for profile, switch, name in
            [ "adtran-vqm", "1.3.6.1.4.1.664.5.53.5.3.2.1.0", "adVqmCfgEnable"
              "avaya-rtp", "1.3.6.1.4.1.6889.2.7.1.2.0", "avRtpEnable" ] do
            let snapshot = switched profile switch (Some 2L)
            string snapshot.Completeness |> Check.because profile (Check.says $"{name} is 2")
            Snapshot.isComplete (switched profile switch (Some 1L)) |> Check.because profile Check.isTrue
            Snapshot.isComplete (switched profile switch None) |> Check.because profile Check.isTrue)

let ``what proves a table is written as it is read`` =
    example (fun () ->
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
            profile.Counts.Length |> Check.equal 2
            profile.Counts[0].Scalars.Length |> Check.equal 2
            profile.Counts[1].AtLeast |> Check.isTrue
            profile.Trust[0].Name |> Check.equal "1.3.6.1.4.1.99999.4.0"
            (profile.Trust[0].Among = [| "1"; "on" |]) |> Check.isTrue
            profile.EmptyNeedsCount |> Check.isTrue
        | Error mistakes -> failtest $"{mistakes}"

        match ProfileJson.parse "mine" (text.Replace("\"columns\": [\"1.3.6.1.4.1.99999.3\"], ", "")) with
        | Error [ mistake ] -> mistake.Path |> Check.equal "count[1]"
        | other -> failtest $"{other}")
