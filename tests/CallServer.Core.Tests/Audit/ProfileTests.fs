module CallServer.Tests.Audit.ProfileTests

open System
open NUnit.Framework
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Audit
open CallServer.Tests.Audit

[<Test>]
let ``every built-in profile can be read`` () =
    Assert.That(Profiles.builtIn.Value.Length, Is.EqualTo 8)

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
  "columns": { "seconds": "1.3.6.1.4.1.99999.7.2", "tos": "1.3.6.1.4.1.99999.7.3", "up": "1.3.6.1.4.1.99999.7.4" },
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
