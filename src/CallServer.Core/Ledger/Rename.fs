namespace CallServer.Ledger

open System.Collections.Generic
open CallServer.Model

/// After a restart of the agent alone, connections live on under new ids where ids are tied to the boot (rule 7).
module internal Rename =
    let private mayBeSame (a: 'T voption) (b: 'T voption) =
        match a, b with
        | ValueSome a, ValueSome b -> a = b
        | _ -> true

    /// Every time that both tell must be able to be one time, and at least one such time must be dated: that two legs ring says
    /// nothing.
    let private startsTogether (traits: Traits) (c: Connection) (o: Observation) =
        let agrees (held: Timing) (report: Timing) =
            match Times.narrow traits o.Heard.Latest held report with
            | Narrowed _
            | WithinDrift -> true
            | Contradicted _ -> false

        let isDated (timing: Timing) = Interval.isBounded timing.Within

        let told =
            [ match o.Start with
              | ValueSome start -> struct (c.Start, start)
              | ValueNone -> ()

              match c.Setup, o.Setup with
              | ValueSome held, ValueSome setup -> struct (held, setup)
              | _ -> () ]

        told |> List.forall (fun struct (held, report) -> agrees held report)
        && told |> List.exists (fun struct (held, report) -> isDated held && isDated report)

    /// A new id that an unresolved connection of the earlier run still holds cannot be given away before a complete snapshot
    /// settles that one; and what then keeps its old id blocks that in turn.
    let rec private withoutBlocked
        (earlier: HashSet<ConnectionId>)
        (pairs: Dictionary<ConnectionId, Connection>)
        =
        let moved = HashSet<ConnectionId>(pairs.Values |> Seq.map (fun c -> c.Id))

        let blocked =
            [| for id in pairs.Keys do
                   if earlier.Contains id && not (moved.Contains id) then
                       id |]

        if blocked.Length = 0 then
            pairs
        else
            for id in blocked do
                pairs.Remove id |> ignore

            withoutBlocked earlier pairs

    /// Pairs each new id with the connection of an earlier run that it continues: same call, a start that agrees, and nothing
    /// that tells the legs of the call apart. Each connection and each observation is used once.
    let pairs (traits: Traits) (complete: bool) (earlier: Connection[]) (heard: Observation[]) =
        let found = Dictionary<ConnectionId, Connection>()
        // Gateways without call ids are one bucket: there the start and the parties must tell.
        let byCall = Dictionary<CallId voption, ResizeArray<Observation>>()

        for o in heard do
            match byCall.TryGetValue o.Facts.Call with
            | true, legs -> legs.Add o
            | _ -> byCall[o.Facts.Call] <- ResizeArray [ o ]

        /// Legs of one call are told apart by where their media goes; where there are no call ids, by the parties. (Not by the
        /// originator: it is pieced together from what a row happens to tell.)
        let continues (c: Connection) (o: Observation) =
            startsTogether traits c o
            && mayBeSame c.Facts.RemoteMedia o.Facts.RemoteMedia
            && (c.Facts.Call.IsSome
                || mayBeSame c.Facts.Endpoint o.Facts.Endpoint && mayBeSame c.Facts.Remote o.Facts.Remote)

        for c in earlier do
            match byCall.TryGetValue c.Facts.Call with
            | true, legs ->
                let leg = legs.FindIndex(fun o -> continues c o)

                if leg >= 0 then
                    found[legs[leg].Id] <- c
                    legs.RemoveAt leg
            | _ -> ()

        if complete then
            found
        else
            withoutBlocked (HashSet(earlier |> Seq.map (fun c -> c.Id))) found
