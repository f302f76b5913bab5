namespace CallServer.Wire

open System

/// One parameter line of a message. The code is upper case; which codes there are is told in RFC 3435 §3.2.2 and by the packages.
[<Struct>]
type MgcpParameter = { Code: string; Value: string }

type MgcpCommand =
    {
        /// Four characters, upper case.
        Verb: string
        /// 1 to 999,999,999 (RFC 3435 §3.2.1.2).
        Transaction: int
        Endpoint: EndpointName
        /// `MGCP 1.0` and the profile's name, if any.
        Version: string
        Parameters: MgcpParameter[]
        /// Session descriptions, one text each; RemoteConnectionDescriptor in what a call agent sends.
        Sessions: string[]
    }

type MgcpResponse =
    {
        /// 0 to 999; 0 is the acknowledgement of a response (RFC 3435 §3.5.1).
        Code: int
        /// Of the command that it answers; 0 where the gateway could not read it.
        Transaction: int
        /// The package whose return code it is.
        Package: string voption
        Comment: string
        Parameters: MgcpParameter[]
        /// Session descriptions, one text each: of two, the local comes before the remote one (RFC 3435 §3.3).
        Sessions: string[]
    }

/// One of the messages of a datagram.
[<RequireQualifiedAccess>]
type MgcpMessage =
    | Command of MgcpCommand
    | Response of MgcpResponse

/// Why a message cannot be read.
type MgcpProblem =
    /// Nothing but empty lines.
    | Empty
    /// Neither verb nor return code at its beginning.
    | NoCommand
    | BadTransaction
    | BadEndpoint
    /// A command without `MGCP` and a version.
    | BadVersion
    /// A line of a command that is not `CODE: value`.
    | BadParameter
    /// More lines than its size allows to be kept.
    | TooManyLines
    | TooManyMessages

/// What is wrong, and at which octet of the datagram.
type MgcpError =
    {
        Offset: int
        Problem: MgcpProblem
        /// Of the message that cannot be read: 0 where that cannot be read either.
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

/// What a return code says by its hundreds (RFC 3435 §2.4): so codes that nobody knows are understood too.
type ReturnClass =
    /// 000: the response is acknowledged.
    | Acknowledgement
    /// 1xx: the command is being carried out; the final response follows.
    | Provisional
    | Success
    /// 4xx: may go well another time.
    | TransientError
    | PermanentError
    /// 8xx: the package that is named says what it means.
    | PackageCode
    | UnknownClass

module ReturnCode =
    let classify (code: int) : ReturnClass =
        match code / 100 with
        | 0 -> Acknowledgement
        | 1 -> Provisional
        | 2 -> Success
        | 4 -> TransientError
        | 5 -> PermanentError
        | 8 -> PackageCode
        | _ -> UnknownClass

    /// In our words, for people; nothing for a code that RFC 3435 does not list.
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

module MgcpVerb =
    [<Literal>]
    let EndpointConfiguration = "EPCF"

    [<Literal>]
    let CreateConnection = "CRCX"

    [<Literal>]
    let ModifyConnection = "MDCX"

    [<Literal>]
    let DeleteConnection = "DLCX"

    [<Literal>]
    let NotificationRequest = "RQNT"

    [<Literal>]
    let Notify = "NTFY"

    [<Literal>]
    let AuditEndpoint = "AUEP"

    [<Literal>]
    let AuditConnection = "AUCX"

    [<Literal>]
    let RestartInProgress = "RSIP"

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

module MgcpParameter =
    let create (code: string) (value: string) : MgcpParameter = { Code = code; Value = value }

    /// The first of that code, given in upper case.
    let tryFind (code: string) (parameters: MgcpParameter[]) : string voption =
        let index = Array.FindIndex(parameters, fun parameter -> parameter.Code = code)
        if index < 0 then ValueNone else ValueSome parameters[index].Value

    /// All of that code, in order.
    let all (code: string) (parameters: MgcpParameter[]) : string[] =
        parameters
        |> Array.choose (fun parameter -> if parameter.Code = code then Some parameter.Value else None)
