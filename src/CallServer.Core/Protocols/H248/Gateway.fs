namespace CallServer.Protocols.H248

open System
open CallServer.Model
open CallServer.Wire
open CallServer.Exchange

/// A media gateway that is asked in H.248, in the text encoding over UDP.
type H248Gateway =
    {
        Gateway: GatewayId
        /// As whom we ask: `<NAME>`, or `[ADDRESS]:PORT`. ValueNone: our end of the path.
        Sender: string voption
        /// The version of the first requests, 1 to 3.
        Version: int
        /// How long the first attempt of a request waits for its answer.
        Timeout: TimeSpan
        /// How often a request is sent at most.
        Attempts: int
        /// Every audit of this number at least reads the media of all terminations; 1: each does.
        FactsEvery: int
    }

/// How many requests a gateway gets at a time.
module internal H248Pace =
    [<Literal>]
    let private FirstWindow = 2.0

    let none: Pace = Pace.create FirstWindow

    let start (pace: Pace) : Pace = Pace.resume FirstWindow Pace.Gentle pace

/// How connections are named: `CONTEXT/TERMINATION`.
module internal H248Name =
    let idOf (context: uint32) (termination: string) : string = $"{context}/{termination}"

    /// Splits that name; `ValueNone` if it has another form.
    let tryPlace (id: ConnectionId) : struct (uint32 * string) voption =
        let text = string id
        let slash = text.IndexOf '/'

        if slash <= 0 || slash = text.Length - 1 then
            ValueNone
        else
            match UInt32.TryParse(text.AsSpan(0, slash), Globalization.NumberStyles.None, null) with
            | true, context -> ValueSome(struct (context, text.Substring(slash + 1)))
            | _ -> ValueNone

/// What an error code means for whoever asks (H.248.8).
[<RequireQualifiedAccess>]
type internal H248Meaning =
    /// There is no such context, or no termination in any.
    | Nothing
    /// The answer does not fit.
    | TooLarge
    /// It is busy, or not ready: ask again.
    | Busy
    /// The version of the protocol.
    | Version
    /// It takes commands of others: of its controller.
    | NotOurs
    | Other

module internal H248Meaning =
    let ofCode (code: int) : H248Meaning =
        match code with
        // Unknown ContextID; unknown TerminationID; no TerminationID matched a wildcard; TerminationID is not in the context.
        | 411
        | 430
        | 431
        | 435 -> H248Meaning.Nothing
        // Insufficient resources; the response exceeds the largest transport PDU.
        | 510
        | 533 -> H248Meaning.TooLarge
        // Internal failure; not ready; service unavailable; too many pendings; temporary network failure.
        | 500
        | 502
        | 503
        | 506
        | 530 -> H248Meaning.Busy
        | 406 -> H248Meaning.Version
        // Unauthorized; command from an unauthorized entity; before a ServiceChange reply; incorrect identifier.
        | 402
        | 410
        | 504
        | 505 -> H248Meaning.NotOurs
        | _ -> H248Meaning.Other

    let private names =
        Map
            [ 400, "syntax error in message"
              401, "protocol error"
              402, "unauthorized"
              403, "syntax error in transaction request"
              406, "version not supported"
              410, "incorrect identifier"
              411, "unknown context"
              421, "unknown action or illegal combination of actions"
              422, "syntax error in action"
              430, "unknown termination"
              431, "no termination matched a wildcard"
              435, "termination is not in the context"
              442, "syntax error in command"
              443, "unsupported or unknown command"
              444, "unsupported or unknown descriptor"
              500, "internal software failure"
              501, "not implemented"
              502, "not ready"
              503, "service unavailable"
              504, "command received from an unauthorized entity"
              505, "request received before a ServiceChange reply"
              506, "too many pendings"
              510, "insufficient resources"
              530, "temporary network failure"
              533, "response exceeds the maximum transport PDU size" ]

    /// The code in words, such as `411 unknown context`, with the gateway's own words where the code says nothing.
    let words (fault: H248Fault) : string =
        match Map.tryFind fault.Code names with
        | Some name -> $"{fault.Code} {name}"
        | None when fault.Text = "" -> string fault.Code
        | None -> $"{fault.Code} {fault.Text}"
