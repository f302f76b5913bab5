namespace CallServer.Ledger

open CallServer.Model

/// Puts calls into the book and takes them out, and keeps each gateway's tally: how many of its calls have
/// both kinds of source.
module internal CallsTally =
    let private sourcesOf (keys: LegKey[]) = keys |> Array.map _.Gateway |> Array.distinct

    let private tally (draft: CallsDraft) (call: Call) (by: int) =
        for gateway in sourcesOf call.Live do
            let source = draft.Source gateway

            let lonely =
                if call.HasBothKinds then source.Lonely
                elif by > 0 then source.Lonely.Add call
                else source.Lonely.Remove call

            let watched =
                if not call.IsWatched then
                    source.Watched
                else
                    let own = call.Live |> Array.filter (fun key -> key.Gateway = gateway)
                    if by > 0 then source.Watched.Union own else source.Watched.Except own

            draft.Put
                { source with
                    Total = source.Total + by
                    Joined = source.Joined + (if call.HasBothKinds then by else 0)
                    Lonely = lonely
                    Watched = watched }

        for struct (here, there) in call.Pairs do
            let source = draft.Source here

            let shared =
                match source.Partners.TryGetValue there with
                | true, count -> count + by
                | _ -> by

            draft.Put
                { source with
                    Partners =
                        (if shared = 0 then
                             source.Partners.Remove there
                         else
                             source.Partners.SetItem(there, shared)) }

    let retire (draft: CallsDraft) (call: Call) =
        for key in Seq.append call.Live call.Gone do
            draft.CallOf.Remove key |> ignore

        if not (draft.Entered.Remove call) then
            draft.Retired.Add call |> ignore

        if call.Live.Length > 0 then
            draft.Calls.Remove call |> ignore
            draft.Findings.Remove call |> ignore
            tally draft call -1

    let enter (draft: CallsDraft) (call: Call) =
        for key in Seq.append call.Live call.Gone do
            draft.CallOf[key] <- call

        draft.Entered.Add call |> ignore

        if call.Live.Length > 0 then
            draft.Calls.Add call |> ignore

            if not call.Findings.IsEmpty then
                draft.Findings.Add call |> ignore

            tally draft call 1

    /// The most telling id, and the smallest of several such; ValueNone if no leg has an id.
    let private idOf (legs: Leg[]) : CallId voption =
        let told =
            [| for leg in legs do
                   match leg.Connection.Facts.Call with
                   | ValueSome id ->
                       let rank =
                           match CallsKeys.ofId leg.Source.CallIds leg.Key.Gateway id with
                           | ValueSome key -> CallsKeys.rank key
                           | ValueNone -> 2

                       struct (rank, CallId.value id, id)
                   | ValueNone -> () |]

        if told.Length = 0 then
            ValueNone
        else
            let struct (_, _, id) =
                told
                |> Array.reduce (fun (struct (rankA, a, _) as first) (struct (rankB, b, _) as second) ->
                    if rankA < rankB || (rankA = rankB && System.String.CompareOrdinal(a, b) <= 0) then
                        first
                    else
                        second)

            ValueSome id

    let private firstKnown (legs: Leg[]) = legs |> Seq.map _.Known |> Seq.reduce Instant.min

    /// Whether the gateway's own leg was heard alive at least the patience after the call was first heard of.
    let private isOld (rules: CallRules) (legs: Leg[]) (gateway: GatewayId) (isMeant: Leg -> bool) =
        let due = firstKnown legs + rules.Patience

        legs
        |> Array.exists (fun leg ->
            leg.Key.Gateway = gateway && isMeant leg && leg.Connection.LastHeard >= due)

    /// From when on a complete audit of another gateway would list this gateway's call; ValueNone while the call is too new to tell.
    let listedBy (rules: CallRules) (legs: Leg[]) (gateway: GatewayId) : Instant voption =
        if isOld rules legs gateway _.IsConfirmed then
            ValueSome(firstKnown legs + rules.Patience)
        else
            ValueNone

    /// Whether the gateway's newest audit is complete, and not before this instant.
    let isAsked (since: Instant) (source: CallSource) = source.IsComplete && source.Asked >= since

    /// Since when the call is known to lack the other kind of source: a gateway that confirms it usually has
    /// both, and every gateway that usually joins it was asked completely after the patience and did not
    /// report the call.
    let private lacks (draft: CallsDraft) (legs: Leg[]) : Instant voption =
        let isMissed gateway =
            let source = draft.Source gateway

            source.IsUsual
            && (match listedBy draft.Rules legs gateway with
                | ValueSome due ->
                    draft.HeardElsewhere >= due
                    && source.Partners.Keys |> Seq.forall (draft.Source >> isAsked due)
                | ValueNone -> false)

        if legs |> Seq.map _.Key.Gateway |> Seq.distinct |> Seq.exists isMissed then
            ValueSome(firstKnown legs)
        else
            ValueNone

    let private pairs (legs: Leg[]) =
        let sources =
            legs
            |> Array.map (fun leg -> struct (leg.Key.Gateway, leg.Kind))
            |> Array.filter (fun (struct (_, kind)) -> kind.IsSome)
            |> Array.distinct

        [| for struct (here, a) in sources do
               for struct (there, b) in sources do
                   if a <> b then
                       struct (here, there) |]

    /// The call of these legs, judged.
    let judge (draft: CallsDraft) (legs: Leg[]) : Call =
        let live, gone = legs |> Array.partition _.IsLive
        let pairs = pairs legs
        let both = pairs.Length > 0

        let struct (findings, isOpen) =
            if live.Length = 0 then
                struct ([], false)
            else
                CallsFindings.judge
                    { Rules = draft.Rules
                      Live = live
                      Gone = gone
                      Lacks = (if both then ValueNone else lacks draft legs) }

        { Id = idOf legs
          Live = live |> Array.map _.Key
          Gone = gone |> Array.map _.Key
          HasBothKinds = both
          Pairs = pairs
          Findings = findings
          IsWatched = isOpen }

    let isSame (a: Call) (b: Call) =
        a.Id = b.Id
        && a.Pairs = b.Pairs
        && a.IsWatched = b.IsWatched
        && a.Live = b.Live
        && a.Gone = b.Gone
        && a.Findings = b.Findings

    /// Judges the call again and replaces it in the book if that changes it.
    let private again (draft: CallsDraft) (call: Call) =
        let legs =
            Array.append call.Live call.Gone
            |> Array.map draft.Leg
            |> Array.sortWith (fun a b -> LegKey.Compare(a.Key, b.Key))

        let next = judge draft legs

        if not (isSame call next) then
            retire draft call
            enter draft next

    /// Whether nine of ten of its calls that could have both kinds of source by now have them, so that at
    /// most one in ten is ever said to lack one.
    let private isUsual (draft: CallsDraft) (source: CallSource) =
        let isOverdue (call: Call) =
            let legs = Seq.append call.Live call.Gone |> Seq.map draft.Leg |> Array.ofSeq
            isOld draft.Rules legs source.Gateway _.IsLive

        // Of a gateway of another server the book has the calls that are joined, and not those that are not.
        not source.IsElsewhere
        && source.Joined >= draft.Rules.Usual
        && (source.Lonely |> Seq.filter isOverdue |> Seq.length) * 9 <= source.Joined

    /// Judges again the calls with one kind of source, for gateways that reported something new or whose
    /// partners did.
    let settle (draft: CallsDraft) (gateways: GatewayId seq) =
        let changed =
            [| for gateway in Seq.distinct gateways do
                   let source = draft.Source gateway
                   let now = isUsual draft source

                   if now || source.IsUsual then
                       draft.Put { source with IsUsual = now }
                       gateway |]

        for gateway in changed do
            for call in Seq.toArray (draft.Source(gateway).Lonely) do
                again draft call
