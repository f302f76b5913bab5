// Audits a simulated gateway once: dotnet fsi scripts/audit.fsx [PROFILE]   (PROFILE as in docs/profiles.md)
#load "load.fsx"

open System
open Load
open CallServer.Model
open CallServer.Ledger
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.Ng
open CallServer.Gateway

let profile = fsi.CommandLineArgs |> Array.tryItem 1 |> Option.defaultValue "cisco-voice"
let start = Instant.ofDateTime (DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero))
let gateway = Gateways.simple profile "gw1" 7UL 1000 5.0 start

let snapshot, _, _, _ =
    auditOnce (BadNetwork.both PathQuality.lan) (target "gw1" profile) SnmpAudit.Memory.none gateway start 1UL

printfn "%s: %A" snapshot.Profile snapshot.Completeness

printfn
    "%d connections in %d requests, %.0f ms"
    snapshot.Observations.Length
    snapshot.Requests
    (snapshot.Answered - snapshot.Asked).TotalMilliseconds

for o in Array.truncate 5 snapshot.Observations do
    let start =
        match o.Start with
        | ValueSome timing -> $"{timing.Within} {timing.Evidence}"
        | ValueNone -> "not told"

    printfn "  %O  %s  start %s" o.Id (o.Facts.Originator |> ValueOption.defaultValue "-") start

if not (Snapshot.isComplete snapshot) then
    failwith "an honest gateway on a good path must give a complete snapshot"
