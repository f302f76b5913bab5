namespace CallServer.Protocols.Mgcp

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What follows when a phase of an audit is done.
module internal MgcpPhases =
    open MgcpState
    open MgcpEndings

    /// Counts and lists that differ are read again so often, as long as there are no more of them than this.
    [<Literal>]
    let private MaxRecounts = 3

    [<Literal>]
    let private MaxRecounted = 500

    let private enter phase purposes (state: MgcpAuditState) : MgcpAuditState =
        first purposes { state with Phase = phase }

    /// Endpoints that are counted as idle and asked all the same, to see whether the counts can be believed.
    [<Literal>]
    let private Samples = 8

    let private sample (state: MgcpAuditState) : struct (Set<string> * MgcpAuditState) =
        let idle =
            [| for KeyValue(key, endpoint) in state.Endpoints do
                   if endpoint.Count = ValueSome 0 then
                       key |]

        let mutable rng = state.Tx.Rng
        let mutable drawn = Set.empty

        if idle.Length > 0 then
            for _ in 1..Samples do
                let struct (place, next) = Rng.below idle.Length rng
                rng <- next
                drawn <- Set.add idle[place] drawn

        struct (drawn, { state with Tx = { state.Tx with Rng = rng } })

    /// Every endpoint in use is asked, every one that the record holds a connection of (so that no count alone ends a
    /// connection), and a few others.
    let private ask (state: MgcpAuditState) : MgcpAuditState =
        let struct (drawn, state) = sample state

        let asked =
            (drawn, state.Known)
            ||> Array.fold (fun asked known ->
                match tryPlace known.Id with
                | ValueSome(struct (name, _)) -> Set.add (key name) asked
                | ValueNone -> asked)

        let purposes =
            [ for KeyValue(key, endpoint) in state.Endpoints do
                  if endpoint.Ids.IsNone && (endpoint.Count <> ValueSome 0 || Set.contains key asked) then
                      AskConnections endpoint.Name ]

        enter MgcpPhase.Auditing purposes state

    let private count (patterns: EndpointName list) (state: MgcpAuditState) : MgcpAuditState =
        patterns
        |> List.filter EndpointName.isWild
        |> List.map (fun pattern -> CountConnections(pattern, ValueNone, 0))
        |> fun purposes -> enter MgcpPhase.Counting purposes state

    let private listed (now: Instant) (state: MgcpAuditState) : MgcpAuditState =
        match MgcpPatterns.tryRefused state with
        | ValueSome refused -> giveUp now refused state
        | ValueNone ->
            let state = MgcpPatterns.besides state
            let patterns = state.Listing
            let state = if patterns.ListsNothing then fault DoesNotList state else state

            match state.Bulk, Seq.tryHead state.Endpoints.Values with
            // A bulk audit asks by wildcards.
            | _ when not patterns.TakesWildcards -> enter MgcpPhase.Counting [] state
            | ValueNone, Some endpoint -> enter MgcpPhase.Inquiring [ AskPackages endpoint.Name ] state
            // Nobody there to be asked for its packages: the question itself will show it.
            | ValueNone, None -> count patterns.TooLarge state
            | ValueSome true, _ when patterns.Narrowed.IsEmpty -> count state.Target.Patterns state
            | ValueSome _, _ -> enter MgcpPhase.Counting [] state

    let private inquired (state: MgcpAuditState) : MgcpAuditState =
        if state.Bulk = ValueSome true then
            count state.Target.Patterns state
        else
            enter MgcpPhase.Counting [] state

    let private counted (state: MgcpAuditState) : MgcpAuditState =
        if state.Listing.TooLarge.IsEmpty then
            ask state
        else
            let struct (purposes, state) = MgcpPatterns.narrow state
            enter MgcpPhase.Listing purposes state

    /// Endpoints whose connections were listed in another number than counted: something opened or closed between, or the
    /// gateway contradicts itself.
    let private uneven (state: MgcpAuditState) : MgcpEndpoint list =
        [ for KeyValue(_, endpoint) in state.Endpoints do
              match endpoint.Count, endpoint.Ids with
              | ValueSome 16, ValueSome ids when ids.Length > 15 -> ()
              | ValueSome count, ValueSome ids when count <> ids.Length -> endpoint
              | ValueSome _, ValueSome _
              | ValueSome _, ValueNone
              | ValueNone, _ -> () ]

    let private recount (endpoints: MgcpEndpoint list) (state: MgcpAuditState) : MgcpAuditState =
        let purposes =
            [ for endpoint in endpoints do
                  CountConnections(endpoint.Pattern, ValueSome endpoint.Name.Local, 1)
                  AskConnections endpoint.Name ]

        first purposes { state with Recounts = state.Recounts + 1 }

    let private untold (state: MgcpAuditState) : MgcpAuditState =
        let told = state.Endpoints |> Map.exists (fun _ endpoint -> endpoint.Ids.IsSome)

        if Set.isEmpty state.Untold then
            state
        elif told then
            (state, state.Untold)
            ||> Set.fold (fun state name -> error "does not tell its connections" name state)
        else
            fault DoesNotList state

    let private conclude (now: Instant) (state: MgcpAuditState) : MgcpAuditState =
        match reasons state with
        | [] -> finish now (Complete(EndOfTable :: (if countAgrees state then [ CountAgrees ] else []))) state
        | faults -> finish now (Partial faults) state

    /// Not everything is told: what the record holds and nobody listed is asked for by its id, where there is a way.
    let private verify (now: Instant) (state: MgcpAuditState) : MgcpAuditState =
        let listed = Collections.Generic.HashSet<string>()

        for KeyValue(_, endpoint) in state.Endpoints do
            match endpoint.Ids with
            | ValueSome ids ->
                for id in ids do
                    listed.Add(idOf endpoint.Name id) |> ignore
            | ValueNone -> ()

        let purposes =
            [ for known in state.Known do
                  match tryPlace known.Id with
                  | ValueSome(struct (name, id)) when
                      not (listed.Contains(string known.Id)) && not (Set.contains (key name) state.Silenced)
                      ->
                      if state.Target.Verify && not state.Audits then
                          if known.Facts.Call.IsSome then
                              ModifyKnown(name, id, known)
                      elif state.Audits || not (state.WithoutAuditConnection || state.NeverAudited) then
                          AuditKnown(name, id, known)
                  | ValueSome _
                  | ValueNone -> () ]

        if purposes.IsEmpty then
            conclude now state
        else
            enter MgcpPhase.Verifying purposes state

    let private disagreement (endpoints: MgcpEndpoint list) : Shortfall =
        let counted = endpoints |> List.sumBy (fun endpoint -> ValueOption.defaultValue 0 endpoint.Count)

        let listed =
            endpoints
            |> List.sumBy (fun endpoint ->
                endpoint.Ids |> ValueOption.map _.Length |> ValueOption.defaultValue 0)

        CountDisagrees(counted, listed)

    /// Counts that are wrong once may be wrong anywhere.
    let private askAll (state: MgcpAuditState) : MgcpAuditState =
        first
            [ for KeyValue(_, endpoint) in state.Endpoints do
                  if endpoint.Ids.IsNone then
                      AskConnections endpoint.Name ]
            { state with Distrusted = true }

    let private audited (now: Instant) (state: MgcpAuditState) : MgcpAuditState =
        let uneven = if state.Distrusted then [] else uneven state

        if not state.Vanished.IsEmpty && not state.ListedAgain then
            first (List.map ListAgain state.Target.Patterns) { state with ListedAgain = true }
        elif not uneven.IsEmpty && uneven.Length <= MaxRecounted && state.Recounts < MaxRecounts then
            recount uneven state
        elif not uneven.IsEmpty then
            state |> fault (disagreement uneven) |> askAll
        else
            let state = untold state

            match MgcpPatterns.tryRefused state with
            // None of the endpoints that a range names is there.
            | ValueSome refused -> giveUp now refused state
            | ValueNone when (reasons state).IsEmpty -> conclude now state
            | ValueNone -> verify now state

    /// Nothing is in flight and nothing waits: the phase is done.
    let rec settle (now: Instant) (state: MgcpAuditState) : MgcpAuditState =
        if state.Phase = MgcpPhase.Over || not (Map.isEmpty state.Tx.Pending) then
            state
        elif state.Tx.Requests >= MaxRequests then
            giveUp now (CutShort $"more than {MaxRequests} requests") state
        elif not state.Queue.IsEmpty || not state.Later.IsEmpty then
            state
        else
            match state.Phase with
            | MgcpPhase.Listing -> settle now (listed now state)
            | MgcpPhase.Inquiring -> settle now (inquired state)
            | MgcpPhase.Counting -> settle now (counted state)
            | MgcpPhase.Auditing -> settle now (audited now state)
            | MgcpPhase.Verifying -> conclude now state
            | MgcpPhase.Over -> state
