namespace CallServer.Protocols.Mgcp

open System
open CallServer.Model
open CallServer.Wire
open CallServer.Exchange

/// How endpoints come or go: the RestartMethod (RFC 3435 §2.3.12).
[<RequireQualifiedAccess>]
type RestartKind =
    /// The endpoints are back, or new. The connections they had are lost.
    | Restart
    /// The endpoints go out of service at once. Their connections are lost.
    | Forced
    /// The endpoints will go out of service after the delay. Nothing is lost yet.
    | Graceful
    /// The endpoints will stay in service after all.
    | CancelGraceful
    /// The endpoints had lost their call agent and found it again. Their connections live on.
    | Disconnected

    /// The word that MGCP uses.
    override this.ToString() =
        match this with
        | Restart -> "restart"
        | Forced -> "forced"
        | Graceful -> "graceful"
        | CancelGraceful -> "cancel-graceful"
        | Disconnected -> "disconnected"

/// What a gateway announced with an RSIP.
type RestartNotice =
    {
        Kind: RestartKind
        /// One endpoint, or an all-of wildcard.
        Endpoints: EndpointName
        /// How long until it happens; zero if it happens now.
        Delay: TimeSpan
        /// HOST:PORT of the sender.
        Source: string
    }

/// The answer to one transaction, kept so that a repetition gets the same answer.
type private PastAnswer = { Answer: byte[]; At: Instant }

/// The port on which gateways call (RFC 3435 §3.2.1.3: 2727).
///
///   datagram                                          answer          notice
///   RSIP with a known restart method                  200             yes, in any version of MGCP
///   RSIP with an unknown method, or none              536, 510        no
///   the same transaction from the same source again   the same        no, within 30 s (§3.5.1, T-HIST)
///   NTFY                                              200             no: this server requested no events
///   a command that only a call agent sends            504             no
///   a command that cannot be read                     510             no
///   responses, noise                                  none            no
///
/// The listener never moves a gateway to another call agent: its answers have no N:, and no RQNT follows them.
type ListenerState =
    private
        {
            /// By source and transaction.
            Past: Map<string * int, PastAnswer>
            /// Datagrams that held nothing for this listener.
            Strays: int
        }

module MgcpListening =
    /// T-HIST (RFC 3435 §3.5.1): how long answers are kept.
    let private history = TimeSpan.FromSeconds 30.0

    /// The most answers to keep. When the oldest are dropped, their repetitions count as new.
    [<Literal>]
    let private MaxPast = 4096

    let empty: ListenerState = { Past = Map.empty; Strays = 0 }

    let strays (state: ListenerState) : int = state.Strays

    let private tryKind (text: string) : RestartKind voption =
        match text.Trim().ToLowerInvariant() with
        | "restart" -> ValueSome RestartKind.Restart
        | "forced" -> ValueSome RestartKind.Forced
        | "graceful" -> ValueSome RestartKind.Graceful
        | "cancel-graceful" -> ValueSome RestartKind.CancelGraceful
        | "disconnected" -> ValueSome RestartKind.Disconnected
        | _ -> ValueNone

    let private delayOf (command: MgcpCommand) : TimeSpan =
        match MgcpParameter.tryFind "RD" command.Parameters with
        | ValueNone -> TimeSpan.Zero
        | ValueSome text ->
            match
                UInt32.TryParse(
                    text,
                    Globalization.NumberStyles.None,
                    Globalization.CultureInfo.InvariantCulture
                )
            with
            | true, seconds -> TimeSpan.FromSeconds(float seconds)
            | false, _ -> TimeSpan.Zero

    let private respond (code: int) (transaction: int) (comment: string) : byte[] =
        Mgcp.encode (MgcpMessage.Response(Mgcp.response code transaction comment []))

    /// The answer to a command that arrives for the first time, and its notice.
    let private carryOut (source: string) (command: MgcpCommand) : struct (byte[] * RestartNotice voption) =
        let answer code comment = respond code command.Transaction comment

        match command.Verb with
        | MgcpVerb.RestartInProgress ->
            match MgcpParameter.tryFind "RM" command.Parameters |> ValueOption.map tryKind with
            | ValueNone -> struct (answer 510 "no restart method", ValueNone)
            | ValueSome(ValueSome kind) ->
                struct (answer 200 "OK",
                        ValueSome
                            { Kind = kind
                              Endpoints = EndpointName.canonical command.Endpoint
                              Delay = delayOf command
                              Source = source })
            | ValueSome ValueNone -> struct (answer 536 "unknown restart method", ValueNone)
        | MgcpVerb.Notify -> struct (answer 200 "OK", ValueNone)
        | _ -> struct (answer 504 "unknown or unsupported command", ValueNone)

    let private forget (now: Instant) (past: Map<string * int, PastAnswer>) : Map<string * int, PastAnswer> =
        let recent = past |> Map.filter (fun _ answer -> now - answer.At < history)

        if recent.Count < MaxPast then
            recent
        else
            recent
            |> Map.toSeq
            |> Seq.sortByDescending (fun (_, answer) -> answer.At)
            |> Seq.truncate (MaxPast / 2)
            |> Map.ofSeq

    let private once
        (now: Instant)
        (source: string)
        (struct (state: ListenerState, replies: byte[] list, notices: RestartNotice list))
        (message: Result<MgcpMessage, MgcpError>)
        =
        let stray = { state with Strays = state.Strays + 1 }

        match message with
        | Ok(MgcpMessage.Command command) ->
            let key = (source, command.Transaction)

            match Map.tryFind key state.Past with
            | Some past when now - past.At < history -> struct (state, past.Answer :: replies, notices)
            | Some _
            | None ->
                let struct (answer, notice) = carryOut source command

                let past = if state.Past.Count < MaxPast then state.Past else forget now state.Past

                struct ({ state with Past = Map.add key { Answer = answer; At = now } past },
                        answer :: replies,
                        (match notice with
                         | ValueSome notice -> notice :: notices
                         | ValueNone -> notices))
        | Ok(MgcpMessage.Response _) -> struct (stray, replies, notices)
        | Error error when error.Transaction > 0 ->
            struct (stray, respond 510 error.Transaction "protocol error" :: replies, notices)
        | Error _ -> struct (stray, replies, notices)

    /// Takes in one datagram from HOST:PORT: returns the new state, the answers to send back there, and the notices.
    let receive (now: Instant) (source: string) (octets: byte[]) (state: ListenerState) =
        let struct (state, replies, notices) =
            Mgcp.decode octets |> Array.fold (once now source) (struct (state, [], []))

        struct (state, List.rev replies, List.rev notices)
