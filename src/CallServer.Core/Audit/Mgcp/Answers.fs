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
            addEndpoint pattern state
        elif names.Length = 0 then
            { state with ListsNothing = true }
        else
            (state, names)
            ||> Array.fold (fun state text ->
                match EndpointName.tryParse text with
                | Some name when not (EndpointName.isWild name) && state.Endpoints.Count < MaxEndpoints ->
                    addEndpoint name state
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

    let private countOf (pattern: EndpointName) (state: MgcpAuditState) (struct (local: string, count: int)) =
        let named = { pattern with Local = local }

        match EndpointName.tryParse (string named) with
        | None -> error "counts an endpoint without a name" (string pattern) state
        | Some named when
            state.Endpoints.Count >= MaxEndpoints && not (Map.containsKey (key named) state.Endpoints)
            ->
            fault (Shortfall.TooLarge $"more than {MaxEndpoints} endpoints") state
        | Some named ->
            let key =
                if Map.containsKey (key named) state.Endpoints then
                    key named
                else
                    // The gateway may go by another domain than the one that it is asked by.
                    Map.tryFind (EndpointName.canonical named).Local state.Locals
                    |> Option.defaultValue (key named)

            let state = if Map.containsKey key state.Endpoints then state else addEndpoint named state
            let endpoint = Map.find key state.Endpoints
            let endpoint = { endpoint with Count = ValueSome count; Pattern = ValueSome pattern }
            { state with Endpoints = Map.add key endpoint state.Endpoints }

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
                fault (NotIncreasing $"BA/NE of {pattern} comes back to {next}") state
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
        elif isTooLarge response && most <> 1 then
            let page = if most = 0 then FirstPage else max 1 (most / 4)
            first [ CountConnections(pattern, from, page) ] state
        elif succeeded response then
            uncounted state
        else
            orAgain now pending.Purpose uncounted response state

    let private distinctIds (ids: string[]) = Array.distinct ids

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
            // It was there when the list was made: an endpoint that lives as long as its connections.
            told [||] state
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

    /// One final response.
    let answered
        (now: Instant)
        (response: MgcpResponse)
        (pending: MgcpPending<MgcpTask>)
        (state: MgcpAuditState)
        =
        match pending.Purpose.Purpose with
        | ListEndpoints pattern -> listed now pending pattern response state
        | AskPackages _ -> packagesTold response state
        | CountConnections(pattern, from, most) -> counted now pending pattern from most response state
        | AskConnections name -> connectionsTold now pending name response state
        | AuditListed(name, id) -> auditTold now pending name id gone response state
        | AuditKnown(name, id, _) -> auditTold now pending name id denied response state
        | ModifyKnown(name, id, known) -> modified now pending name id known response state
