namespace CallServer.Protocols.Mgcp

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Which gateway, and how to ask it.
type MgcpGateway =
    {
        Gateway: GatewayId
        /// All-of wildcards, or single endpoints; at least one.
        Patterns: EndpointName list
        /// Known connections may be verified with a modification that changes nothing.
        Verify: bool
        /// What commands are written in at first, such as `MGCP 1.0`.
        Version: string
        /// The first wait for an answer.
        Timeout: TimeSpan
        /// How often a command is sent at most.
        Attempts: int
    }

/// Where an MGCP audit stands; the table of transitions is at the top of MgcpAudit.
[<RequireQualifiedAccess>]
type MgcpPhase =
    /// Which endpoints are there?
    | Listing
    /// Does the gateway have the Bulk Audit package?
    | Inquiring
    /// How many connections does each endpoint have?
    | Counting
    /// The connections of each endpoint, and each connection.
    | Auditing
    /// Connections of the record that were not listed, each by its id.
    | Verifying
    | Over

/// What is carried from one audit of a gateway to the next. It saves requests, and proves nothing.
type MgcpMemory =
    {
        /// 0 where there was no audit before.
        NextTransaction: int
        Pace: Pace
        /// The gateway has the Bulk Audit package, or has not.
        Bulk: bool voption
        /// It answered no AUCX.
        WithoutAuditConnection: bool
        /// How it understood commands last.
        Dialect: MgcpDialect voption
    }

/// Why a command is sent.
type internal MgcpPurpose =
    /// AUEP with an all-of wildcard: which endpoints?
    | ListEndpoints of EndpointName
    /// The same again: are endpoints that were listed and then unknown really no more?
    | ListAgain of EndpointName
    /// AUEP F: PL.
    | AskPackages of EndpointName
    /// AUEP BA/F: BA/C from that endpoint on; at most so many, 0 for as many as fit.
    | CountConnections of pattern: EndpointName * from: string voption * most: int
    /// AUEP F: I.
    | AskConnections of EndpointName
    /// AUCX of a connection that was listed.
    | AuditListed of EndpointName * id: string
    /// AUCX of a connection that the record holds.
    | AuditKnown of EndpointName * id: string * Connection
    /// MDCX without a change of a connection that the record holds.
    | ModifyKnown of EndpointName * id: string * Connection

/// A command that waits, and how often it was answered with a transient error.
type internal MgcpTask = { Purpose: MgcpPurpose; Refusals: int }

/// One endpoint, under its canonical name.
type internal MgcpEndpoint =
    {
        Name: EndpointName
        /// The pattern that it was found by.
        Pattern: EndpointName
        /// As the bulk audit counted last; 16 for more than 15.
        Count: int voption
        /// As AUEP listed last.
        Ids: string[] voption
        /// The exchange that listed them.
        Heard: Interval
    }

/// What came of the patterns that a gateway was asked for.
type internal MgcpListing =
    {
        /// A wildcard was answered as one: with endpoints, or that they are too many.
        TakesWildcards: bool
        /// A pattern was answered without a list of endpoints.
        ListsNothing: bool
        /// Refused, and how; newest first.
        Refusals: struct (EndpointName * MgcpResponse) list
        /// Those whose endpoints no response holds, but for those that a bulk audit went through.
        TooLarge: EndpointName list
        /// Made narrower, once each.
        Narrowed: Set<string>
        /// Ranges that were expanded here; newest first.
        Expanded: EndpointName list
        /// Endpoints of those ranges that no answer has shown to be there.
        Presumed: Set<string>
    }

    /// None was answered yet.
    static member Unanswered: MgcpListing =
        { TakesWildcards = false
          ListsNothing = false
          Refusals = []
          TooLarge = []
          Narrowed = Set.empty
          Expanded = []
          Presumed = Set.empty }

