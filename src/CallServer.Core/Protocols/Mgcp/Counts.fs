namespace CallServer.Protocols.Mgcp

open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Progress of the bulk audit that counts connections, and whether its counts are trusted.
type internal MgcpCounts =
    {
        /// Whether the gateway has the Bulk Audit package; `ValueNone` while that is unknown.
        HasPackage: bool voption
        /// Places at which a bulk audit was continued. A place that comes back means that it runs in circles.
        Places: Set<string>
        /// How often counts and lists that differed were read again.
        Recounts: int
        /// The counts proved wrong, so every endpoint is asked.
        Distrusted: bool
    }

/// Counts the connections of each endpoint (RFC 3624), so that only endpoints in use are asked for their lists. A count alone
/// never ends a connection, and it is checked against what the endpoints list.
module internal MgcpCounts =
    open MgcpQuestions

    /// Endpoints to request in one BA/C answer when all of them do not fit.
    [<Literal>]
    let private FirstPage = 256

    /// How often counts and lists that differ are read again, as long as no more than `MaxRecounted` endpoints differ.
    [<Literal>]
    let private MaxRecounts = 3

    [<Literal>]
    let private MaxRecounted = 500

    /// Endpoints counted as idle that are asked anyway, to test whether the counts can be trusted.
    [<Literal>]
    let private Samples = 8

    let start (hasPackage: bool voption) : MgcpCounts =
        { HasPackage = hasPackage; Places = Set.empty; Recounts = 0; Distrusted = false }

    /// Takes in the answer to AUEP F: PL.
    let packagesTold (response: MgcpResponse) (counts: MgcpCounts) : MgcpCounts =
        let has = Array.contains MgcpBulk.Package (MgcpLists.packages response.Parameters)
        { counts with HasPackage = ValueSome(MgcpReply.succeeded response && has) }

    /// Asks for the counts of all endpoints that match these patterns. A bulk audit needs wildcards.
    let askCounts (patterns: EndpointName list) (questions: MgcpQuestions) : MgcpQuestions =
        let purposes =
            patterns
            |> List.filter EndpointName.isWild
            |> List.map (fun pattern -> CountConnections(pattern, ValueNone, 0))

        ask purposes questions

    /// The key of the endpoint that a bulk audit of this pattern names. The gateway may use a domain other than the one in the
    /// pattern.
    let private ofLocal (pattern: EndpointName) (local: string) (endpoints: MgcpEndpoints) : string voption =
        let named = MgcpName.key { pattern with Local = local }

        if Map.containsKey named endpoints.Listed then
            ValueSome named
        else
            Map.tryFind (local.ToLowerInvariant()) endpoints.Locals |> ValueOption.ofOption

    let private countOf
        (pattern: EndpointName)
        (struct (endpoints: MgcpEndpoints, questions: MgcpQuestions))
        (struct (local: string, count: int))
        =
        match EndpointName.tryParse (string { pattern with Local = local }) with
        | None -> struct (endpoints, error "counts an endpoint without a name" (string pattern) questions)
        | Some named when
            endpoints.Listed.Count >= MgcpEndpoints.MaxEndpoints
            && not (Map.containsKey (MgcpName.key named) endpoints.Listed)
            ->
            let limit = Shortfall.TooLarge $"more than {MgcpEndpoints.MaxEndpoints} endpoints"
            struct (endpoints, fault limit questions)
        | Some named ->
            let key = ofLocal pattern local endpoints |> ValueOption.defaultValue (MgcpName.key named)

            let endpoints =
                if Map.containsKey key endpoints.Listed then
                    endpoints
                else
                    MgcpEndpoints.add pattern named endpoints

            struct (MgcpEndpoints.withCount key count endpoints, questions)

    let private nextPage
        pattern
        most
        (response: MgcpResponse)
        counts
        (endpoints: MgcpEndpoints)
        (questions: MgcpQuestions)
        =
        let served = { counts with HasPackage = ValueSome true }

        match MgcpBulk.next response.Parameters with
        // The last page of this pattern: its endpoints and their counts are known.
        | ValueNone -> struct (served, MgcpEndpoints.through pattern endpoints, questions)
        | ValueSome next ->
            let place = $"{pattern} {next.ToLowerInvariant()}"

            if not (Set.contains place counts.Places) then
                struct ({ served with Places = Set.add place counts.Places },
                        endpoints,
                        ask [ CountConnections(pattern, ValueSome next, most) ] questions)
            // The pages run in circles. The endpoints that AUEP listed are asked one by one; if it listed none, that is a fault.
            elif List.contains pattern endpoints.TooLarge then
                let circle = NotIncreasing $"BA/NE of {pattern} comes back to {next}"
                struct (counts, endpoints, fault circle questions)
            else
                struct (counts, endpoints, questions)

    /// Gives up on a bulk audit that does not work. The endpoints that AUEP listed are asked one by one.
    let private without (counts: MgcpCounts) : MgcpCounts =
        if counts.HasPackage = ValueSome true then
            counts
        else
            { counts with HasPackage = ValueSome false }

    /// Takes in the answer to AUEP BA/F: BA/C. A recount concerns a single endpoint.
    let counted (answer: MgcpAnswer) (pattern, from, most) (isRecount: bool) counts endpoints questions =
        let response = answer.Response
        let has code = (MgcpParameter.tryFind code response.Parameters).IsSome

        if MgcpReply.succeeded response && (has "BA/EL" || has "BA/C") then
            match MgcpBulk.counts MgcpEndpoints.MaxEndpoints response.Parameters with
            | Ok told ->
                let struct (endpoints, questions) =
                    told |> Array.fold (countOf pattern) (struct (endpoints, questions))

                if isRecount then
                    struct (counts, endpoints, questions)
                else
                    nextPage pattern most response counts endpoints questions
            | Error problem ->
                let words = $"a bulk audit that cannot be read: {problem}"
                struct (counts, endpoints, error words (string pattern) questions)
        elif response.Code = 533 && most <> 1 then
            let page = if most = 0 then FirstPage else max 1 (most / 4)
            struct (counts, endpoints, ask [ CountConnections(pattern, from, page) ] questions)
        elif MgcpReply.succeeded response then
            struct (without counts, endpoints, questions)
        else
            match tryAgain answer questions with
            | ValueSome questions -> struct (counts, endpoints, questions)
            | ValueNone when isRecount ->
                // 801, 806, 500: an endpoint that exists only while it has connections is gone.
                match from |> ValueOption.bind (fun local -> ofLocal pattern local endpoints) with
                | ValueSome key -> struct (counts, MgcpEndpoints.withCount key 0 endpoints, questions)
                | ValueNone -> struct (counts, endpoints, questions)
            | ValueNone -> struct (without counts, endpoints, questions)

    let private sample (endpoints: MgcpEndpoints) (rng: Rng) : struct (Set<string> * Rng) =
        let idle =
            [| for KeyValue(key, endpoint) in endpoints.Listed do
                   if endpoint.Count = ValueSome 0 then
                       key |]

        let mutable rng = rng
        let mutable drawn = Set.empty

        if idle.Length > 0 then
            for _ in 1..Samples do
                let struct (place, next) = Rng.below idle.Length rng
                rng <- next
                drawn <- Set.add idle[place] drawn

        struct (drawn, rng)

    /// Asks for the connections of every endpoint in use, of every endpoint that has a connection on record (so that no count
    /// alone ends a connection), and of a few others.
    let askConnections (known: Connection[]) (endpoints: MgcpEndpoints) (questions: MgcpQuestions) =
        let window = questions.Tx.Window
        let struct (drawn, rng) = sample endpoints window.Rng

        let asked =
            (drawn, known)
            ||> Array.fold (fun asked known ->
                match MgcpName.tryPlace known.Id with
                | ValueSome(struct (name, _)) -> Set.add (MgcpName.key name) asked
                | ValueNone -> asked)

        { questions with Tx = { questions.Tx with Window = { window with Rng = rng } } }
        |> ask
            [ for KeyValue(key, endpoint) in endpoints.Listed do
                  if endpoint.Told.IsNone && (endpoint.Count <> ValueSome 0 || Set.contains key asked) then
                      AskConnections endpoint.Name ]

    /// Whether the endpoint listed as many connections as were counted; `ValueNone` if either number is unknown.
    let private isEven (endpoint: MgcpEndpoint) : bool voption =
        match endpoint.Count, endpoint.Told with
        | ValueSome 16, ValueSome told when told.Ids.Length > 15 -> ValueSome true
        | ValueSome count, ValueSome told -> ValueSome(count = told.Ids.Length)
        | ValueSome _, ValueNone
        | ValueNone, _ -> ValueNone

    /// Whether AUEP listed on every endpoint as many connections as the bulk audit counted.
    let agree (endpoints: MgcpEndpoints) : bool =
        not (Map.isEmpty endpoints.Listed)
        && endpoints.Listed
           |> Map.forall (fun _ endpoint ->
               isEven endpoint
               |> ValueOption.defaultValue (endpoint.Count = ValueSome 0 && endpoint.Told.IsNone))

    let private disagreement (uneven: MgcpEndpoint list) : Shortfall =
        let counted = uneven |> List.sumBy (fun endpoint -> ValueOption.defaultValue 0 endpoint.Count)

        let listed =
            uneven
            |> List.sumBy (fun endpoint ->
                endpoint.Told |> ValueOption.map _.Ids.Length |> ValueOption.defaultValue 0)

        CountDisagrees(counted, listed)

    /// Decides what to do when endpoints listed more or fewer connections than were counted. Either something opened or closed in
    /// between, or the gateway contradicts itself. Counts and lists are read again; if they still differ, no count can be trusted
    /// and every endpoint is asked. `ValueNone` if no counts differ, or if they are distrusted already.
    let tryCheck (endpoints: MgcpEndpoints) (counts: MgcpCounts) (questions: MgcpQuestions) =
        let uneven =
            if counts.Distrusted then
                []
            else
                [ for endpoint in endpoints.Listed.Values do
                      if isEven endpoint = ValueSome false then
                          endpoint ]

        if uneven.IsEmpty then
            ValueNone
        elif uneven.Length <= MaxRecounted && counts.Recounts < MaxRecounts then
            let purposes =
                [ for endpoint in uneven do
                      CountConnections(endpoint.Pattern, ValueSome endpoint.Name.Local, 1)
                      AskConnections endpoint.Name ]

            ValueSome(struct ({ counts with Recounts = counts.Recounts + 1 }, ask purposes questions))
        else
            let purposes =
                [ for endpoint in endpoints.Listed.Values do
                      if endpoint.Told.IsNone then
                          AskConnections endpoint.Name ]

            ValueSome(
                struct ({ counts with Distrusted = true },
                        questions |> fault (disagreement uneven) |> ask purposes)
            )
