namespace CallServer.Tests.Audit

open System
open System.Collections.Generic
open CallServer.Prelude
open CallServer.Model
open CallServer.Exchange

/// What the network does with one datagram: when each copy of it arrives; an empty list if it is lost.
type Network = Rng -> struct (TimeSpan list * Rng)

module Network =
    let steady (delay: TimeSpan) : Network = fun rng -> struct ([ delay ], rng)

    /// Loses, duplicates and delays datagrams by up to `most`, so that they overtake each other.
    let rough (loss: float) (most: TimeSpan) : Network =
        fun rng ->
            let struct (lost, rng) = Rng.fraction rng
            let struct (doubled, rng) = Rng.fraction rng
            let struct (first, rng) = Rng.fraction rng
            let struct (second, rng) = Rng.fraction rng

            if lost < loss then struct ([], rng)
            elif doubled < 0.1 then struct ([ most * first; most * second ], rng)
            else struct ([ most * first ], rng)

/// The other end: what it sends back and after how long, and what it does by itself at which time.
[<NoEquality; NoComparison>]
type Peer =
    { Serve: Instant -> byte[] -> struct (TimeSpan * byte[]) list
      NextTick: unit -> Instant
      Tick: Instant -> struct (TimeSpan * byte[]) list }

module Peer =
    /// A peer that answers at once, and does nothing by itself.
    let answering (serve: Instant -> byte[] -> byte[] list) : Peer =
        { Serve = fun now octets -> [ for answer in serve now octets -> struct (TimeSpan.Zero, answer) ]
          NextTick = fun () -> Instant.distantFuture
          Tick = fun _ -> [] }

[<NoEquality; NoComparison>]
type private Due =
    | ToServer of byte[]
    | ToAudit of byte[]
    | Wake

/// Datagrams and wake-ups under way in virtual time, and the exchange they belong to. An exchange with too many
/// events is in a loop.
type DatagramLoop<'Outcome, 'State>
    (
        from: Instant,
        seed: uint64,
        network: Network,
        peer: Peer,
        mostEvents: int,
        advance: Event -> 'State -> 'State * Command<'Outcome> list,
        begun: 'State * Command<'Outcome> list
    ) =
    let queue = PriorityQueue<Due, struct (int64 * int)>()
    let sent = List<byte[]>()
    let mutable order = 0
    let mutable rng = Rng.create seed
    let mutable finished: 'Outcome list = []
    let mutable wakeAt = Int64.MaxValue
    let mutable state = fst begun
    let mutable now = from
    let mutable events = 0

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
            | Told _ -> failwith "it asks for datagrams alone"

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

    /// Runs until the exchange is over, and returns every result with which it ended.
    member this.Run() : 'Outcome list =
        this.Perform(snd begun)

        while queue.Count > 0 && events < mostEvents && finished.IsEmpty do
            events <- events + 1
            this.Step()

        finished

    member _.State = state
    member _.Events = events
    member _.Took = now - from
    /// The exchange's datagrams, in order.
    member _.Sent: byte[] list = List.ofSeq sent
