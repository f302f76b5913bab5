// Audits the same gateway over worse and worse paths, from a seed: dotnet fsi scripts/badnetwork.fsx [SEED]
#load "load.fsx"

open System
open Load
open CallServer.Model
open CallServer.Ledger
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.Ng
open CallServer.Gateway

let seed = fsi.CommandLineArgs |> Array.tryItem 1 |> Option.map UInt64.Parse |> Option.defaultValue 1UL
let start = Instant.ofDateTime (DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero))

printfn "%5s %9s %9s %9s  %s" "loss" "requests" "rows" "seconds" "verdict"

for loss in [ 0.0; 0.05; 0.1; 0.2; 0.3; 0.6 ] do
    let gateway = Gateways.simple "cisco-voice" "gw1" seed 300 2.0 start

    let snapshot, _, after, _ =
        auditOnce
            (BadNetwork.both (PathQuality.bad loss))
            (target "gw1" "cisco-voice")
            SnmpAudit.Memory.none
            gateway
            start
            seed

    let verdict =
        match snapshot.Completeness with
        | Complete proofs -> "complete: " + String.Join(", ", proofs)
        | Partial reasons -> "partial: " + String.Join(", ", reasons)

    printfn
        "%4.0f%% %9d %9d %9.2f  %s"
        (100.0 * loss)
        snapshot.Requests
        snapshot.Observations.Length
        (snapshot.Answered - snapshot.Asked).TotalSeconds
        verdict

    // Whatever the path does, a complete snapshot lists every call that was there throughout.
    if Snapshot.isComplete snapshot then
        let listed = snapshot.Observations |> Seq.map (fun o -> string o.Id) |> set

        for connection in after.Table.Connections do
            if
                connection.Start < snapshot.Asked
                && not (listed.Contains (AgentState.identify connection after).Id)
            then
                failwith $"seed {seed}: a complete snapshot lacks {(AgentState.identify connection after).Id}"
