namespace CallServer.Protocols.Mgcp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// Which endpoints there are: the patterns that are asked for, and what becomes of those that a gateway does not answer.
///
///   AUEP of a pattern is answered with     what follows
///   endpoints                              they are known
///   200 alone                              a single endpoint is its own list; a range is expanded here; a wildcard is a fault
///   533, 503                               a bulk audit, else narrower patterns and a fault; a range is expanded here
///   another error                          a range is expanded here; 500 means none where another wildcard was answered; else
///                                          a fault, and where nothing was answered the audit is refused
///
/// Endpoints of a range that was expanded here are asked for their connections at once: 500 says that they are not there.
module internal MgcpPatterns =
    open MgcpState

    let private update (change: MgcpListing -> MgcpListing) (state: MgcpAuditState) : MgcpAuditState =
        { state with Listing = change state.Listing }

    let private isRange (pattern: EndpointName) = pattern.Local.Contains '['

    /// A range as single endpoints, or as patterns where it holds a `*` besides. It was checked when the target was made.
    let private expand (pattern: EndpointName) (state: MgcpAuditState) =
        let parts =
            match MgcpBulk.expand MaxEndpoints pattern.Local with
            | Ok locals -> [ for local in locals -> { pattern with Local = local } ]
            | Error problem -> invalidOp $"{pattern}: {problem}"

        let wild, single = List.partition EndpointName.isWild parts

        let presumed =
            single
            |> List.map (EndpointName.canonical >> key)
            |> List.filter (fun key -> not (Map.containsKey key state.Endpoints))

        (state, single)
        ||> List.fold (fun state name -> addEndpoint pattern name state)
        |> update (fun patterns ->
            { patterns with
                Expanded = pattern :: patterns.Expanded
                Presumed = (patterns.Presumed, presumed) ||> List.fold (fun set key -> Set.add key set) })
        |> first (List.map ListEndpoints wild)

    /// The Z: lines of an AUEP with a wildcard (RFC 3435 §2.3.10).
    let private takeNames (pattern: EndpointName) (names: string[]) (state: MgcpAuditState) =
        (update (fun patterns -> { patterns with TakesWildcards = true }) state, names)
        ||> Array.fold (fun state text ->
            match EndpointName.tryParseIn pattern.Domain text with
            | Some name when not (EndpointName.isWild name) && state.Endpoints.Count < MaxEndpoints ->
                addEndpoint pattern name state
            | Some name when not (EndpointName.isWild name) ->
                fault (Shortfall.TooLarge $"more than {MaxEndpoints} endpoints") state
            | Some _
            | None -> error "lists a name that is no endpoint's" (string pattern) state)

    let private isTooLarge (response: MgcpResponse) = response.Code = 533 || response.Code = 503

    /// The final answer to the AUEP of a pattern.
    let told (pattern: EndpointName) (response: MgcpResponse) (state: MgcpAuditState) : MgcpAuditState =
        let names = MgcpParameter.all "Z" response.Parameters
        let succeeded = ReturnCode.classify response.Code = Success

        if succeeded && names.Length > 0 then
            takeNames pattern names state
        elif isRange pattern then
            expand pattern state
        elif succeeded && not (EndpointName.isWild pattern) then
            addEndpoint pattern pattern state
        elif succeeded then
            update (fun patterns -> { patterns with ListsNothing = true }) state
        elif isTooLarge response then
            state
            |> update (fun patterns ->
                { patterns with TakesWildcards = true; TooLarge = pattern :: patterns.TooLarge })
        else
            state
            |> update (fun patterns ->
                { patterns with Refusals = struct (pattern, response) :: patterns.Refusals })

    /// A bulk audit told all endpoints of the pattern.
    let through (pattern: EndpointName) (state: MgcpAuditState) : MgcpAuditState =
        state
        |> update (fun patterns ->
            { patterns with
                TooLarge = patterns.TooLarge |> List.filter (fun other -> other <> pattern) })

    let isPresumed (name: EndpointName) (state: MgcpAuditState) : bool =
        Set.contains (key name) state.Listing.Presumed

    /// It answered.
    let isThere (name: EndpointName) (state: MgcpAuditState) : MgcpAuditState =
        state
        |> update (fun patterns -> { patterns with Presumed = Set.remove (key name) patterns.Presumed })

    /// A range reaches beyond the endpoints that there are.
    let isNone (name: EndpointName) (state: MgcpAuditState) : MgcpAuditState =
        { isThere name state with Endpoints = Map.remove (key name) state.Endpoints }

    let private byAnotherName = "does the gateway go by another name? endpoints="

    let private refusal
        (state: MgcpAuditState)
        (struct (pattern: EndpointName, response: MgcpResponse))
        : Shortfall =
        let advice =
            match response.Code with
            | 500 when EndpointName.isWild pattern ->
                $"; {byAnotherName}*@NAME; does it take no wildcards? endpoints=aaln/[1-24]"
            | 500 -> $"; {byAnotherName}{pattern.Local}@NAME"
            | 528
            | 510 -> $"; asked as {MgcpDialect.attempts state.Tx.Dialect}"
            | _ -> ""

        Refused(RefusalCause.Code response.Code, $"AUEP {pattern}: {words response}{advice}")

    /// Nothing but refusals: how the first pattern was refused, or that no endpoint of a range is there.
    let tryRefused (state: MgcpAuditState) : Shortfall voption =
        let patterns = state.Listing

        let nothing =
            Map.isEmpty state.Endpoints
            && patterns.TooLarge.IsEmpty
            && patterns.Narrowed.IsEmpty
            && not patterns.TakesWildcards
            && not patterns.ListsNothing

        match List.rev patterns.Refusals, List.rev patterns.Expanded with
        | refused :: _, _ when nothing -> ValueSome(refusal state refused)
        | [], pattern :: _ when nothing ->
            Refused(
                RefusalCause.Code 500,
                $"AUEP of each of {pattern}: 500 unknown endpoint; {byAnotherName}{pattern.Local}@NAME"
            )
            |> ValueSome
        | _ -> ValueNone

    /// Refusals beside other answers. An unknown endpoint is none; so is a wildcard that stands for none, but only where the
    /// gateway is known to take wildcards at all.
    let besides (state: MgcpAuditState) : MgcpAuditState =
        let isNone (struct (pattern: EndpointName, response: MgcpResponse)) =
            response.Code = 500 && (state.Listing.TakesWildcards || not (EndpointName.isWild pattern))

        let faults = state.Listing.Refusals |> List.rev |> List.filter (isNone >> not)

        (update (fun patterns -> { patterns with Refusals = [] }) state, faults)
        ||> List.fold (fun state (struct (pattern, response)) ->
            error (words response) (string pattern) state)

    /// Kinds of endpoints by the convention of RFC 3435 appendix E, for a gateway whose list does not fit.
    let private kinds = [ "aaln"; "ds"; "cnf"; "ann"; "ivr"; "pr" ]

    let private units =
        [ for number in 0..31 do
              $"ds1-{number}"
              $"e1-{number}" ]

    /// The patterns below a pattern: by the terms of the endpoints that are known there, and by convention.
    let private narrower (pattern: EndpointName) (state: MgcpAuditState) : EndpointName list =
        let terms = EndpointName.terms pattern
        let depth = terms.Length - 1
        let above = String.Join('/', Array.truncate depth terms)

        let known =
            [ for connection in state.Known do
                  match tryPlace connection.Id with
                  | ValueSome(struct (name, _)) -> name
                  | ValueNone -> ()
              for KeyValue(_, endpoint) in state.Endpoints do
                  endpoint.Name ]
            |> List.filter (fun name -> EndpointName.matches pattern name.Local)
            |> List.map EndpointName.terms
            |> List.map (fun terms ->
                let term = terms[depth]
                if terms.Length = depth + 1 then term else term + "/*")

        let usual =
            match above.ToLowerInvariant() with
            | "" -> kinds |> List.map (fun kind -> kind + "/*")
            | "ds" -> units |> List.map (fun unit -> unit + "/*")
            | _ -> []

        List.distinct (known @ usual)
        |> List.map (fun term -> { pattern with Local = (if above = "" then term else $"{above}/{term}") })

    /// Narrows what is too large for one response, each pattern once, and gives what is to be asked instead; what only trying
    /// finds is never proven to be all.
    let narrow (state: MgcpAuditState) : struct (MgcpPurpose list * MgcpAuditState) =
        let wide =
            state.Listing.TooLarge
            |> List.filter (fun pattern -> not (Set.contains (key pattern) state.Listing.Narrowed))

        let purposes =
            wide
            |> List.collect (fun pattern -> narrower pattern state)
            |> List.distinct
            |> List.map ListEndpoints

        let state =
            (state, wide)
            ||> List.fold (fun state pattern ->
                fault
                    (Shortfall.TooLarge
                        $"the endpoints of {pattern} do not fit one response; name its parts in endpoints=")
                    state)

        let done' =
            (state.Listing.Narrowed, wide) ||> List.fold (fun done' pattern -> Set.add (key pattern) done')

        struct (purposes, update (fun patterns -> { patterns with TooLarge = []; Narrowed = done' }) state)
