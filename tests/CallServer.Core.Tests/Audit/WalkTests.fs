module CallServer.Tests.Audit.WalkTests

open System
open NUnit.Framework
open FsCheck
open FsCheck.FSharp
open FsCheck.NUnit
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Audit
open CallServer.Tests.Audit

let private cisco = (Profiles.tryFind "cisco-voice").Value
let private boot = Bench.start - TimeSpan.FromDays 3.0

let private serveLegs (adjust: SmallAgent -> SmallAgent) (legs: Leg list) : Bench.Server =
    // The table stands still: only the up-time goes on.
    let still = CiscoTable.agent boot Bench.start legs

    Bench.v2c "public" (fun now request ->
        let upTime =
            CiscoTable.scalars boot now 1 legs.Length
            |> List.find (fun varBind -> varBind.Name = Profile.sysUpTime)

        let objects =
            still.Objects
            |> Array.map (fun varBind -> if varBind.Name = upTime.Name then upTime else varBind)

        SmallAgent.answer (adjust { still with Objects = objects }) request)

let private ids (snapshot: Snapshot) = [ for observation in snapshot.Observations -> string observation.Id ]

[<Test>]
let ``a table is listed whole, with its proof`` () =
    let legs = CiscoTable.legs 1 Bench.start 1000
    let server = serveLegs id legs

    let run =
        Bench.run 1UL (Network.steady (TimeSpan.FromMilliseconds 2.0)) server (Bench.target (Some cisco))

    Assert.That(run.Snapshot.Completeness, Is.EqualTo(Complete [ EndOfTable; SameBoot; CountAgrees ]))

    let expected =
        legs |> List.map (CiscoTable.id boot) |> List.sortWith (fun a b -> String.CompareOrdinal(a, b))

    Assert.That((ids run.Snapshot = expected), Is.True)

    TestContext.Out.WriteLine(
        $"{run.Snapshot.Requests} requests, {run.Took.TotalMilliseconds} ms, {run.Snapshot.Observations[0]}"
    )
