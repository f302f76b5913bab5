/// The record of a server that takes over, and of one that leaves its connections to another.
module CallServer.Tests.Ledger.TakeoverTests

open NUnit.Framework
open CallServer.Ledger
open CallServer.Tests.Ledger.Build

[<Test>]
let ``what may have begun before the takeover is recovered, what began after it is not`` () =
    let known, _ = replay [ complete 0.0 0.1 [ observation "a" 0.05 ] ]
    let ledger = GatewayLedger.takenOver (at 10.0) known
    Assert.That((only ledger).Status, Is.EqualTo Status.Restored)

    let first, _ = apply (complete 10.1 10.2 [ observation "a" 10.15; observation "b" 10.15 ]) ledger
    Assert.That(first.Connections |> Array.forall _.Recovered)

    let rows = [ observation "a" 20.05; observation "b" 20.05; observation "c" 20.05 ]
    let second, _ = apply (complete 20.0 20.1 rows) first
    Assert.That((second.Connections |> Array.map _.Recovered) = [| true; true; false |])

/// Found by the pair's simulation: a cold standby had left its connections to the acting server, audited again, and said that
/// they had begun after its last complete audit, which had listed them.
[<Test>]
let ``what was left to another server and is heard again does not seem to have begun since`` () =
    let known, _ = replay [ complete 0.0 0.1 [ observation "a" 0.05; observation "b" 0.05 ] ]
    let left = GatewayLedger.leave (fun c -> string c.Id = "a") known
    Assert.That((names left) = [| "b" |])

    let again, changes = apply (complete 10.0 10.1 [ observation "a" 10.05; observation "b" 10.05 ]) left
    Assert.That(closings changes, Is.Empty)
    let a = again.Connections |> Array.find (fun c -> string c.Id = "a")
    Assert.That(a.Start.Within.Earliest, Is.LessThan(at 0.0))

[<Test>]
let ``nothing left is nothing changed`` () =
    let known, _ = replay [ complete 0.0 0.1 [ observation "a" 0.05 ] ]
    Assert.That(GatewayLedger.leave (fun _ -> false) known, Is.SameAs known)
