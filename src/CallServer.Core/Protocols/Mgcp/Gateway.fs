namespace CallServer.Protocols.Mgcp

open System
open CallServer.Model
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

/// How many commands an MGCP gateway is sent at a time.
module internal MgcpPace =
    [<Literal>]
    let private MaxWindow = 8.0

    let none: Pace = Pace.create 2.0

    let prompt (pace: Pace) : Pace = Pace.avoidCongestion MaxWindow pace

/// What endpoints and connections are called.
module internal MgcpName =
    /// Endpoints are told apart by their canonical names.
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

/// How a command was answered.
module internal MgcpReply =
    let succeeded (response: MgcpResponse) : bool = ReturnCode.classify response.Code = Success

    let isUnknownEndpoint (response: MgcpResponse) : bool = response.Code = 500

    /// The connection is not there, or its endpoint comes and goes with it.
    let isGone (response: MgcpResponse) : bool = response.Code = 515 || response.Code = 500

    /// In words: `510 protocol error`, with the package where the code is a package's own.
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
