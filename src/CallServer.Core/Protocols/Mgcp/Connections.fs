namespace CallServer.Protocols.Mgcp

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Which connections there are, and which ones of the record there are not.
type internal MgcpConnections =
    {
        /// By id; without those that AUCX did not tell of.
        Observed: Map<string, Observation>
        /// Endpoints that named no I: line.
        Untold: Set<string>
        /// Endpoints that never answered.
        Silenced: Set<string>
        /// Ids that AUCX said are no more.
        Gone: Set<string>
        /// Ids of the record that the gateway said it does not have.
        Denied: Set<string>
        /// AUCX was answered, other than that it does not exist.
        HasAudits: bool
        /// It answered no AUCX in this audit.
        LacksAudits: bool
        /// Nor in an earlier one.
        NeverAudited: bool
    }

/// The connections of each endpoint (AUEP F: I), what each one is (AUCX), and whether those are still there that the record holds
/// and no endpoint listed (AUCX, or an MDCX that changes nothing).
module internal MgcpConnections =
    open MgcpName
    open MgcpQuestions

    let start (neverAudited: bool) : MgcpConnections =
        { Observed = Map.empty
          Untold = Set.empty
          Silenced = Set.empty
          Gone = Set.empty
          Denied = Set.empty
          HasAudits = false
          LacksAudits = false
          NeverAudited = neverAudited }

    /// Whether the next audit need not try AUCX.
    let lackAudits (connections: MgcpConnections) : bool =
        connections.LacksAudits || (connections.NeverAudited && not connections.HasAudits)

    let private audits (name: EndpointName) (ids: string[]) (connections: MgcpConnections) =
        [ if not connections.LacksAudits then
              for id in ids do
                  if not (Map.containsKey (idOf name id) connections.Observed) then
                      AuditListed(name, id) ]

    /// The answer to AUEP F: I.
    let listed (answer: MgcpAnswer) name (connections: MgcpConnections) endpoints (questions: MgcpQuestions) =
        let response = answer.Response

        if MgcpReply.succeeded response then
            match MgcpLists.connectionIds response.Parameters with
            | ValueSome ids ->
                let ids = Array.distinct ids

                struct (connections,
                        endpoints
                        |> MgcpEndpoints.isThere name
                        |> MgcpEndpoints.withTold name ids answer.Heard,
                        ask (audits name ids connections) questions)
            | ValueNone ->
                let untold = Set.add (key name) connections.Untold
                struct ({ connections with Untold = untold }, endpoints, questions)
        elif MgcpReply.isUnknownEndpoint response && MgcpEndpoints.isPresumed name endpoints then
            struct (connections, MgcpEndpoints.isNone name endpoints, questions)
        elif MgcpReply.isUnknownEndpoint response then
            let struct (endpoints, questions) = MgcpEndpoints.unknown name answer.Heard endpoints questions
            struct (connections, endpoints, questions)
        else
            struct (connections, endpoints, refused (string name) answer questions)

    let private keep name id (observation: Observation voption) (connections: MgcpConnections) questions =
        match observation with
        | ValueSome observation ->
            let observed = Map.add (idOf name id) observation connections.Observed
            struct ({ connections with Observed = observed }, questions)
        | ValueNone ->
            struct (connections, error "a connection id that cannot be kept" (string name) questions)

    /// A connection that is there, whatever it is.
    let isThere (answer: MgcpAnswer) name id (connections: MgcpConnections) (questions: MgcpQuestions) =
        keep name id (MgcpObserving.listed name id answer.Heard) connections questions

    /// There is no AUCX: what waits for it is dropped.
    let withoutAudits (why: string) (connections: MgcpConnections) (questions: MgcpQuestions) =
        let isAudit (purpose: MgcpPurpose) =
            match purpose with
            | AuditListed _
            | AuditKnown _ -> true
            | ListEndpoints _
            | ListAgain _
            | AskPackages _
            | CountConnections _
            | AskConnections _
            | ModifyKnown _ -> false

        struct ({ connections with LacksAudits = true },
                questions |> without isAudit |> fault (NotServed $"AuditConnection: {why}"))

    let private deny where (connections: MgcpConnections) : MgcpConnections =
        { connections with Denied = Set.add where connections.Denied }

    /// The answer to AUCX.
    let audited (answer: MgcpAnswer) name id (connections: MgcpConnections) (questions: MgcpQuestions) =
        let response, where = answer.Response, idOf name id

        if response.Code = 504 then
            withoutAudits (MgcpReply.words response) connections questions
        else
            let connections = { connections with HasAudits = true }

            if MgcpReply.succeeded response then
                keep name id (MgcpObserving.audited name id answer.Heard response) connections questions
            elif not (MgcpReply.isGone response) then
                struct (connections, refused where answer questions)
            else
                match answer.Task.Purpose with
                | AuditKnown _ -> struct (deny where connections, questions)
                | _ -> struct ({ connections with Gone = Set.add where connections.Gone }, questions)

    /// The answer to MDCX.
    let modified
        (answer: MgcpAnswer)
        name
        id
        known
        (connections: MgcpConnections)
        (questions: MgcpQuestions)
        =
        let response, where = answer.Response, idOf name id

        if MgcpReply.succeeded response then
            keep name id (MgcpObserving.confirmed name id known answer.Heard response) connections questions
        elif MgcpReply.isGone response || response.Code = 516 then
            struct (deny where connections, questions)
        elif response.Code = 400 then
            // osmo-mgw says no more than this of an endpoint that has no connection; once might be another trouble.
            match tryOnce answer questions with
            | ValueSome questions -> struct (connections, questions)
            | ValueNone -> struct (deny where connections, questions)
        else
            struct (connections, refused where answer questions)

    /// The endpoint of a connection did not answer.
    let silenced (name: EndpointName) (connections: MgcpConnections) : MgcpConnections =
        { connections with Silenced = Set.add (key name) connections.Silenced }

    /// Endpoints that tell no connections are as many faults, or one where none tells any.
    let judgeUntold endpoints (connections: MgcpConnections) (questions: MgcpQuestions) : MgcpQuestions =
        if Set.isEmpty connections.Untold then
            questions
        elif endpoints.Listed |> Map.exists (fun _ endpoint -> endpoint.Told.IsSome) then
            (questions, connections.Untold)
            ||> Set.fold (fun questions name -> error "does not tell its connections" name questions)
        else
            fault DoesNotList questions

    let private listedIds (endpoints: MgcpEndpoints) : seq<struct (MgcpEndpoint * MgcpTold * string)> =
        seq {
            for endpoint in endpoints.Listed.Values do
                match endpoint.Told with
                | ValueSome told ->
                    for id in told.Ids do
                        struct (endpoint, told, id)
                | ValueNone -> ()
        }

    /// How connections of the record that no endpoint listed are asked for by their ids, where there is a way.
    let verifying (mayModify: bool) (known: Connection[]) endpoints (connections: MgcpConnections) =
        let listed =
            HashSet(listedIds endpoints |> Seq.map (fun (struct (endpoint, _, id)) -> idOf endpoint.Name id))

        [ for known in known do
              match tryPlace known.Id with
              | ValueSome(struct (name, id)) when
                  not (listed.Contains(string known.Id)) && not (Set.contains (key name) connections.Silenced)
                  ->
                  if mayModify && not connections.HasAudits then
                      if known.Facts.Call.IsSome then
                          ModifyKnown(name, id, known)
                  elif not (lackAudits connections) || connections.HasAudits then
                      AuditKnown(name, id, known)
              | ValueSome _
              | ValueNone -> () ]

    /// All that are there. What AUEP listed and AUCX did not tell of is known to be there all the same.
    let observations (endpoints: MgcpEndpoints) (connections: MgcpConnections) : Observation[] =
        let unaudited =
            listedIds endpoints
            |> Seq.choose (fun (struct (endpoint, told, id)) ->
                let where = idOf endpoint.Name id

                if Map.containsKey where connections.Observed || Set.contains where connections.Gone then
                    None
                else
                    MgcpObserving.listed endpoint.Name id told.Heard |> ValueOption.toOption)

        Seq.append connections.Observed.Values unaudited
        |> Seq.distinctBy _.Id
        |> Seq.sortBy _.Id
        |> Seq.toArray

    /// Connections of the record that the gateway said it does not have, and that nothing else showed.
    let denied (known: Connection[]) observations (connections: MgcpConnections) : ConnectionId[] =
        let heard = HashSet<string>(observations |> Seq.map (fun (seen: Observation) -> string seen.Id))

        known
        |> Array.map _.Id
        |> Array.filter (fun id ->
            let id = string id

            (Set.contains id connections.Denied || Set.contains id connections.Gone)
            && not (heard.Contains id))
