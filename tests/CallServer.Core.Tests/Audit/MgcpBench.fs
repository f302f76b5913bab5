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

    /// Datagrams and wake-ups under way, and the exchange that they are for.
    type private Loop<'Outcome, 'State>
        (
            from: Instant,
            seed: uint64,
            network: Network,
            peer: Peer,
            advance: Event -> 'State -> 'State * Command<'Outcome> list,
            state: 'State,
            commands: Command<'Outcome> list
        ) =
        let queue = Collections.Generic.PriorityQueue<Due, struct (int64 * int)>()
        let sent = Collections.Generic.List<byte[]>()
        let mutable order = 0
        let mutable rng = Rng.create seed
        let mutable finished: 'Outcome list = []
        let mutable wakeAt = Int64.MaxValue
        let mutable state = state
        let mutable now = from

        member private _.Push(at: Instant, due) =
            order <- order + 1
            queue.Enqueue(due, struct (at.Micros, order))

        member private this.Carry(after: TimeSpan, due) =
            let struct (arrivals, next) = network rng
            rng <- next

            for delay in arrivals do
                this.Push(now + after + delay, due)

        member private this.Perform(commands: Command<'Outcome> list) =
            for command in commands do
                match command with
                | Send octets ->
                    sent.Add octets
                    this.Carry(TimeSpan.Zero, ToServer octets)
                | WakeAt at ->
                    wakeAt <- at.Micros
                    this.Push(at, Wake)
                | Finished outcome -> finished <- outcome :: finished
                | Connect
                | Write _
                | Told _ -> failwith "MGCP asks for datagrams alone"

        member private this.Tell(event: Event) =
            let next, commands = advance event state
            state <- next
            this.Perform commands

        member private this.Answer(answers: struct (TimeSpan * byte[]) list) =
            for struct (after, octets) in answers do
                this.Carry(after, ToAudit octets)

        member private this.Step() =
            let mutable due = Wake
            let mutable priority = struct (0L, 0)
            queue.TryPeek(&due, &priority) |> ignore
            let struct (micros, _) = priority

            if peer.NextTick().Micros <= micros then
                now <- Instant.max now (peer.NextTick())
                this.Answer(peer.Tick now)
            else
                queue.Dequeue() |> ignore
                now <- Instant.ofMicros micros

                match due with
                | ToServer octets -> this.Answer(peer.Serve now octets)
                | ToAudit octets -> this.Tell(Received(Moment.at now, octets))
                | Wake when wakeAt = micros -> this.Tell(Woke(Moment.at now))
                | Wake -> ()

        member this.Run() : Run<'Outcome, 'State> =
            this.Perform commands
            let mutable events = 0

            while queue.Count > 0 && events < MaxEvents && finished.IsEmpty do
                events <- events + 1
                this.Step()

            match finished with
            | [ outcome ] -> { Outcome = outcome; State = state; Took = now - from; Sent = List.ofSeq sent }
            | [] -> failwith $"the exchange did not end after {events} events"
            | _ -> failwith "the exchange ended more than once"

    let private loop from seed network peer advance (state: 'State, commands: Command<'Outcome> list) =
        Loop(from, seed, network, peer, advance, state, commands).Run()

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