type MgcpAuditState =
    internal
        {
            Target: MgcpGateway
            Known: Connection[]
            Phase: MgcpPhase
            Asked: Instant
            Tx: MgcpTransactions<MgcpTask>
            Queue: MgcpTask list
            /// To be asked again at that time: the gateway was busy.
            Later: struct (Instant * MgcpTask) list
            Endpoints: Map<string, MgcpEndpoint>
            /// The keys of endpoints by their local names, which are all that bulk audits tell.
            Locals: Map<string, string>
            Listing: MgcpListing
            Bulk: bool voption
            /// Places from which a bulk audit went on, so that it cannot go in circles.
            Places: Set<string>
            Recounts: int
            /// By id; without those that AUCX did not tell of.
            Observations: Map<string, Observation>
            /// Endpoints that named no I: line.
            Untold: Set<string>
            /// Endpoints that were listed and then unknown.
            Vanished: Set<string>
            /// The list was asked for again because of them.
            ListedAgain: bool
            /// The bulk audit's counts are not believed: every endpoint is asked.
            Distrusted: bool
            /// Endpoints that never answered.
            Silenced: Set<string>
            /// AUCX was answered, other than that it does not exist.
            Audits: bool
            /// It answered no AUCX in this audit.
            WithoutAuditConnection: bool
            /// Nor in an earlier one.
            NeverAudited: bool
            Denied: Set<string>
            /// Ids that AUCX said are no more.
            Gone: Set<string>
            /// Why not everything was told, newest first.
            Faults: Shortfall list
            /// Errors of one kind are one fault: their words, how many, and the first that had it.
            Errors: Map<string, struct (int * string)>
            /// What the present event gives, newest first.
            Outbox: Command list
        }

module internal MgcpState =
    /// More endpoints than this no gateway has.
    [<Literal>]
    let MaxEndpoints = 100_000

    /// More commands than this an audit never sends, whatever the gateway says.
    [<Literal>]
    let MaxRequests = 400_000

    let key (name: EndpointName) : string = string (EndpointName.canonical name)

    /// `ENDPOINT/CONNECTIONID`, under which the record keeps a connection.
    let idOf (endpoint: EndpointName) (id: string) : string = $"{key endpoint}/{id}"

    /// The endpoint and the gateway's own id again.
    let tryPlace (id: ConnectionId) : struct (EndpointName * string) voption =
        let text = string id
        let slash = text.LastIndexOf '/'

        if slash <= 0 || slash = text.Length - 1 then
            ValueNone
        else
            match EndpointName.tryParse (text.Substring(0, slash)) with
            | Some name -> ValueSome(struct (name, text.Substring(slash + 1)))
            | None -> ValueNone

    let fault (shortfall: Shortfall) (state: MgcpAuditState) : MgcpAuditState =
        if List.contains shortfall state.Faults then
            state
        else
            { state with Faults = shortfall :: state.Faults }

    /// One of perhaps many errors of one kind.
    let error (words: string) (where: string) (state: MgcpAuditState) : MgcpAuditState =
        let entry =
            match Map.tryFind words state.Errors with
            | Some(struct (count, first)) -> struct (count + 1, first)
            | None -> struct (1, where)

        { state with Errors = Map.add words entry state.Errors }

    /// Before what waits already: connections are asked for soon after they were listed.
    let first (purposes: MgcpPurpose list) (state: MgcpAuditState) : MgcpAuditState =
        let tasks = purposes |> List.map (fun purpose -> { Purpose = purpose; Refusals = 0 })
        { state with Queue = tasks @ state.Queue }

    let addEndpoint (pattern: EndpointName) (name: EndpointName) (state: MgcpAuditState) : MgcpAuditState =
        let key = key name

        if Map.containsKey key state.Endpoints then
            state
        else
            let endpoint =
                { Name = EndpointName.canonical name
                  Pattern = pattern
                  Count = ValueNone
                  Ids = ValueNone
                  Heard = Interval.point state.Asked }

            { state with
                Endpoints = Map.add key endpoint state.Endpoints
                Locals = Map.add endpoint.Name.Local key state.Locals }

    let send (octets: byte[]) (state: MgcpAuditState) : MgcpAuditState =
        { state with Outbox = Send octets :: state.Outbox }

    /// A response in words: `510 protocol error (its comment)`.
    let words (response: MgcpResponse) : string =
        let package =
            match response.Package with
            | ValueSome name -> $"/{name} "
            | ValueNone -> ""

        let meaning =
            match ReturnCode.meaning response.Code with
            | ValueSome text -> " " + text
            | ValueNone -> ""

        $"{response.Code} {package}".TrimEnd() + meaning
