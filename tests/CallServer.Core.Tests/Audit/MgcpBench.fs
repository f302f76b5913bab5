namespace CallServer.Tests.Audit

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Audit

/// Runs MGCP exchanges against a gateway in virtual time.
module MgcpBench =
    [<NoEquality; NoComparison>]
    type private Due =
        | ToServer of byte[]
        | ToAudit of byte[]
        | Wake

    /// The other end: what it sends back, and after how long; and what it does of its own at its time.
    [<NoEquality; NoComparison>]
    type Peer =
        { Serve: Instant -> byte[] -> struct (TimeSpan * byte[]) list
          NextTick: unit -> Instant
          Tick: Instant -> struct (TimeSpan * byte[]) list }

    let private peerOf (serve: Instant -> byte[] -> byte[] list) : Peer =
        { Serve = fun now octets -> [ for answer in serve now octets -> struct (TimeSpan.Zero, answer) ]
          NextTick = fun () -> Instant.distantFuture
          Tick = fun _ -> [] }

    type Run<'Outcome, 'State> = { Outcome: 'Outcome; State: 'State; Took: TimeSpan; Sent: byte[] list }

    /// At most this many events: an exchange that runs on is one that loops.
    [<Literal>]
    let MaxEvents = 400_000

    let private loop
        (from: Instant)
        (seed: uint64)
        (network: Network)
        (peer: Peer)
        (advance: Event -> 'State -> 'State * Command<'Outcome> list)
        (state: 'State, commands: Command<'Outcome> list)
        : Run<'Outcome, 'State> =
        let queue = Collections.Generic.PriorityQueue<Due, struct (int64 * int)>()
        let mutable order = 0
        let mutable rng = Rng.create seed
        let mutable finished = []
        let mutable sent = []
        let mutable wakeAt = Int64.MaxValue
        let mutable state = state
        let mutable events = 0
        let mutable now = from

        let push (at: Instant) due =
            order <- order + 1
            queue.Enqueue(due, struct (at.Micros, order))

        let carry (after: TimeSpan) due =
            let struct (arrivals, next) = network rng
            rng <- next

            for delay in arrivals do
                push (now + after + delay) due

        let perform commands =
            for command in commands do
                match command with
                | Send octets ->
                    sent <- octets :: sent
                    carry TimeSpan.Zero (ToServer octets)
                | WakeAt at ->
                    wakeAt <- at.Micros
                    push at Wake
                | Finished outcome -> finished <- outcome :: finished
                | Connect
                | Write _
                | Told _ -> failwith "MGCP asks for datagrams alone"

        let tell event =
            let next, commands = advance event state
            state <- next
            perform commands

        perform commands

        let answer sent =
            for struct (after, octets) in sent do
                carry after (ToAudit octets)

        while queue.Count > 0 && events < MaxEvents && finished.IsEmpty do
            let mutable due = Wake
            let mutable priority = struct (0L, 0)
            queue.TryPeek(&due, &priority) |> ignore
            let struct (micros, _) = priority
            events <- events + 1

            if peer.NextTick().Micros <= micros then
                now <- Instant.max now (peer.NextTick())
                answer (peer.Tick now)
            else
                queue.Dequeue() |> ignore
                now <- Instant.ofMicros micros

                match due with
                | ToServer octets -> answer (peer.Serve now octets)
                | ToAudit octets -> tell (Received(Moment.at now, octets))
                | Wake when wakeAt = micros -> tell (Woke(Moment.at now))
                | Wake -> ()

        match finished with
        | [ outcome ] -> { Outcome = outcome; State = state; Took = now - from; Sent = List.rev sent }
        | [] -> failwith $"the exchange did not end after {events} events"
        | _ -> failwith "the exchange ended more than once"

    let target (patterns: string list) : MgcpGateway =
        { Gateway = GatewayId.create "gw"
          Patterns = patterns |> List.map EndpointName.parse
          Verify = false
          Timeout = TimeSpan.FromSeconds 1.0
          Attempts = 4 }

    let everything = target [ "*@gw.example.net" ]

    let startOf (from: Instant) (seed: uint64) (known: Connection[]) : AuditStart =
        { At = Moment.at from
          Rng = Rng.create (seed + 1UL)
          Local = "127.0.0.1:2727"
          Known = known }

    let runPeer from seed network peer target memory known : Run<Snapshot, MgcpAudit.State> =
        loop
            from
            seed
            network
            peer
            MgcpAudit.advance
            (MgcpAudit.start target memory (startOf from seed known))

    let runAt from seed network serve target memory known : Run<Snapshot, MgcpAudit.State> =
        runPeer from seed network (peerOf serve) target memory known

    let run seed network serve target : Run<Snapshot, MgcpAudit.State> =
        runAt Bench.start seed network serve target MgcpAudit.Memory.none [||]

    let releaseFrom from seed network peer target id known : Run<Release, MgcpRelease.State> =
        MgcpRelease.start target id (startOf from seed known)
        |> loop from seed network peer MgcpRelease.advance

    let release seed network serve target id known : Run<Release, MgcpRelease.State> =
        releaseFrom Bench.start seed network (peerOf serve) target id known
