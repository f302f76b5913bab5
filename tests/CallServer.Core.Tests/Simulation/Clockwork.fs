namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model

/// Virtual time: a queue of future actions; actions at the same moment run in the order in which they were scheduled.
type Clockwork(seed: uint64, start: Instant) =
    let queue = PriorityQueue<unit -> unit, struct (int64 * int64)>()
    let dice = Dice seed
    let mutable sequence = 0L
    let mutable now = start

    member _.Dice = dice
    member _.Start = start
    member _.Now = now
    member _.Elapsed = (now - start).TotalSeconds

    member _.At(time: Instant, action: unit -> unit) =
        sequence <- sequence + 1L
        queue.Enqueue(action, struct ((Instant.max now time).Micros, sequence))

    member this.After(span: TimeSpan, action: unit -> unit) = this.At(now + span, action)

    /// Runs until that instant, or until `goesOn` is false.
    member _.Run(finish: Instant, goesOn: unit -> bool) =
        let mutable action = Unchecked.defaultof<unit -> unit>
        let mutable due = Unchecked.defaultof<struct (int64 * int64)>
        let mutable isOver = false

        while not isOver && goesOn () do
            if queue.TryPeek(&action, &due) then
                let struct (micros, _) = due

                if micros <= finish.Micros then
                    queue.Dequeue() |> ignore
                    now <- Instant.ofMicros micros
                    action ()
                else
                    isOver <- true
            else
                isOver <- true

        if isOver then
            now <- finish
