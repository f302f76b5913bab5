namespace CallServer.Tests.Audit

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Protocols.Snmp

/// Runs an audit against an agent in virtual time.
module Bench =
    /// A server: the datagrams with which it answers one datagram at one moment.
    type Server = Instant -> byte[] -> byte[] list

    [<NoComparison>]
    type Run =
        {
            Snapshot: Snapshot
            State: SnmpAudit.State
            /// How often Finished came: it must be exactly once.
            Finishes: int
            Took: TimeSpan
        }

    /// The profiles of agents whose rows tell a codec as it is.
    let codecKnown =
        set
            [ "cisco-voice"
              "h3c-voice"
              "3com-voice"
              "cisco-xgcp"
              "avaya-rtp"
              "adtran-vqm"
              "adtran-rtp"
              "audiocodes"
              "freeswitch"
              "rtp-mib" ]

    let start = Instant.ofMicros 1_790_000_000_000_000L

    /// An agent that answers SNMPv2c as `serve` says, and is silent towards other communities.
    let v2c (community: string) (serve: Instant -> Pdu -> Pdu option) : Server =
        fun now octets ->
            match Snmp.decode octets with
            | Ok(V2c(theirs, pdu)) when theirs = Text.Encoding.UTF8.GetBytes community ->
                match serve now pdu with
                | Some answer -> [ Snmp.encode (V2c(theirs, answer)) ]
                | None -> []
            | Ok _
            | Error _ -> []

    let target (profile: Profile option) : SnmpTarget =
        { Gateway = GatewayId.create "gw"
          Credentials = Community(Text.Encoding.UTF8.GetBytes "public")
          Profile = profile
          Candidates = Profiles.builtIn.Value
          Timeout = TimeSpan.FromSeconds 1.0
          Attempts = 4
          FactsEvery = 10 }

    /// The most events in one run: an audit that needs more is in a loop.
    [<Literal>]
    let MaxEvents = 200_000

    /// Runs an audit, given what a record holds of the gateway.
    let runKnown
        (known: Connection[])
        (history: HistoryMark voption)
        (from: Instant)
        (seed: uint64)
        (network: Network)
        (server: Server)
        (target: SnmpTarget)
        memory
        : Run =
        let begun =
            SnmpAudit.begin'
                target
                memory
                { At = Moment.at from
                  Rng = Rng.create (seed + 1UL)
                  Local = ""
                  Known = known
                  History = history
                  Afresh = false }

        let peer = Peer.answering server
        let loop = DatagramLoop(from, seed, network, peer, MaxEvents, SnmpAudit.advance, begun)

        match loop.Run() with
        | snapshot :: _ as finished ->
            { Snapshot = snapshot; State = loop.State; Finishes = finished.Length; Took = loop.Took }
        | [] -> failwith $"the audit did not end after {loop.Events} events, in {SnmpAudit.phase loop.State}"

    let runAt from seed network server target memory : Run =
        runKnown [||] ValueNone from seed network server target memory

    let run seed network server target : Run = runAt start seed network server target SnmpAudit.Memory.none
