namespace CallServer.Exchange

/// A running exchange with a gateway, with its protocol's state closed over. Immutable: each event gives the next one.
[<NoEquality; NoComparison>]
type Machine<'Outcome> =
    internal
        {
            Advance: Event -> Machine<'Outcome>
            /// What the last event asks of the host, in order.
            Commands: Command<'Outcome> list
            /// What it leaves to the next exchange with the same gateway.
            Memory: unit -> obj
            /// Messages so far that belonged to nothing that was asked: dropped and counted.
            Strays: int
            Load: Load
        }

    /// The last event ended it.
    member this.IsOver =
        this.Commands
        |> List.exists (fun command ->
            match command with
            | Finished _ -> true
            | Send _
            | Connect
            | Write _
            | WakeAt _
            | Told _ -> false)

/// How a protocol's state becomes a machine.
[<NoEquality; NoComparison>]
type internal Workings<'State, 'Outcome> =
    { Advance: Event -> 'State -> 'State * Command<'Outcome> list
      Memory: 'State -> obj
      Strays: 'State -> int
      Load: 'State -> Load }

module internal Machine =
    /// A machine of this state, after the event that led to these commands.
    let rec create
        (workings: Workings<'State, 'Outcome>)
        (state: 'State, commands: Command<'Outcome> list)
        : Machine<'Outcome> =
        { Advance = fun event -> create workings (workings.Advance event state)
          Commands = commands
          Memory = fun () -> workings.Memory state
          Strays = workings.Strays state
          Load = workings.Load state }

    /// The same with another outcome.
    let rec map (change: 'A -> 'B) (machine: Machine<'A>) : Machine<'B> =
        { Advance = fun event -> map change (machine.Advance event)
          Commands =
            machine.Commands
            |> List.map (fun command ->
                match command with
                | Send message -> Send message
                | Connect -> Connect
                | Write octets -> Write octets
                | WakeAt instant -> WakeAt instant
                | Told outcome -> Told(change outcome)
                | Finished outcome -> Finished(change outcome))
          Memory = machine.Memory
          Strays = machine.Strays
          Load = machine.Load }

    /// What an earlier exchange left, where it was of this kind; else nothing is known yet.
    let recall (none: 'Memory) (left: obj) : 'Memory =
        match left with
        | :? 'Memory as known -> known
        | _ -> none
