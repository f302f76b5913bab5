namespace CallServer.Ledger

open System.Collections.Generic
open CallServer.Model

/// After a restart of the agent alone, connections live on under new ids if ids are tied to the boot (rule
/// 7).
module internal Rename =
    /// Whether the two may be the same address: a port that is not known (0) contradicts nothing.
    let private mayBeSameMedia (a: MediaAddress voption) (b: MediaAddress voption) =
        match a, b with
        | ValueSome a, ValueSome b -> a.Host = b.Host && (a.Port = b.Port || a.Port = 0 || b.Port = 0)
        | _ -> true

    /// Whether every time that both state may be one time, and at least one of these times is dated: that
    /// both legs ring proves nothing.
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

    /// Drops a pair whose new id is still held by a connection of the earlier run that is not resolved: only
    /// a complete snapshot settles that one. A connection that then keeps its old id may block another pair,
    /// so this repeats.
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

    /// Pairs connections and observations with the same key, each of them once.
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

    /// Pairs by what both state: the same call and a start that agrees; otherwise, because rows may be
    /// incomplete, the same media address or originating device and a start that agrees. With
    /// `whoeverIsLeft`, finally also those that agree in every time and contradict each other in nothing.
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

    /// The row of the history that belongs to each connection of an earlier run, by facts that both state.
    /// That two began at about the same time is not enough to end one by the other's row.
    let buried (traits: Traits) (earlier: Connection[]) (rows: Observation[]) =
        pairing false traits earlier rows

    /// Each new id with the connection of an earlier run that continues under it.
    let pairs (traits: Traits) (complete: bool) (earlier: Connection[]) (heard: Observation[]) =
        let found = pairing true traits earlier heard

        if complete then
            found
        else
            withoutBlocked (HashSet(earlier |> Seq.map (fun c -> c.Id))) found
