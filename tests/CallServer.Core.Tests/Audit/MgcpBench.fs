namespace CallServer.Tests.Audit

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Mgcp

/// Runs MGCP exchanges against a gateway in virtual time.
module MgcpBench =
    type Run<'Outcome, 'State> = { Outcome: 'Outcome; State: 'State; Took: TimeSpan; Sent: byte[] list }

    /// The most events in one run: an exchange that needs more is in a loop.
    [<Literal>]
    let MaxEvents = 400_000

    let private loop from seed network peer advance (begun: 'State * Command<'Outcome> list) =
        let loop = DatagramLoop(from, seed, network, peer, MaxEvents, advance, begun)

        match loop.Run() with
        | [ outcome ] -> { Outcome = outcome; State = loop.State; Took = loop.Took; Sent = loop.Sent }
        | [] -> failwith $"the exchange did not end after {loop.Events} events"
        | _ -> failwith "the exchange ended more than once"

    let target (patterns: string list) : MgcpGateway =
        { Gateway = GatewayId.create "gw"
          Patterns = patterns |> List.map EndpointName.parse
          Verify = false
          Version = Mgcp.Version
          Timeout = TimeSpan.FromSeconds 1.0
          Attempts = 4 }

    let everything = target [ "*@gw.example.net" ]

    let startOf (from: Instant) (seed: uint64) (known: Connection[]) : AuditStart =
        { At = Moment.at from
          Rng = Rng.create (seed + 1UL)
          Local = "127.0.0.1:2727"
          Known = known
          Afresh = false
          History = ValueNone }

    let runPeer from seed network peer target memory known : Run<Snapshot, MgcpAudit.State> =
        loop
            from
            seed
            network
            peer
            MgcpAudit.advance
            (MgcpAudit.start target memory (startOf from seed known))

    let runAt from seed network serve target memory known : Run<Snapshot, MgcpAudit.State> =
        runPeer from seed network (Peer.answering serve) target memory known

    let run seed network serve target : Run<Snapshot, MgcpAudit.State> =
        runAt Bench.start seed network serve target MgcpAudit.Memory.none [||]

    let releaseFrom from seed network peer target id known : Run<Release, MgcpRelease.State> =
        MgcpRelease.start target id (startOf from seed known)
        |> loop from seed network peer MgcpRelease.advance

    let controlFrom from seed network peer target known : Run<Controller, MgcpController.State> =
        MgcpController.start target (startOf from seed known)
        |> loop from seed network peer MgcpController.advance

    let release seed network serve target id known : Run<Release, MgcpRelease.State> =
        releaseFrom Bench.start seed network (Peer.answering serve) target id known
