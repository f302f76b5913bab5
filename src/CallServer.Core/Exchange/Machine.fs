namespace CallServer.Exchange

/// How far a running exchange has come.
[<Struct>]
type internal Progress =
    {
        /// Connections that were told.
        Told: int
        /// How many there are, as far as the gateway has said.
        Of: int voption
    }

module internal Progress =
    /// Of an exchange that is told all at once, or nothing that can be counted.
    let none: Progress = { Told = 0; Of = ValueNone }

/// A running exchange with a gateway. It hides the state of its protocol. Immutable: each event gives the next machine.
[<NoEquality; NoComparison>]
type Machine<'Outcome> =
    internal
        {
            Advance: Event -> Machine<'Outcome>
            /// What the last event asks of the host, in order.
            Commands: Command<'Outcome> list
            /// What it leaves to the next exchange with the same gateway.
            Memory: unit -> obj
            /// The number of messages so far that answered nothing we asked; they were dropped.
            Strays: int
            Load: Load
            /// For whoever waits for it.
            Progress: unit -> Progress
        }

    /// Whether the last event ended the exchange.
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
      Load: 'State -> Load
      Progress: 'State -> Progress }

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
          Load = workings.Load state
          Progress = fun () -> workings.Progress state }

    /// The same machine with another outcome.
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
          Load = machine.Load
          Progress = machine.Progress }

    /// What an earlier exchange left, if it is of this type; otherwise `none`.
    let recall (none: 'Memory) (left: obj) : 'Memory =
        match left with
        | :? 'Memory as known -> known
        | _ -> none
