/// Audits that read, of connections on record, only what shows that they are there and the same.
module CallServer.Tests.Audit.BriefTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Gateway
open CallServer.Protocols.Snmp
open CallServer.Tests.Audit
open CallServer.Tests

let private steady = Network.steady (TimeSpan.FromMilliseconds 2.0)
let private interval = TimeSpan.FromSeconds 10.0

/// A simulated agent, a record of it, and what its audits asked.
type private Watched(profile: string, table: TableOptions, vices: Vices) =
    let mutable agent =
        Gateways.create
            5UL
            table
            { AgentOptions.ofMib (Gateways.mibs |> List.find (fun mib -> mib.Profile = profile)) "gw" with
                Vices = vices }
            Bench.start

    let mutable asked = 0
    let mutable ledger = GatewayLedger.empty (GatewayId.create "gw")
    let mutable memory = SnmpAudit.Memory.none
    let mutable at = Bench.start

    let count (octets: byte[]) =
        match Snmp.decode octets with
        | Ok(V2c(_, pdu)) when pdu.Kind = GetBulk ->
            asked <-
                asked
                + pdu.NonRepeaters
                + pdu.MaxRepetitions * (pdu.VarBinds.Length - pdu.NonRepeaters)
        | Ok(V2c(_, pdu)) -> asked <- asked + pdu.VarBinds.Length
        | _ -> ()

    let server: Bench.Server =
        fun now octets ->
            count octets
            let struct (moved, _) = AgentState.advance now agent
            let struct (next, replies) = SnmpAgent.respond now octets moved
            agent <- next
            replies |> List.map _.Datagram

    member _.Agent
        with get () = agent
        and set next = agent <- next

    member _.Ledger
        with get () = ledger
        and set next = ledger <- next

    member _.At = at

    /// Audits it and takes the snapshot into the record; returns that, the changes, and how many varbinds were asked for.
    member _.Audit() =
        asked <- 0
        let target = Bench.target (Profiles.tryFind profile)
        let run = Bench.runKnown ledger.Connections ledger.History at 3UL steady server target memory
        memory <- SnmpAudit.memory run.State
        let struct (next, changes) = Reconcile.apply run.Snapshot ledger
        ledger <- next
        at <- at + run.Took + interval
        struct (run.Snapshot, changes, asked)

let private still (connections: int) = { TableOptions.standard with Connections = connections; Churn = 0.0 }

/// Parts of a whole walk that a brief one asks for at most, in per cent.
let private parts =
    [ "cisco-voice", 25
      "h3c-voice", 25
      "3com-voice", 25
      "adtran-rtp", 25
      "avaya-rtp", 25
      "adtran-vqm", 30
      "dial-control", 45
      "cisco-xgcp", 45 ]

let ``a steady audit of a thousand connections asks for a fraction of the first one's varbinds`` =
    examples parts (fun (profile, most) ->
        let watched = Watched(profile, still 1000, Vices.none)
        let struct (_, _, first) = watched.Audit()
        let struct (_, _, second) = watched.Audit()
        let struct (snapshot, changes, third) = watched.Audit()

        say $"{profile}: {first} varbinds, then {second}, then {third}: {100 * third / first} %%"
        Snapshot.isComplete snapshot |> Check.isTrue
        snapshot.Observations.Length |> Check.equal 1000
        changes |> Check.equal [||]
        (third * 100 <= first * most) |> Check.because $"{profile}: {third} of {first}" Check.isTrue)
