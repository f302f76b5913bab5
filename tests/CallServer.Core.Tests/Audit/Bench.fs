namespace CallServer.Tests.Audit

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Audit

/// What the network does with one datagram: when each copy of it arrives, none if it is lost.
type Network = Rng -> struct (TimeSpan list * Rng)

module Network =
    let steady (delay: TimeSpan) : Network = fun rng -> struct ([ delay ], rng)

    /// Loses, doubles and delays by up to `most`, so that datagrams overtake each other.
    let rough (loss: float) (most: TimeSpan) : Network =
        fun rng ->
            let struct (lost, rng) = Rng.fraction rng
            let struct (doubled, rng) = Rng.fraction rng
            let struct (first, rng) = Rng.fraction rng
            let struct (second, rng) = Rng.fraction rng

            if lost < loss then struct ([], rng)
            elif doubled < 0.1 then struct ([ most * first; most * second ], rng)
            else struct ([ most * first ], rng)

/// Runs an audit against an agent in virtual time.
module Bench =
    /// What a server does with one datagram at one moment: its answers.
    type Server = Instant -> byte[] -> byte[] list

    type Run =
        {
            Snapshot: Snapshot
            State: SnmpAudit.State
            /// Times at which Finished came: exactly one.
            Finishes: int
            Took: TimeSpan
        }

    let start = Instant.ofMicros 1_790_000_000_000_000L

    [<NoEquality; NoComparison>]
    type private Due =
        | ToServer of byte[]
        | ToAudit of byte[]
        | Wake

    /// An agent that answers SNMPv2c as `serve` says; other communities get silence.
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
          Timeout = TimeSpan.FromSeconds 1.0
          Attempts = 4 }

    /// At most this many events: an audit that runs on is one that loops.
    [<Literal>]
    let MaxEvents = 200_000

    /// Datagrams and wake-ups under way, and the audit that they are for.
    type private Loop
        (from: Instant, seed: uint64, network: Network, server: Server, target: SnmpTarget, memory) =
        let queue = Collections.Generic.PriorityQueue<Due, struct (int64 * int)>()
        let mutable order = 0
        let mutable rng = Rng.create seed
        let mutable finished: Snapshot list = []
        let mutable wakeAt = Int64.MaxValue
        let mutable state, commands = SnmpAudit.start target memory (Moment.at from) (Rng.create (seed + 1UL))

        member private _.Push(at: Instant, due) =
            order <- order + 1
            queue.Enqueue(due, struct (at.Micros, order))

        member private this.Carry(now: Instant, due) =
            let struct (arrivals, next) = network rng
            rng <- next

            for delay in arrivals do
                this.Push(now + delay, due)

        member private this.Perform(now: Instant) =
            for command in commands do
                match command with
                | Send octets -> this.Carry(now, ToServer octets)
                | WakeAt at ->
                    wakeAt <- at.Micros
                    this.Push(at, Wake)
                | Finished snapshot -> finished <- snapshot :: finished
                | Connect
                | Write _
                | Told _ -> failwith "SNMP asks for datagrams alone"

        member private this.Tell(now, event) =
            let next, more = SnmpAudit.advance event state
            state <- next
            commands <- more
            this.Perform now

        member this.Run() : Run =
            this.Perform from
            let mutable events = 0
            let mutable last = from

            while queue.Count > 0 && events < MaxEvents && finished.IsEmpty do
                let mutable due = Wake
                let mutable priority = struct (0L, 0)
                queue.TryDequeue(&due, &priority) |> ignore
                let struct (micros, _) = priority
                let now = Instant.ofMicros micros
                last <- now
                events <- events + 1

                match due with
                | ToServer octets ->
                    for answer in server now octets do
                        this.Carry(now, ToAudit answer)
                | ToAudit octets -> this.Tell(now, Received(Moment.at now, octets))
                | Wake when wakeAt = micros -> this.Tell(now, Woke(Moment.at now))
                | Wake -> ()

            match finished with
            | snapshot :: _ ->
                { Snapshot = snapshot; State = state; Finishes = finished.Length; Took = last - from }
            | [] -> failwith $"the audit did not end after {events} events, in {SnmpAudit.phase state}"

    let runAt
        (from: Instant)
        (seed: uint64)
        (network: Network)
        (server: Server)
        (target: SnmpTarget)
        memory
        : Run =
        Loop(from, seed, network, server, target, memory).Run()

    let run seed network server target : Run = runAt start seed network server target SnmpAudit.Memory.none
