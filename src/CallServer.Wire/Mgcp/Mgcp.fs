namespace CallServer.Wire

open System

/// One parameter line of a message. The code is upper case; RFC 3435 §3.2.2 and the packages define the
/// codes.
[<Struct>]
type MgcpParameter = { Code: string; Value: string }

/// A command, as a call agent or a gateway sends it (RFC 3435 §3.2).
type MgcpCommand =
    {
        /// Four characters, upper case.
        Verb: string
        /// 1 to 999,999,999 (RFC 3435 §3.2.1.2).
        Transaction: int
        Endpoint: EndpointName
        /// `MGCP 1.0`, followed by the profile's name if there is one.
        Version: string
        Parameters: MgcpParameter[]
        /// Session descriptions, one text each. In a call agent's command: the RemoteConnectionDescriptor.
        Sessions: string[]
    }

/// A response to a command (RFC 3435 §3.3).
type MgcpResponse =
    {
        /// 0 to 999; 0 acknowledges a response (RFC 3435 §3.5.1).
        Code: int
        /// The transaction of the command that it answers; 0 if the gateway could not read that.
        Transaction: int
        /// The package that defines the return code.
        Package: string voption
        Comment: string
        Parameters: MgcpParameter[]
        /// Session descriptions, one text each. If there are two, the local one comes before the remote one
        /// (RFC 3435 §3.3).
        Sessions: string[]
    }

/// One message of a datagram.
[<RequireQualifiedAccess>]
type MgcpMessage =
    | Command of MgcpCommand
    | Response of MgcpResponse

/// Why a message cannot be read.
type MgcpProblem =
    /// Nothing but empty lines.
    | Empty
    /// The message begins with neither a verb nor a return code.
    | NoCommand
    | BadTransaction
    | BadEndpoint
    /// A command without `MGCP` and a version.
    | BadVersion
    /// A line of a command that is not `CODE: value`.
    | BadParameter
    /// More lines than are kept for a datagram of this size.
    | TooManyLines
    | TooManyMessages

/// What is wrong, and at which octet of the datagram, counted from 0.
type MgcpError =
    {
        Offset: int
        Problem: MgcpProblem
        /// The transaction of the message that cannot be read; 0 if that cannot be read either.
        Transaction: int
    }

    override this.ToString() =
        let what =
            match this.Problem with
            | Empty -> "no message"
            | NoCommand -> "neither a verb nor a return code"
            | BadTransaction -> "no transaction id"
            | BadEndpoint -> "no endpoint name"
            | BadVersion -> "no protocol version"
            | BadParameter -> "a line that is no parameter"
            | TooManyLines -> "too many lines"
            | TooManyMessages -> "too many messages in one datagram"

        $"{what} at octet {this.Offset}"

/// What the hundreds of a return code mean (RFC 3435 §2.4), so that unknown codes are understood too.
type ReturnClass =
    /// 000: acknowledges a response.
    | Acknowledgement
    /// 1xx: the gateway is carrying out the command; the final response follows.
    | Provisional
    | Success
    /// 4xx: the same command may succeed later.
    | TransientError
    | PermanentError
    /// 8xx: the package that the response names says what it means.
    | PackageCode
    | UnknownClass

