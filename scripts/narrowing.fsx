// A day of churn, audited every ten minutes: how many calls came and went, and how the bounds of the longest ones
// narrow.
#load "load.fsx"

open System
open Load
open CallServer.Model
open CallServer.Ledger
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.Ng
open CallServer.Gateway

let start = Instant.ofDateTime (DateTimeOffset(2026, 1, 31, 0, 0, 0, TimeSpan.Zero))

let path =
    BadNetwork.both
        { PathQuality.lan with
            Delay = TimeSpan.FromMilliseconds 20.0
            Jitter = TimeSpan.FromMilliseconds 30.0 }
// 40 calls of about an hour each.
let mutable gateway = Gateways.simple "cisco-voice" "gw1" 3UL 40 (40.0 / 3600.0) start
let mutable memory = SnmpAudit.Memory.none
let mutable ledger = GatewayLedger.empty (GatewayId.create "gw1")
let mutable closed = 0
let mutable billed, billedMost = 0L, 0L

let width (timing: Timing) = (Interval.width timing.Within).TotalMilliseconds

printfn "%-8s %6s %7s %14s %14s" "time" "calls" "ended" "median width" "worst width"

for round in 0..143 do
    let due = start + TimeSpan.FromMinutes(10.0 * float round)
    let struct (advanced, _) = AgentState.advance due gateway

    let snapshot, left, after, _ =
        auditOnce path (target "gw1" "cisco-voice") memory advanced due (uint64 round)

    memory <- left
    gateway <- after
    let struct (next, changes) = Reconcile.apply snapshot ledger
    ledger <- next

    for change in changes do
        match change with
        | Change.Closed(connection, ending) ->
            let cdr = Cdr.create ledger.Gateway ledger.Traits connection ending
            closed <- closed + 1
            billed <- billed + Cdr.billedSeconds cdr
            billedMost <- billedMost + ValueOption.defaultValue 0L (Cdr.billedSecondsMax cdr)
        | _ -> ()

    if round % 18 = 0 then
        let widths = ledger.Connections |> Array.map (fun c -> width c.Start) |> Array.sort
        let median = if widths.Length = 0 then 0.0 else widths[widths.Length / 2]
        let worst = if widths.Length = 0 then 0.0 else Array.last widths

        printfn
            "%-8s %6d %7d %11.1f ms %11.1f ms"
            ((due - start).ToString @"hh\:mm")
            ledger.Connections.Length
            closed
            median
            worst

printfn
    "billed: between %d and %d seconds for %d calls; ten minutes between audits make the ends coarse, not the starts"
    billed
    billedMost
    closed

if closed = 0 || billed > billedMost then
    failwith "a day of churn must end calls, within bounds"
