namespace CallServer.Protocols.Mgcp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// Which endpoints there are, and how many connections each has.
module internal MgcpEndpointAnswers =
    open MgcpState

    /// A gateway that is busy is asked so often again.
    [<Literal>]
    let private MaxRefusals = 2

    /// Connections that one BA/C answer is asked for where all of them do not fit.
    [<Literal>]
    let private FirstPage = 256

    let heard (now: Instant) (pending: MgcpPending<MgcpTask>) : Interval = Interval.create pending.First now

    /// Another time, perhaps: the command waits a little and is asked anew, as another transaction.
    let again (now: Instant) (task: MgcpTask) (state: MgcpAuditState) : MgcpAuditState voption =
        if task.Refusals >= MaxRefusals then
            ValueNone
        else
            let task = { task with Refusals = task.Refusals + 1 }
            let at = now + state.Target.Timeout * (0.5 * float task.Refusals)
            ValueSome { state with Later = struct (at, task) :: state.Later }

    let orAgain now (task: MgcpTask) otherwise (response: MgcpResponse) (state: MgcpAuditState) =
        match ReturnCode.classify response.Code with
        | TransientError -> again now task state |> ValueOption.defaultWith (fun () -> otherwise state)
        | Acknowledgement
        | Provisional
        | Success
        | PermanentError
        | PackageCode
        | UnknownClass -> otherwise state

    let isUnknownEndpoint (response: MgcpResponse) = response.Code = 500

    let succeeded (response: MgcpResponse) = ReturnCode.classify response.Code = Success

    let listed now (pending: MgcpPending<MgcpTask>) pattern response (state: MgcpAuditState) =
        orAgain now pending.Purpose (MgcpPatterns.told pattern response) response state

    let packagesTold (response: MgcpResponse) (state: MgcpAuditState) : MgcpAuditState =
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
        MgcpPatterns.through pattern { state with Bulk = ValueSome true }

    let private nextPage (pattern: EndpointName) most (response: MgcpResponse) (state: MgcpAuditState) =
        match MgcpBulk.next response.Parameters with
        | ValueNone -> through pattern state
        | ValueSome next ->
            let place = $"{pattern} {next.ToLowerInvariant()}"

            if Set.contains place state.Places then
                // In a circle: the endpoints that AUEP listed are asked one by one, and where it listed none that is a fault.
                if List.contains pattern state.Listing.TooLarge then
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

    let counted now (pending: MgcpPending<MgcpTask>) pattern from most response (state: MgcpAuditState) =
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
