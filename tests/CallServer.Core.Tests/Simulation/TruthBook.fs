namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Gateway

/// What truly happened to one connection of a simulated gateway. An audit may list it several times, for example by
/// each tag of an ng call: each of these legs is a separate connection in the record, with this fate.
[<NoComparison>]
type Fate =
    {
        Serial: int64
        Leg: int
        /// SIP's Call-ID, the same at both ends of a trunk.
        Call: string
        Connection: SimConnection
        Setup: Instant
        Start: Instant
        mutable End: Instant voption
    }

/// An id that named a connection for a while: a restart of the agent gives every row another one.
[<NoComparison>]
type private Lease = { Fate: Fate; From: Instant; mutable To: Instant }

/// The truth about one gateway, by the ids under which an audit could have met its connections, and when.
type TruthBook() =
    let leases = Dictionary<string, ResizeArray<Lease>>()
    let current = Dictionary<int64, Lease list>()

    let lease (at: Instant) (id: string) (fate: Fate) : Lease =
        let made = { Fate = fate; From = at; To = Instant.distantFuture }

        match leases.TryGetValue id with
        | true, list -> list.Add made
        | _ -> leases[id] <- ResizeArray [ made ]

        made

    /// Records what happened; `identify` gives a connection's present ids, one for each of its legs.
    member _.Record(identify: SimConnection -> Identity list, events: TruthEvent list) =
        for event in events do
            match event with
            | Opened connection ->
                current[connection.Serial] <-
                    identify connection
                    |> List.mapi (fun leg identity ->
                        lease
                            connection.Setup
                            identity.Id
                            { Serial = connection.Serial
                              Leg = leg
                              Call = connection.CallId
                              Connection = connection
                              Setup = connection.Setup
                              Start = connection.Start
                              End = ValueNone })
            | Closed(connection, at) ->
                for lease in current[connection.Serial] do
                    lease.Fate.End <- ValueSome at
                    lease.To <- at

                current.Remove connection.Serial |> ignore

    /// The agent renames everything from that instant on.
    member _.Rename(at: Instant, identify: SimConnection -> Identity list, connections: SimConnection seq) =
        for connection in connections do
            match current.TryGetValue connection.Serial with
            | true, old ->
                current[connection.Serial] <-
                    List.map2
                        (fun (old: Lease) (identity: Identity) ->
                            old.To <- at
                            lease at identity.Id old.Fate)
                        old
                        (identify connection)
            | _ -> ()

    /// Since when a live connection has had its present id.
    member _.NamedSince(serial: int64) : Instant =
        match current.TryGetValue serial with
        | true, leases -> leases.Head.From
        | _ -> Instant.distantFuture

    member private _.Overlapping(id: string, heard: Interval) =
        match leases.TryGetValue id with
        | true, list ->
            list |> Seq.filter (fun lease -> lease.From <= heard.Latest && lease.To >= heard.Earliest)
        | _ -> Seq.empty

    /// The connection that an audit met under this id while it was heard: the newest within the window.
    member this.TryFind(id: string, heard: Interval) : Fate voption =
        match Seq.tryLast (this.Overlapping(id, heard)) with
        | Some lease -> ValueSome lease.Fate
        | None -> ValueNone

    /// The newest of several that fits; if none fits, the newest.
    member this.TryFindFitting(id: string, heard: Interval, fits: Fate -> bool) : Fate voption =
        let met = this.Overlapping(id, heard) |> Seq.map _.Fate |> Seq.toList

        match List.tryFindBack fits met |> Option.orElse (List.tryLast met) with
        | Some fate -> ValueSome fate
        | None -> ValueNone

    /// The oldest within the window.
    member this.TryFindFirst(id: string, heard: Interval) : Fate voption =
        match Seq.tryHead (this.Overlapping(id, heard)) with
        | Some lease -> ValueSome lease.Fate
        | None -> ValueNone

    /// The ids under which a connection could be met, and when, for a failure's message.
    member _.Names(struct (serial: int64, leg: int)) =
        [ for KeyValue(id, list) in leases do
              for lease in list do
                  if lease.Fate.Serial = serial && lease.Fate.Leg = leg then
                      let others = list |> Seq.map (fun other -> other.Fate.Serial)
                      $"{id} from {lease.From} to {lease.To}, an id of %A{Seq.toList others}" ]
        |> String.concat "; "
