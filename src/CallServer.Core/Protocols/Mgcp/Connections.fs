namespace CallServer.Protocols.Mgcp

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// The connections that the gateway has, and those on record that it no longer has.
type internal MgcpConnections =
    {
        /// What was observed, by connection id. A connection whose AUCX got no usable answer is missing here.
        Observed: Map<string, Observation>
        /// Endpoints whose answer to AUEP has no I: line.
        Untold: Set<string>
        /// Endpoints with a command that got no answer to any of its attempts.
        Silenced: Set<string>
        /// Ids that are gone according to AUCX.
        Gone: Set<string>
        /// Ids on record that the gateway says it does not have.
        Denied: Set<string>
        /// An AUCX got a response other than 504 (unknown command).
        HasAudits: bool
        /// AUCX does not work in this audit: the gateway answered 504 or nothing.
        LacksAudits: bool
        /// AUCX did not work in the audit before this one either.
        NeverAudited: bool
    }

/// Collects the connections of each endpoint (AUEP F: I) and the details of each one (AUCX). Then checks whether the connections
/// on record that no endpoint listed still exist, by AUCX or by an MDCX that changes nothing.
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

    /// Whether the next audit can skip AUCX.
    let lackAudits (connections: MgcpConnections) : bool =
        connections.LacksAudits || (connections.NeverAudited && not connections.HasAudits)

    let private audits (name: EndpointName) (ids: string[]) (connections: MgcpConnections) =
        [ if not connections.LacksAudits then
              for id in ids do
                  if not (Map.containsKey (idOf name id) connections.Observed) then
                      AuditListed(name, id) ]

    /// Takes in the answer to AUEP F: I.
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

    /// Records a connection that exists, without any details.
    let isThere (answer: MgcpAnswer) name id (connections: MgcpConnections) (questions: MgcpQuestions) =
        keep name id (MgcpObserving.listed name id answer.Heard) connections questions

    /// AUCX does not work here: drops the AUCX commands that are still waiting.
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

    /// Takes in the answer to AUCX.
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

    /// Takes in the answer to MDCX.
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
            // osmo-mgw answers 400 for an endpoint that has no connection. A single 400 might have another cause, so it is asked
            // twice.
            match tryOnce answer questions with
            | ValueSome questions -> struct (connections, questions)
            | ValueNone -> struct (deny where connections, questions)
        else
            struct (connections, refused where answer questions)

    /// The endpoint of a connection did not answer.
    let silenced (name: EndpointName) (connections: MgcpConnections) : MgcpConnections =
        { connections with Silenced = Set.add (key name) connections.Silenced }

    /// Adds a fault for each endpoint that does not report its connections, or a single fault if no endpoint reports any.
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

    /// The commands that ask by id for connections on record that no endpoint listed. Empty if the gateway offers no way to ask.
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

    /// All connections that exist. AUEP alone is enough: a connection that it listed counts even if AUCX says nothing about it.
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

    /// Connections on record that the gateway says it does not have, and that no other answer showed.
    let denied (known: Connection[]) observations (connections: MgcpConnections) : ConnectionId[] =
        let heard = HashSet<string>(observations |> Seq.map (fun (seen: Observation) -> string seen.Id))

        known
        |> Array.map _.Id
        |> Array.filter (fun id ->
            let id = string id

            (Set.contains id connections.Denied || Set.contains id connections.Gone)
            && not (heard.Contains id))
