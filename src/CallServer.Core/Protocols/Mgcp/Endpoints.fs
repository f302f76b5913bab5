namespace CallServer.Protocols.Mgcp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// The connections of one endpoint, as AUEP reported them.
type internal MgcpTold =
    {
        Ids: string[]
        /// When the endpoint reported them.
        Heard: Interval
    }

/// One endpoint, under its canonical name.
type internal MgcpEndpoint =
    {
        Name: EndpointName
        /// The pattern that found it.
        Pattern: EndpointName
        /// The bulk audit's latest count of its connections; 16 means more than 15.
        Count: int voption
        Told: MgcpTold voption
    }

/// Which endpoints the gateway has, and how it answered the patterns.
type internal MgcpEndpoints =
    {
        Listed: Map<string, MgcpEndpoint>
        /// The keys of the endpoints by local name. Bulk audits give local names only.
        Locals: Map<string, string>
        /// The gateway understands wildcards: it answered one with endpoints, or with too many of them.
        TakesWildcards: bool
        /// A pattern was answered without a list of endpoints.
        ListsNothing: bool
        /// Refused patterns and the responses; newest first.
        Refusals: struct (EndpointName * MgcpResponse) list
        /// Patterns whose endpoints do not fit one response, except those that a bulk audit covered completely.
        TooLarge: EndpointName list
        /// Patterns that were replaced by narrower ones. Each is narrowed once.
        Narrowed: Set<string>
        /// Ranges that were expanded here; newest first.
        Expanded: EndpointName list
        /// Endpoints from those ranges that no answer has confirmed yet.
        Presumed: Set<string>
        /// Endpoints that were listed, but unknown when they were asked.
        Vanished: Set<string>
        /// The list was requested again because endpoints had vanished.
        ListedAgain: bool
    }

