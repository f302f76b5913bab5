namespace CallServer.Ledger

open CallServer.Model

/// What a call as a whole shows, concluded from its legs.
module internal CallsSummary =
    let private begun (leg: Leg) : Instant =
        match leg.Connection.Setup with
        | ValueSome setup -> setup.Within.Latest
        | ValueNone -> leg.Connection.Start.Within.Latest

    let private rank (leg: Leg) =
        match leg.Kind with
        | ValueSome Signalling -> 0
        | ValueNone -> 1
        | ValueSome Media -> 2

    /// Legs in the order in which they offered the call: signalling first, because it knows who began the
    /// call.
    let private inOrder (live: Leg[]) : Leg[] =
        live
        |> Array.sortWith (fun a b ->
            match compare (rank a) (rank b), compare (begun a).Micros (begun b).Micros with
            | 0, 0 -> LegKey.Compare(a.Key, b.Key)
            | 0, order
            | order, _ -> order)

    let originator (live: Leg[]) : string voption =
        inOrder live
        |> Seq.map _.Connection.Facts.Originator
        |> Seq.tryFind _.IsSome
        |> Option.defaultValue ValueNone

    let private isPending (timing: Timing) = timing.Within.Latest = Instant.distantFuture

    /// What the starts of all legs of the offering leg's kind leave possible; the offering leg's own start if
    /// they contradict each other. The kinds are not mixed: signalling dates the answer, media dates its own
    /// creation.
    let start (live: Leg[]) : Timing =
        let ordered = inOrder live
        let offering = ordered[0].Connection.Start

        let alike =
            ordered
            |> Seq.filter (fun leg -> leg.Kind = ordered[0].Kind)
            |> Seq.map _.Connection.Start
            |> Seq.filter (fun start -> not (isPending start))
            |> Array.ofSeq

        let narrowed =
            (ValueSome Interval.unbounded, alike)
            ||> Array.fold (fun within start ->
                within |> ValueOption.bind (fun within -> Interval.intersect within start.Within))

        match narrowed with
        | ValueSome within when alike.Length > 0 ->
            { Within = within
              Evidence = alike |> Seq.map _.Evidence |> Seq.reduce Evidence.stronger }
        | ValueSome _
        | ValueNone -> if isPending offering && alike.Length > 0 then alike[0] else offering
