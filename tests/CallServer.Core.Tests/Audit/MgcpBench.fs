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

    type Run<'Outcome, 'State> = { Outcome: 'Outcome; State: 'State; Took: TimeSpan; Sent: byte[] list }

    /// At most this many events: an exchange that runs on is one that loops.
    [<Literal>]
    let MaxEvents = 400_000

    let private loop
        (from: Instant)
        (seed: uint64)
        (network: Network)
        (serve: Instant -> byte[] -> byte[] list)
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

        let carry due =
            let struct (arrivals, next) = network rng
            rng <- next

            for delay in arrivals do
                push (now + delay) due

        let perform commands =
            for command in commands do
                match command with
                | Send octets ->
                    sent <- octets :: sent
                    carry (ToServer octets)
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

        while queue.Count > 0 && events < MaxEvents && finished.IsEmpty do
            let mutable due = Wake
            let mutable priority = struct (0L, 0)
            queue.TryDequeue(&due, &priority) |> ignore
            let struct (micros, _) = priority
            now <- Instant.ofMicros micros
            events <- events + 1

            match due with
            | ToServer octets ->
                for answer in serve now octets do
                    carry (ToAudit answer)
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

    let runAt from seed network serve target memory known : Run<Snapshot, MgcpAudit.State> =
        loop
            from
            seed
            network
            serve
            MgcpAudit.advance
            (MgcpAudit.start target memory (startOf from seed known))

    let run seed network serve target : Run<Snapshot, MgcpAudit.State> =
        runAt Bench.start seed network serve target MgcpAudit.Memory.none [||]

    let release seed network serve target id known : Run<Release, MgcpRelease.State> =
        MgcpRelease.start target id (startOf Bench.start seed known)
        |> loop Bench.start seed network serve MgcpRelease.advance