/// Return codes (RFC 3435 §2.4).
module ReturnCode =
    /// The class of a code; 3xx, 6xx, 7xx and anything above 899 are `UnknownClass`.
    let classify (code: int) : ReturnClass =
        match code / 100 with
        | 0 -> Acknowledgement
        | 1 -> Provisional
        | 2 -> Success
        | 4 -> TransientError
        | 5 -> PermanentError
        | 8 -> PackageCode
        | _ -> UnknownClass

    /// The meaning of a code in plain English; `ValueNone` for a code that RFC 3435 does not list.
    let meaning (code: int) : string voption =
        match code with
        | 400 -> ValueSome "unspecified transient error"
        | 401 -> ValueSome "the phone is off-hook"
        | 402 -> ValueSome "the phone is on-hook"
        | 403 -> ValueSome "not enough resources now"
        | 404 -> ValueSome "not enough bandwidth now"
        | 405 -> ValueSome "the endpoint is restarting"
        | 406 -> ValueSome "the transaction took too long"
        | 407 -> ValueSome "the transaction was aborted"
        | 409 -> ValueSome "overloaded"
        | 410 -> ValueSome "no endpoint available"
        | 500 -> ValueSome "unknown endpoint"
        | 501 -> ValueSome "the endpoint is not ready or out of service"
        | 502 -> ValueSome "not enough resources"
        | 503 -> ValueSome "all-of wildcard too complicated"
        | 504 -> ValueSome "unknown or unsupported command"
        | 505 -> ValueSome "unsupported remote connection descriptor"
        | 506 -> ValueSome "local options and remote description do not fit"
        | 507 -> ValueSome "unsupported functionality"
        | 508 -> ValueSome "unknown or unsupported quarantine handling"
        | 509 -> ValueSome "bad remote connection descriptor"
        | 510 -> ValueSome "protocol error"
        | 511 -> ValueSome "unrecognized extension"
        | 512 -> ValueSome "cannot detect an event"
        | 513 -> ValueSome "cannot generate a signal"
        | 514 -> ValueSome "cannot send the announcement"
        | 515 -> ValueSome "unknown connection-id"
        | 516 -> ValueSome "unknown or wrong call-id"
        | 517 -> ValueSome "unsupported mode"
        | 518 -> ValueSome "unsupported package"
        | 519 -> ValueSome "no digit map"
        | 520 -> ValueSome "the endpoint is restarting"
        | 521 -> ValueSome "redirected to another call agent"
        | 522 -> ValueSome "no such event or signal"
        | 523 -> ValueSome "unknown or illegal combination of actions"
        | 524 -> ValueSome "inconsistent local connection options"
        | 525 -> ValueSome "unknown extension of the local connection options"
        | 526 -> ValueSome "not enough bandwidth"
        | 527 -> ValueSome "no remote connection descriptor"
        | 528 -> ValueSome "incompatible protocol version"
        | 529 -> ValueSome "internal hardware failure"
        | 530 -> ValueSome "signalling protocol error"
        | 531 -> ValueSome "trunk group failure"
        | 532 -> ValueSome "unsupported value in the local connection options"
        | 533 -> ValueSome "response too large"
        | 534 -> ValueSome "no codec could be agreed"
        | 535 -> ValueSome "packetization period not supported"
        | 536 -> ValueSome "unknown restart method"
        | 537 -> ValueSome "unknown digit map extension"
        | 538 -> ValueSome "event or signal parameter error"
        | 539 -> ValueSome "invalid command parameter"
        | 540 -> ValueSome "too many connections on the endpoint"
        | 541 -> ValueSome "invalid local connection options"
        | _ -> ValueNone

/// The verbs of commands (RFC 3435 §2.3).
module MgcpVerb =
    /// Sets the encoding of an endpoint's line side, such as A-law.
    [<Literal>]
    let EndpointConfiguration = "EPCF"

    /// Creates a connection.
    [<Literal>]
    let CreateConnection = "CRCX"

    /// Changes a connection.
    [<Literal>]
    let ModifyConnection = "MDCX"

    /// Deletes one connection, or all connections of a call or an endpoint. A gateway may send it too.
    [<Literal>]
    let DeleteConnection = "DLCX"

    /// Asks a gateway to watch for events and to play signals; with `N:` it also moves the endpoint to
    /// another call agent.
    [<Literal>]
    let NotificationRequest = "RQNT"

    /// A gateway reports events.
    [<Literal>]
    let Notify = "NTFY"

    /// Asks for the state of an endpoint, or lists endpoints (RFC 3435 §2.3.10).
    [<Literal>]
    let AuditEndpoint = "AUEP"

    /// Asks for the parameters of one connection (RFC 3435 §2.3.11).
    [<Literal>]
    let AuditConnection = "AUCX"

    /// A gateway reports that endpoints go out of service or come back (RFC 3435 §2.3.12).
    [<Literal>]
    let RestartInProgress = "RSIP"

    /// All verbs of RFC 3435.
    let known =
        [| EndpointConfiguration
           CreateConnection
           ModifyConnection
           DeleteConnection
           NotificationRequest
           Notify
           AuditEndpoint
           AuditConnection
           RestartInProgress |]

/// Makes and finds parameter lines.
module MgcpParameter =
    /// A parameter line; the code must be upper case.
    let create (code: string) (value: string) : MgcpParameter = { Code = code; Value = value }

    /// The value of the first line with this code, given in upper case; `ValueNone` if there is none.
    let tryFind (code: string) (parameters: MgcpParameter[]) : string voption =
        let index = Array.FindIndex(parameters, fun parameter -> parameter.Code = code)
        if index < 0 then ValueNone else ValueSome parameters[index].Value

    /// The values of all lines with this code, in order.
    let all (code: string) (parameters: MgcpParameter[]) : string[] =
        parameters
        |> Array.choose (fun parameter -> if parameter.Code = code then Some parameter.Value else None)
