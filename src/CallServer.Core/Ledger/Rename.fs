namespace CallServer.Ledger

open System.Collections.Generic
open CallServer.Model

/// After a restart of the agent alone, connections live on under new ids where ids are tied to the boot (rule 7).
module internal Rename =
    /// A port that one of them does not tell (0) contradicts nothing.
    let private mayBeSameMedia (a: MediaAddress voption) (b: MediaAddress voption) =
        match a, b with
        | ValueSome a, ValueSome b -> a.Host = b.Host && (a.Port = b.Port || a.Port = 0 || b.Port = 0)
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

    /// Pairs what has the same key, each connection and each observation once.
    let private pairBy
        (keyOf: Facts -> 'K voption)
        (continues: Connection -> Observation -> bool)
        (found: Dictionary<ConnectionId, Connection>)
        (earlier: Connection seq)
        (heard: Observation seq)
        =
        let buckets = Dictionary<'K, ResizeArray<Observation>>()

        for o in heard do
            match keyOf o.Facts with
            | ValueNone -> ()
            | ValueSome key ->
                match buckets.TryGetValue key with
                | true, legs -> legs.Add o
                | _ -> buckets[key] <- ResizeArray [ o ]

        for c in earlier do
            match keyOf c.Facts with
            | ValueNone -> ()
            | ValueSome key ->
                match buckets.TryGetValue key with
                | true, legs ->
                    let leg = legs.FindIndex(fun o -> continues c o)

                    if leg >= 0 then
                        found[legs[leg].Id] <- c
                        legs.RemoveAt leg
                | _ -> ()

    /// Pairs by what both tell: the same call and a start that agrees; else, as rows may have been told in part, the same media
    /// address, or the same originating device, and a start that agrees. With `whoeverIsLeft` also what agrees in every time and
    /// contradicts in nothing.
    let private pairing
        (whoeverIsLeft: bool)
        (traits: Traits)
        (earlier: Connection[])
        (heard: Observation[])
        =
        let found = Dictionary<ConnectionId, Connection>()

        let left () =
            let paired = HashSet(found.Values |> Seq.map (fun c -> c.Id))

            earlier |> Array.filter (fun c -> not (paired.Contains c.Id)),
            heard |> Array.filter (fun o -> not (found.ContainsKey o.Id))

        let sameMedia (c: Connection) (o: Observation) =
            startsTogether traits c o && mayBeSameMedia c.Facts.RemoteMedia o.Facts.RemoteMedia

        let sameParties (c: Connection) (o: Observation) =
            sameMedia c o
            && Facts.mayBeSame c.Facts.Endpoint o.Facts.Endpoint
            && Facts.mayBeSame c.Facts.Remote o.Facts.Remote

        pairBy (fun facts -> facts.Call) sameMedia found earlier heard
        let earlier', heard' = left ()
        pairBy (fun facts -> facts.RemoteMedia) sameMedia found earlier' heard'
        let earlier', heard' = left ()
        pairBy (fun facts -> facts.Originator) sameParties found earlier' heard'

        if whoeverIsLeft then
            let earlier', heard' = left ()
            pairBy (fun _ -> ValueSome "whoever is left") sameParties found earlier' heard'

        found

    /// Each row of a history that tells of a connection of an earlier run, by facts that both tell: that two began at about one
    /// time gives neither the end of the other.
    let buried (traits: Traits) (earlier: Connection[]) (rows: Observation[]) =
        pairing false traits earlier rows

    /// Each new id with the connection of an earlier run that it continues.
    let pairs (traits: Traits) (complete: bool) (earlier: Connection[]) (heard: Observation[]) =
        let found = pairing true traits earlier heard

        if complete then
            found
        else
            withoutBlocked (HashSet(earlier |> Seq.map (fun c -> c.Id))) found
