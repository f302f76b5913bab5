namespace CallServer.Tests.Audit

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Gateway

/// A simulated node in virtual time that lists ringing calls too, with the truth about it. Its responder is that of one protocol.
type internal TrueNode(connections: int, churn: float, start: Instant, make: Table -> Responder) =
    let options =
        { TableOptions.standard with
            Connections = connections
            Churn = churn
            ShowRinging = true }

    let mutable table = Table.create 5UL options start
    let mutable responder = make table
    let truth = Dictionary<string, SimConnection>()
    let ends = Dictionary<string, Instant>()

    let idOf (connection: SimConnection) = (responder.Identify connection).Head.Id

    let take (struct (after: Table, events: TruthEvent list)) =
        table <- after

        for event in events do
            match event with
            | Opened connection -> truth[idOf connection] <- connection
            | Closed(connection, at) -> ends[idOf connection] <- at

    do
        for connection in table.Connections do
            truth[idOf connection] <- connection

    /// How far it has come.
    member val Now = start with get, set

    /// Every connection that it ever carried, by its id.
    member _.Truth = truth

    /// When connections ended.
    member _.Ends = ends

    /// The connection of this id; nothing if it never carried one.
    member _.TruthOf(id: string) : SimConnection voption =
        match truth.TryGetValue id with
        | true, connection -> ValueSome connection
        | _ -> ValueNone

    /// When the connection of this id ended; in the distant future if it did not.
    member _.EndOf(id: string) : Instant =
        match ends.TryGetValue id with
        | true, at -> at
        | _ -> Instant.distantFuture

    /// Everything in a snapshot that contradicts the truth, but for the ends that it tells.
    member this.Wrongs(snapshot: Snapshot) : string list =
        [ for seen in snapshot.Observations do
              let id = string seen.Id

              match this.TruthOf id with
              | ValueSome connection ->
                  if
                      this.EndOf id < seen.Heard.Earliest - snapshot.Traits.Staleness
                      || connection.Setup > seen.Heard.Latest
                  then
                      $"{id} was not there when it was heard"

                  match seen.Setup with
                  | ValueSome setup when not (Interval.contains connection.Setup setup.Within) ->
                      $"{id} was set up {connection.Setup}, not in {setup.Within}"
                  | _ -> ()

                  match seen.Start with
                  | ValueSome start when Interval.contains connection.Start start.Within -> ()
                  | start -> $"{id} started {connection.Start}, not in {start}"
              | ValueNone -> $"{id} never was"

          if Snapshot.isComplete snapshot then
              let told = snapshot.Observations |> Array.map (fun seen -> string seen.Id) |> HashSet

              for KeyValue(id, connection) in truth do
                  if
                      connection.Setup <= snapshot.Asked - snapshot.Traits.Staleness
                      && this.EndOf id >= snapshot.Answered
                      && not (told.Contains id)
                  then
                      $"{id} is missing from a complete snapshot"

          for denied in snapshot.Denied do
              if this.EndOf(string denied) > snapshot.Answered then
                  $"{denied} is not over" ]

    member _.Table = table

    member this.AdvanceTo(now: Instant) =
        this.Now <- now
        take (Table.advance now table)

    /// Tells the responder something now, and does to the table what it orders.
    member this.Tell(event: ResponderEvent) : ResponderCommand list =
        let struct (next, commands) = responder.Advance this.Now table event
        responder <- next

        for command in commands do
            match command with
            | EndConnection serial -> take (Table.closeOne serial this.Now table)
            | SendTo _
            | WriteTo _
            | HangUp _
            | TickAt _ -> ()

        commands

    /// The same node from now on with another responder.
    member _.Become(next: Table -> Responder) = responder <- next table

    /// Sets up one more call, which is answered at once.
    member this.OpenOneAt(now: Instant) =
        this.Now <- now
        let struct (after, _, events) = Table.openOne System.TimeSpan.Zero now table
        take (struct (after, events))

    /// Loses the first of its calls.
    member this.EndOneAt(now: Instant) =
        this.Now <- now
        take (Table.closeOne table.Connections[0].Serial now table)

    /// Loses all its calls and starts anew.
    member this.RestartAt(now: Instant) =
        this.Now <- now
        take (Table.closeAll now table)
        this.Tell Restarted |> ignore
