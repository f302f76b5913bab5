namespace CallServer.Protocols.Mgcp

open System
open CallServer.Model
open CallServer.Wire
open CallServer.Exchange

/// An MGCP gateway to audit, and how to ask it.
type MgcpGateway =
    {
        Gateway: GatewayId
        /// All-of wildcards, or single endpoints; at least one.
        Patterns: EndpointName list
        /// Whether known connections may be verified with an MDCX that changes nothing.
        Verify: bool
        /// The MGCP version of the first commands, such as `MGCP 1.0`.
        Version: string
        /// How long the first attempt of a command waits for its answer.
        Timeout: TimeSpan
        /// How often a command is sent at most.
        Attempts: int
    }

/// How many commands an MGCP gateway gets at a time.
module internal MgcpPace =
    [<Literal>]
    let private FirstWindow = 2.0

    let none: Pace = Pace.create FirstWindow

    let start (pace: Pace) : Pace = Pace.resume FirstWindow Pace.Gentle pace

/// How endpoints and connections are named.
module internal MgcpName =
    /// The key that tells endpoints apart: the canonical name.
    let key (name: EndpointName) : string = string (EndpointName.canonical name)

    /// `ENDPOINT/CONNECTIONID`, the name under which the record keeps a connection.
    let idOf (endpoint: EndpointName) (id: string) : string = $"{key endpoint}/{id}"

    /// Splits that name into the endpoint and the gateway's own id; `ValueNone` if it has another form.
    let tryPlace (id: ConnectionId) : struct (EndpointName * string) voption =
        let text = string id
        let slash = text.LastIndexOf '/'

        if slash <= 0 || slash = text.Length - 1 then
            ValueNone
        else
            match EndpointName.tryParse (text.Substring(0, slash)) with
            | Some name -> ValueSome(struct (name, text.Substring(slash + 1)))
            | None -> ValueNone

/// What the responses to commands mean.
module internal MgcpReply =
    let succeeded (response: MgcpResponse) : bool = ReturnCode.classify response.Code = Success

    let isUnknownEndpoint (response: MgcpResponse) : bool = response.Code = 500

    /// Whether the connection is gone, or the endpoint that existed only for its sake.
    let isGone (response: MgcpResponse) : bool = response.Code = 515 || response.Code = 500

    /// The response in words, such as `510 protocol error`, with the package if the code belongs to one.
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
