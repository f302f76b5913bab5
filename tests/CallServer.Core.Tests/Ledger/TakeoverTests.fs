/// The record of a server that takes over, and of one that leaves its connections to another.
module CallServer.Tests.Ledger.TakeoverTests

open CallServer.Ledger
open CallServer.Tests.Ledger.Build
open CallServer.Tests

let ``what may have begun before the takeover is recovered, what began after it is not`` =
    example (fun () ->
        let known, _ = replay [ complete 0.0 0.1 [ observation "a" 0.05 ] ]
        let ledger = GatewayLedger.takenOver (at 10.0) known
        (only ledger).Status |> Check.equal Status.Restored

        let first, _ = apply (complete 10.1 10.2 [ observation "a" 10.15; observation "b" 10.15 ]) ledger
        first.Connections |> Array.forall _.Recovered |> Check.isTrue

        let rows = [ observation "a" 20.05; observation "b" 20.05; observation "c" 20.05 ]
        let second, _ = apply (complete 20.0 20.1 rows) first
        ((second.Connections |> Array.map _.Recovered) = [| true; true; false |]) |> Check.isTrue)

/// Found by the simulation of a pair: a cold standby had left its connections to the acting server, audited again,
/// and claimed that they had begun after its last complete audit, although that audit had listed them.
let ``what was left to another server and is heard again does not seem to have begun since`` =
    example (fun () ->
        let known, _ = replay [ complete 0.0 0.1 [ observation "a" 0.05; observation "b" 0.05 ] ]
        let left = GatewayLedger.leave (fun c -> string c.Id = "a") known
        ((names left) = [| "b" |]) |> Check.isTrue

        let again, changes = apply (complete 10.0 10.1 [ observation "a" 10.05; observation "b" 10.05 ]) left
        closings changes |> Check.isEmpty
        let a = again.Connections |> Array.find (fun c -> string c.Id = "a")
        a.Start.Within.Earliest |> Check.below (at 0.0))

let ``nothing left is nothing changed`` =
    example (fun () ->
        let known, _ = replay [ complete 0.0 0.1 [ observation "a" 0.05 ] ]
        GatewayLedger.leave (fun _ -> false) known |> Check.same known)