/// Finds the endpoints of a gateway from the patterns of its target.
///
///   answer to the AUEP of a pattern        what follows
///   endpoints                              they are known
///   200 alone                              a single endpoint is its own list; a range is expanded here; a wildcard is a fault
///   533, 503                               a bulk audit, else narrower patterns and a fault; a range is expanded here
///   another error                          a range is expanded here; 500 means no endpoints if another wildcard was answered; else
///                                          a fault, and if nothing was answered the audit is refused
///
/// Endpoints from a range that was expanded here are asked for their connections directly. A 500 says that they do not exist.
module internal MgcpEndpoints =
    open MgcpName
    open MgcpQuestions

    /// No gateway has more endpoints than this.
    [<Literal>]
    let MaxEndpoints = 100_000

    let none: MgcpEndpoints =
        { Listed = Map.empty
          Locals = Map.empty
          TakesWildcards = false
          ListsNothing = false
          Refusals = []
          TooLarge = []
          Narrowed = Set.empty
          Expanded = []
          Presumed = Set.empty
          Vanished = Set.empty
          ListedAgain = false }

    let private replace (key: string) (endpoint: MgcpEndpoint) (endpoints: MgcpEndpoints) : MgcpEndpoints =
        { endpoints with Listed = Map.add key endpoint endpoints.Listed }

    let add (pattern: EndpointName) (name: EndpointName) (endpoints: MgcpEndpoints) : MgcpEndpoints =
        let key = key name

        if Map.containsKey key endpoints.Listed then
            endpoints
        else
            let endpoint =
                { Name = EndpointName.canonical name
                  Pattern = pattern
                  Count = ValueNone
                  Told = ValueNone }

            { replace key endpoint endpoints with
                Locals = Map.add endpoint.Name.Local key endpoints.Locals }

    let withCount (key: string) (count: int) (endpoints: MgcpEndpoints) : MgcpEndpoints =
        replace key { Map.find key endpoints.Listed with Count = ValueSome count } endpoints

    let withTold name (ids: string[]) (heard: Interval) (endpoints: MgcpEndpoints) : MgcpEndpoints =
        let key = key name
        let told = ValueSome { Ids = ids; Heard = heard }
        replace key { Map.find key endpoints.Listed with Told = told } endpoints

    let private isRange (pattern: EndpointName) = pattern.Local.Contains '['

    /// Expands a range into single endpoints, or into patterns if it also has a `*`. The range was checked when the target was
    /// made.
    let private expand (pattern: EndpointName) (endpoints: MgcpEndpoints) (questions: MgcpQuestions) =
        let parts =
            match MgcpBulk.expand MaxEndpoints pattern.Local with
            | Ok locals -> [ for local in locals -> { pattern with Local = local } ]
            | Error problem -> invalidOp $"{pattern}: {problem}"

        let wild, single = List.partition EndpointName.isWild parts

        let presumed =
            single |> List.map key |> List.filter (fun key -> not (Map.containsKey key endpoints.Listed))

        let endpoints = (endpoints, single) ||> List.fold (fun endpoints name -> add pattern name endpoints)

        struct ({ endpoints with
                    Expanded = pattern :: endpoints.Expanded
                    Presumed = (endpoints.Presumed, presumed) ||> List.fold (fun set key -> Set.add key set) },
                ask (List.map ListEndpoints wild) questions)

    /// Takes in the Z: lines that answer an AUEP with a wildcard (RFC 3435 §2.3.10).
    let private takeNames pattern (names: string[]) (endpoints: MgcpEndpoints) (questions: MgcpQuestions) =
        ((struct ({ endpoints with TakesWildcards = true }, questions)), names)
        ||> Array.fold (fun (struct (endpoints, questions)) text ->
            match EndpointName.tryParseIn pattern.Domain text with
            | Some name when not (EndpointName.isWild name) && endpoints.Listed.Count < MaxEndpoints ->
                struct (add pattern name endpoints, questions)
            | Some name when not (EndpointName.isWild name) ->
                struct (endpoints, fault (Shortfall.TooLarge $"more than {MaxEndpoints} endpoints") questions)
            | Some _
            | None ->
                struct (endpoints, error "lists a name that is no endpoint's" (string pattern) questions))

    let private isTooLarge (response: MgcpResponse) = response.Code = 533 || response.Code = 503

    /// Takes in the final response to the AUEP of a pattern.
    let listed (answer: MgcpAnswer) pattern (endpoints: MgcpEndpoints) (questions: MgcpQuestions) =
        let response = answer.Response
        let names = MgcpParameter.all "Z" response.Parameters
        let succeeded = MgcpReply.succeeded response

        match tryAgain answer questions with
        | ValueSome questions -> struct (endpoints, questions)
        | ValueNone when succeeded && names.Length > 0 -> takeNames pattern names endpoints questions
        | ValueNone ->
            if isRange pattern then
                expand pattern endpoints questions
            elif succeeded && not (EndpointName.isWild pattern) then
                struct (add pattern pattern endpoints, questions)
            elif succeeded then
                struct ({ endpoints with ListsNothing = true }, questions)
            elif isTooLarge response then
                struct ({ endpoints with TakesWildcards = true; TooLarge = pattern :: endpoints.TooLarge },
                        questions)
            else
                struct ({ endpoints with Refusals = struct (pattern, response) :: endpoints.Refusals },
                        questions)

    /// A bulk audit has reported all endpoints of this pattern.
    let through (pattern: EndpointName) (endpoints: MgcpEndpoints) : MgcpEndpoints =
        { endpoints with
            TooLarge = endpoints.TooLarge |> List.filter (fun other -> other <> pattern) }

    let isPresumed (name: EndpointName) (endpoints: MgcpEndpoints) : bool =
        Set.contains (key name) endpoints.Presumed

    /// This endpoint answered, so it exists.
    let isThere (name: EndpointName) (endpoints: MgcpEndpoints) : MgcpEndpoints =
        { endpoints with Presumed = Set.remove (key name) endpoints.Presumed }

    /// This endpoint does not exist: a range reached beyond the last one.
    let isNone (name: EndpointName) (endpoints: MgcpEndpoints) : MgcpEndpoints =
        { isThere name endpoints with Listed = Map.remove (key name) endpoints.Listed }

    /// Handles a listed endpoint that is unknown when it is asked. It may answer under the domain of the pattern that listed it,
    /// it may exist only while it has connections, or the gateway contradicts itself.
    let unknown (name: EndpointName) (heard: Interval) (endpoints: MgcpEndpoints) (questions: MgcpQuestions) =
        let endpoint = Map.find (key name) endpoints.Listed
        let elsewhere = EndpointName.canonical { endpoint.Name with Domain = endpoint.Pattern.Domain }

        if elsewhere <> endpoint.Name then
            let others = { endpoints with Listed = Map.remove (key endpoint.Name) endpoints.Listed }
            struct (add endpoint.Pattern elsewhere others, ask [ AskConnections elsewhere ] questions)
        elif endpoints.ListedAgain then
            struct (endpoints,
                    error "is listed, and unknown when it is asked for" (string endpoint.Name) questions)
        else
            struct (withTold
                        endpoint.Name
                        [||]
                        heard
                        { endpoints with Vanished = Set.add (key endpoint.Name) endpoints.Vanished },
                    questions)

    /// Asks once more for the vanished endpoints that the gateway still lists.
    let listedAgain
        (pattern: EndpointName)
        (response: MgcpResponse)
        (endpoints: MgcpEndpoints)
        (questions: MgcpQuestions)
        =
        if MgcpReply.succeeded response then
            let locals =
                MgcpParameter.all "Z" response.Parameters
                |> Array.choose (EndpointName.tryParseIn pattern.Domain)
                |> Array.map (fun name -> (EndpointName.canonical name).Local)
                |> Set.ofArray

            ((struct (endpoints, questions)), endpoints.Vanished)
            ||> Set.fold (fun (struct (endpoints, questions)) key ->
                let endpoint = Map.find key endpoints.Listed

                if Set.contains endpoint.Name.Local locals then
                    struct (replace key { endpoint with Told = ValueNone } endpoints,
                            ask [ AskConnections endpoint.Name ] questions)
                else
                    struct (endpoints, questions))
        elif MgcpReply.isUnknownEndpoint response then
            struct (endpoints, questions)
        else
            let words = "lists endpoints that are unknown, and will not list them again"
            struct (endpoints, error words (string pattern) questions)

    let private byAnotherName = "does the gateway go by another name? endpoints="

    let private refusal (dialect: MgcpDialect) (struct (pattern: EndpointName, response: MgcpResponse)) =
        let advice =
            match response.Code with
            | 500 when EndpointName.isWild pattern ->
                $"; {byAnotherName}*@NAME; does it take no wildcards? endpoints=aaln/[1-24]"
            | 500 -> $"; {byAnotherName}{pattern.Local}@NAME"
            | 528
            | 510 -> $"; asked as {MgcpDialect.attempts dialect}"
            | _ -> ""

        Refused(RefusalCause.Code response.Code, $"AUEP {pattern}: {MgcpReply.words response}{advice}")

    /// The refusal of the first pattern, or of a whole range, if the gateway gave nothing but refusals; otherwise `ValueNone`.
    let tryRefused (dialect: MgcpDialect) (endpoints: MgcpEndpoints) : Shortfall voption =
        let nothing =
            Map.isEmpty endpoints.Listed
            && endpoints.TooLarge.IsEmpty
            && endpoints.Narrowed.IsEmpty
            && not endpoints.TakesWildcards
            && not endpoints.ListsNothing

        match List.rev endpoints.Refusals, List.rev endpoints.Expanded with
        | refused :: _, _ when nothing -> ValueSome(refusal dialect refused)
        | [], pattern :: _ when nothing ->
            Refused(
                RefusalCause.Code 500,
                $"AUEP of each of {pattern}: 500 unknown endpoint; {byAnotherName}{pattern.Local}@NAME"
            )
            |> ValueSome
        | _ -> ValueNone

    /// Reports refusals that came along with other answers. An unknown endpoint does not count as a refusal. Neither does a
    /// wildcard that matches nothing, but only if the gateway is known to understand wildcards.
    let besides (endpoints: MgcpEndpoints) (questions: MgcpQuestions) =
        let isNone (struct (pattern: EndpointName, response: MgcpResponse)) =
            response.Code = 500 && (endpoints.TakesWildcards || not (EndpointName.isWild pattern))

        let questions =
            (questions, List.rev endpoints.Refusals |> List.filter (isNone >> not))
            ||> List.fold (fun questions (struct (pattern, response)) ->
                error (MgcpReply.words response) (string pattern) questions)

        struct ({ endpoints with Refusals = [] },
                (if endpoints.ListsNothing then fault DoesNotList questions else questions))

    /// Kinds of endpoints by the convention of RFC 3435 appendix E, for a gateway whose list does not fit.
    let private kinds = [ "aaln"; "ds"; "cnf"; "ann"; "ivr"; "pr" ]

    let private units =
        [ for number in 0..31 do
              $"ds1-{number}"
              $"e1-{number}" ]

    /// The patterns below this one: the terms of endpoints that are known there, and the conventional ones.
    let private narrower (known: Connection[]) (endpoints: MgcpEndpoints) (pattern: EndpointName) =
        let terms = EndpointName.terms pattern
        let depth = terms.Length - 1
        let above = String.Join('/', Array.truncate depth terms)

        let below =
            [ for connection in known do
                  match tryPlace connection.Id with
                  | ValueSome(struct (name, _)) -> name
                  | ValueNone -> ()
              for endpoint in endpoints.Listed.Values do
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

        List.distinct (below @ usual)
        |> List.map (fun term -> { pattern with Local = (if above = "" then term else $"{above}/{term}") })

    /// Replaces patterns that are too large for one response by narrower ones, each pattern once. Guessed patterns never prove
    /// that the list is complete, so each pattern that is too large is also a fault.
    let narrow (known: Connection[]) (endpoints: MgcpEndpoints) (questions: MgcpQuestions) =
        let wide =
            endpoints.TooLarge
            |> List.filter (fun pattern -> not (Set.contains (key pattern) endpoints.Narrowed))

        let tooLarge (pattern: EndpointName) =
            Shortfall.TooLarge
                $"the endpoints of {pattern} do not fit one response; name its parts in endpoints="

        let questions =
            (questions, wide) ||> List.fold (fun questions pattern -> fault (tooLarge pattern) questions)

        let narrowed =
            (endpoints.Narrowed, wide) ||> List.fold (fun done' pattern -> Set.add (key pattern) done')

        let purposes =
            wide |> List.collect (narrower known endpoints) |> List.distinct |> List.map ListEndpoints

        struct ({ endpoints with TooLarge = []; Narrowed = narrowed }, ask purposes questions)
