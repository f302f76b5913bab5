namespace CallServer.Audit

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What each answer brings, and what is asked because of it.
module internal MgcpAnswers =
    open MgcpState

    /// A gateway that is busy is asked so often again.
    [<Literal>]
    let private MaxRefusals = 2

    /// Connections that one BA/C answer is asked for where all of them do not fit.
    [<Literal>]
    let private FirstPage = 256

    let private heard (now: Instant) (pending: MgcpPending<MgcpTask>) : Interval =
        Interval.create pending.First now

    /// Another time, perhaps: the command waits a little and is asked anew, as another transaction.
    let private again (now: Instant) (task: MgcpTask) (state: MgcpAuditState) : MgcpAuditState voption =
        if task.Refusals >= MaxRefusals then
            ValueNone
        else
            let task = { task with Refusals = task.Refusals + 1 }
            let at = now + state.Target.Timeout * (0.5 * float task.Refusals)
            ValueSome { state with Later = struct (at, task) :: state.Later }

    let private orAgain now (task: MgcpTask) otherwise (response: MgcpResponse) (state: MgcpAuditState) =
        match ReturnCode.classify response.Code with
        | TransientError -> again now task state |> ValueOption.defaultWith (fun () -> otherwise state)
        | Acknowledgement
        | Provisional
        | Success
        | PermanentError
        | PackageCode
        | UnknownClass -> otherwise state

    let private isTooLarge (response: MgcpResponse) = response.Code = 533 || response.Code = 503

    let private isUnknownEndpoint (response: MgcpResponse) = response.Code = 500

    let private succeeded (response: MgcpResponse) = ReturnCode.classify response.Code = Success

    /// The Z: lines of an AUEP with a wildcard (RFC 3435 §2.3.10); a single endpoint is its own list.
    let private endpointsListed (pattern: EndpointName) (response: MgcpResponse) (state: MgcpAuditState) =
        let names = MgcpParameter.all "Z" response.Parameters

        if names.Length = 0 && not (EndpointName.isWild pattern) then
            addEndpoint pattern pattern state
        elif names.Length = 0 then
            { state with ListsNothing = true }
        else
            (state, names)
            ||> Array.fold (fun state text ->
                match EndpointName.tryParse text with
                | Some name when not (EndpointName.isWild name) && state.Endpoints.Count < MaxEndpoints ->
                    addEndpoint pattern name state
                | Some name when not (EndpointName.isWild name) ->
                    fault (Shortfall.TooLarge $"more than {MaxEndpoints} endpoints") state
                | Some _
                | None -> error "lists a name that is no endpoint's" (string pattern) state)

    let private listed now (pending: MgcpPending<MgcpTask>) pattern response (state: MgcpAuditState) =
        if succeeded response then
            endpointsListed pattern response state
        elif isTooLarge response then
            { state with TooLarge = pattern :: state.TooLarge }
        else
            let refused (state: MgcpAuditState) =
                { state with Refusals = struct (pattern, response) :: state.Refusals }

            orAgain now pending.Purpose refused response state

    let private packagesTold (response: MgcpResponse) (state: MgcpAuditState) : MgcpAuditState =
        let has = Array.contains MgcpBulk.Package (MgcpLists.packages response.Parameters)
        { state with Bulk = ValueSome(succeeded response && has) }

    /// The endpoint that a bulk audit of the pattern calls so: the gateway may go by another domain than it is asked by.
    let private ofLocal (pattern: EndpointName) (local: string) (state: MgcpAuditState) : string voption =
        let named = key { pattern with Local = local }

        if Map.containsKey named state.Endpoints then
            ValueSome named
        else
            Map.tryFind (local.ToLowerInvariant()) state.Locals |> ValueOption.ofOption

    let private recounted (key: string) (count: int) (state: MgcpAuditState) : MgcpAuditState =
        let endpoint = Map.find key state.Endpoints

        { state with
            Endpoints = Map.add key { endpoint with Count = ValueSome count } state.Endpoints }

    let private countOf (pattern: EndpointName) (state: MgcpAuditState) (struct (local: string, count: int)) =
        let named = { pattern with Local = local }

        match EndpointName.tryParse (string named) with
        | None -> error "counts an endpoint without a name" (string pattern) state
        | Some named when
            state.Endpoints.Count >= MaxEndpoints && not (Map.containsKey (key named) state.Endpoints)
            ->
            fault (Shortfall.TooLarge $"more than {MaxEndpoints} endpoints") state
        | Some named ->
            let key = ofLocal pattern local state |> ValueOption.defaultValue (key named)

            let state =
                if Map.containsKey key state.Endpoints then
                    state
                else
                    addEndpoint pattern named state

            recounted key count state

    /// The pattern is through: its endpoints are known, and how many connections each has.
    let private through (pattern: EndpointName) (state: MgcpAuditState) : MgcpAuditState =
        { state with
            Bulk = ValueSome true
            TooLarge = state.TooLarge |> List.filter (fun other -> other <> pattern) }

    let private nextPage (pattern: EndpointName) most (response: MgcpResponse) (state: MgcpAuditState) =
        match MgcpBulk.next response.Parameters with
        | ValueNone -> through pattern state
        | ValueSome next ->
            let place = $"{pattern} {next.ToLowerInvariant()}"

            if Set.contains place state.Places then
                // In a circle: the endpoints that AUEP listed are asked one by one, and where it listed none that is a fault.
                if List.contains pattern state.TooLarge then
                    fault (NotIncreasing $"BA/NE of {pattern} comes back to {next}") state
                else
                    state
            else
                { state with Bulk = ValueSome true; Places = Set.add place state.Places }
                |> first [ CountConnections(pattern, ValueSome next, most) ]

    /// A bulk audit that does not work is done without: the endpoints that AUEP listed are asked one by one.
    let private uncounted (state: MgcpAuditState) : MgcpAuditState =
        if state.Bulk = ValueSome true then
            state
        else
            { state with Bulk = ValueSome false }

    let private counted
        now
        (pending: MgcpPending<MgcpTask>)
        pattern
        from
        most
        response
        (state: MgcpAuditState)
        =
        let has code = (MgcpParameter.tryFind code response.Parameters).IsSome
        let recount = state.Phase = MgcpPhase.Auditing

        if succeeded response && (has "BA/EL" || has "BA/C") then
            match MgcpBulk.counts MaxEndpoints response.Parameters with
            | Ok counts ->
                let state = counts |> Array.fold (countOf pattern) state
                if recount then state else nextPage pattern most response state
            | Error problem -> error $"a bulk audit that cannot be read: {problem}" (string pattern) state
        elif response.Code = 533 && most <> 1 then
            let page = if most = 0 then FirstPage else max 1 (most / 4)
            first [ CountConnections(pattern, from, page) ] state
        elif succeeded response then
            uncounted state
        elif recount then
            // 801, 806, 500: an endpoint that lives as long as its connections is no more.
            let vanished (state: MgcpAuditState) =
                match from |> ValueOption.bind (fun local -> ofLocal pattern local state) with
                | ValueSome key -> recounted key 0 state
                | ValueNone -> state

            orAgain now pending.Purpose vanished response state
        else
            orAgain now pending.Purpose uncounted response state

    let private distinctIds (ids: string[]) = Array.distinct ids

    /// An endpoint that was listed is unknown. It may answer to the domain that the list was asked by; it may be one that lives
    /// as long as its connections; or the gateway contradicts itself.
    let private unknown (endpoint: MgcpEndpoint) gone (state: MgcpAuditState) : MgcpAuditState =
        let elsewhere = EndpointName.canonical { endpoint.Name with Domain = endpoint.Pattern.Domain }

        if elsewhere <> endpoint.Name then
            { state with Endpoints = Map.remove (key endpoint.Name) state.Endpoints }
            |> addEndpoint endpoint.Pattern elsewhere
            |> first [ AskConnections elsewhere ]
        elif state.ListedAgain then
            error "is listed, and unknown when it is asked for" (string endpoint.Name) state
        else
            gone { state with Vanished = Set.add (key endpoint.Name) state.Vanished }

    /// Those that are still listed are asked once more.
    let private listedAgain (pattern: EndpointName) (response: MgcpResponse) (state: MgcpAuditState) =
        if succeeded response then
            let locals =
                MgcpParameter.all "Z" response.Parameters
                |> Array.choose EndpointName.tryParse
                |> Array.map (fun name -> (EndpointName.canonical name).Local)
                |> Set.ofArray

            (state, state.Vanished)
            ||> Set.fold (fun state key ->
                let endpoint = Map.find key state.Endpoints

                if Set.contains endpoint.Name.Local locals then
                    { state with Endpoints = Map.add key { endpoint with Ids = ValueNone } state.Endpoints }
                    |> first [ AskConnections endpoint.Name ]
                else
                    state)
        elif isUnknownEndpoint response then
            state
        else
            error "lists endpoints that are unknown, and will not list them again" (string pattern) state

    let private connectionsTold
        now
        (pending: MgcpPending<MgcpTask>)
        (name: EndpointName)
        response
        (state: MgcpAuditState)
        =
        let key = key name
        let endpoint = Map.find key state.Endpoints

        let told ids (state: MgcpAuditState) =
            let endpoint = { endpoint with Ids = ValueSome ids; Heard = heard now pending }

            let fresh =
                ids |> Array.filter (fun id -> not (Map.containsKey (idOf name id) state.Observations))

            { state with Endpoints = Map.add key endpoint state.Endpoints }
            |> first (
                if state.WithoutAuditConnection then
                    []
                else
                    [ for id in fresh -> AuditListed(name, id) ]
            )

        if succeeded response then
            match MgcpLists.connectionIds response.Parameters with
            | ValueSome ids -> told (distinctIds ids) state
            | ValueNone -> { state with Untold = Set.add key state.Untold }
        elif isUnknownEndpoint response then
            unknown endpoint (told [||]) state
        else
            let refused = error (words response) (string name)
            orAgain now pending.Purpose refused response state

    let private isGone (response: MgcpResponse) = response.Code = 515 || response.Code = 500

    let private keep
        (id: string)
        (observation: Observation voption)
        (where: EndpointName)
        (state: MgcpAuditState)
        =
        match observation with
        | ValueSome observation -> { state with Observations = Map.add id observation state.Observations }
        | ValueNone -> error "a connection id that cannot be kept" (string where) state

    let private isAudit (task: MgcpTask) : bool =
        match task.Purpose with
        | AuditListed _
        | AuditKnown _ -> true
        | ListEndpoints _
        | ListAgain _
        | AskPackages _
        | CountConnections _
        | AskConnections _
        | ModifyKnown _ -> false

    /// There is no AUCX: what waits for it is dropped.
    let withoutAudits (why: string) (state: MgcpAuditState) : MgcpAuditState =
        { state with
            WithoutAuditConnection = true
            Queue = state.Queue |> List.filter (isAudit >> not)
            Later = state.Later |> List.filter (fun (struct (_, task)) -> not (isAudit task)) }
        |> fault (NotServed $"AuditConnection: {why}")

    let private auditTold
        now
        (pending: MgcpPending<MgcpTask>)
        (name: EndpointName)
        id
        gone
        response
        (state: MgcpAuditState)
        =
        let where = idOf name id

        if response.Code = 504 then
            withoutAudits (words response) state
        else
            let state = { state with Audits = true }

            if succeeded response then
                keep where (MgcpObserving.audited name id (heard now pending) response) name state
            elif isGone response then
                gone where state
            else
                orAgain now pending.Purpose (error (words response) where) response state

    let private gone id (state: MgcpAuditState) = { state with Gone = Set.add id state.Gone }
    let private denied id (state: MgcpAuditState) = { state with Denied = Set.add id state.Denied }

    let private modified
        now
        (pending: MgcpPending<MgcpTask>)
        (name: EndpointName)
        id
        known
        response
        (state: MgcpAuditState)
        =
        let where = idOf name id

        if succeeded response then
            keep where (MgcpObserving.confirmed name id known (heard now pending) response) name state
        elif isGone response || response.Code = 516 then
            denied where state
        elif response.Code = 400 then
            // osmo-mgw says no more than this of an endpoint that has no connection; once might be another trouble.
            again now { pending.Purpose with Refusals = pending.Purpose.Refusals + 1 } state
            |> ValueOption.defaultWith (fun () -> denied where state)
        else
            orAgain now pending.Purpose (error (words response) where) response state

    let private take
        (now: Instant)
        (response: MgcpResponse)
        (pending: MgcpPending<MgcpTask>)
        (state: MgcpAuditState)
        =
        match pending.Purpose.Purpose with
        | ListEndpoints pattern -> listed now pending pattern response state
        | ListAgain pattern -> listedAgain pattern response state
        | AskPackages _ -> packagesTold response state
        | CountConnections(pattern, from, most) -> counted now pending pattern from most response state
        | AskConnections name -> connectionsTold now pending name response state
        | AuditListed(name, id) -> auditTold now pending name id gone response state
        | AuditKnown(name, id, _) -> auditTold now pending name id denied response state
        | ModifyKnown(name, id, known) -> modified now pending name id known response state

    /// One final response. What ends within a line was cut off on the way: it may have told more, and something else.
    let answered
        (now: Instant)
        (isWhole: bool)
        (response: MgcpResponse)
        (pending: MgcpPending<MgcpTask>)
        (state: MgcpAuditState)
        =
        let cut = not isWhole && (response.Parameters.Length > 0 || response.Sessions.Length > 0)
        let broken = error "an answer that breaks off"

        // The line that was cut is no line.
        let response =
            if cut && response.Sessions.Length = 0 then
                { response with
                    Parameters = Array.truncate (response.Parameters.Length - 1) response.Parameters }
            else
                response

        match pending.Purpose.Purpose with
        | _ when not cut -> take now response pending state
        | ListEndpoints pattern
        | ListAgain pattern
        | CountConnections(pattern, _, _) -> take now response pending state |> broken (string pattern)
        | AskConnections name -> take now response pending state |> broken (string name)
        | AskPackages _ -> { state with Bulk = ValueSome false }
        | AuditListed(name, id)
        | AuditKnown(name, id, _)
        | ModifyKnown(name, id, _) when succeeded response ->
            let where = idOf name id

            state |> keep where (MgcpObserving.listed name id (heard now pending)) name |> broken where
        | AuditListed _
        | AuditKnown _
        | ModifyKnown _ -> take now response pending state
