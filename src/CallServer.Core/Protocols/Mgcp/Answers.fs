namespace CallServer.Protocols.Mgcp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What each answer brings, and what is asked because of it.
module internal MgcpAnswers =
    open MgcpState
    open MgcpEndpointAnswers

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
                |> Array.choose (EndpointName.tryParseIn pattern.Domain)
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
            | ValueSome ids -> state |> MgcpPatterns.isThere name |> told (Array.distinct ids)
            | ValueNone -> { state with Untold = Set.add key state.Untold }
        elif isUnknownEndpoint response && MgcpPatterns.isPresumed name state then
            MgcpPatterns.isNone name state
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
        (response: MgcpResponse)
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
        (response: MgcpResponse)
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
