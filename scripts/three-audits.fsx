// One connection, audited three times over a path with jitter: what each audit alone says about its start, and what the
// record knows after it. docs/concepts.md shows what this prints.
#load "load.fsx"

open System
open Load
open CallServer.Model
open CallServer.Ledger
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.Ng
open CallServer.Gateway

let start = Instant.ofDateTime (DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero))
let mib = (Gateways.tryMib "cisco-voice").Value
let options = { TableOptions.standard with Connections = 1; Codecs = mib.Codecs }
let table = Table.create 3UL options start
let truth = table.Connections[0].Start

let path =
    BadNetwork.both
        { PathQuality.lan with
            Delay = TimeSpan.FromMilliseconds 20.0
            Jitter = TimeSpan.FromMilliseconds 40.0 }

let time (instant: Instant) = (Instant.toDateTime instant).ToString "HH:mm:ss.fff"

let row audit asked answered (told: Interval) (known: Interval) =
    let width (interval: Interval) = $"%.1f{(Interval.width interval).TotalMilliseconds} ms"

    printfn
        "%-5s  %-12s  %-12s  %-27s %9s   %-27s %9s"
        audit
        asked
        answered
        $"{time told.Earliest} - {time told.Latest}"
        (width told)
        $"{time known.Earliest} - {time known.Latest}"
        (width known)

printfn "The connection truly became active at %s." (time truth)
printfn "audit  asked         answered      this audit alone                          the record"

let mutable gateway = AgentState.create (AgentOptions.ofMib mib "gw1") table
let mutable ledger = GatewayLedger.empty (GatewayId.create "gw1")

for round in 1..3 do
    let due = start + TimeSpan.FromSeconds(10.0 * float round)
    let struct (advanced, _) = AgentState.advance due gateway

    // Another seed of the path gives other figures.
    let snapshot, _, after, _ =
        auditOnce
            path
            (target "gw1" "cisco-voice")
            SnmpAudit.Memory.none
            advanced
            due
            (100UL * uint64 round + 7UL)

    gateway <- after
    let told = snapshot.Observations[0].Start.Value.Within
    let struct (next, _) = Reconcile.apply snapshot ledger
    ledger <- next
    let known = ledger.Connections[0].Start.Within
    row (string round) (time snapshot.Asked) (time snapshot.Answered) told known

    if not (Interval.contains truth told && Interval.contains truth known) then
        failwith "the truth must lie within every interval"
