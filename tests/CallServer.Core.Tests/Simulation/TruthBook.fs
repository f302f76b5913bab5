namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Gateway

/// What truly became of one connection of a simulated gateway.
type Fate = { Serial: int64; Setup: Instant; Start: Instant; mutable End: Instant voption }

/// An id that stood for a connection for a while: a restart of the agent gives every row another one.
type private Lease = { Fate: Fate; From: Instant; mutable To: Instant }

/// The truth of one gateway, by the ids under which an audit could have met its connections, and when.
type TruthBook() =
    let fates = Dictionary<int64, Fate>()
    let leases = Dictionary<string, ResizeArray<Lease>>()
    let current = Dictionary<int64, Lease>()

    let lease (at: Instant) (id: string) (fate: Fate) =
        let made = { Fate = fate; From = at; To = Instant.distantFuture }
        current[fate.Serial] <- made

        match leases.TryGetValue id with
        | true, list -> list.Add made
        | _ -> leases[id] <- ResizeArray [ made ]

    member _.Fates = fates.Values :> seq<Fate>

    /// Takes in what happened; `identify` names a connection as of now.
    member _.Record(identify: SimConnection -> Identity, events: TruthEvent list) =
        for event in events do
            match event with
            | Opened connection ->
                let fate =
                    { Serial = connection.Serial
                      Setup = connection.Setup
                      Start = connection.Start
                      End = ValueNone }

                fates[connection.Serial] <- fate
                lease connection.Setup (identify connection).Id fate
            | Closed(connection, at) ->
                fates[connection.Serial].End <- ValueSome at
                current[connection.Serial].To <- at
                current.Remove connection.Serial |> ignore

    /// The agent names everything anew from that instant on.
    member _.Rename(at: Instant, identify: SimConnection -> Identity, connections: SimConnection seq) =
        for connection in connections do
            match current.TryGetValue connection.Serial with
            | true, old ->
                old.To <- at
                lease at (identify connection).Id old.Fate
            | _ -> ()

    /// Since when a live connection has had its present id.
    member _.NamedSince(serial: int64) : Instant =
        match current.TryGetValue serial with
        | true, lease -> lease.From
        | _ -> Instant.distantFuture

    /// Which connection an audit met under that id while it was heard: within the window, the newest.
    member _.TryFind(id: string, heard: Interval) : Fate voption =
        match leases.TryGetValue id with
        | true, list ->
            list
            |> Seq.filter (fun lease -> lease.From <= heard.Latest && lease.To >= heard.Earliest)
            |> Seq.tryLast
            |> Option.map (fun lease -> lease.Fate)
            |> Option.toValueOption
        | _ -> ValueNone
