namespace CallServer.Protocols.Esl

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// How far the stream has come.
[<RequireQualifiedAccess>]
type internal EslStage =
    | Opening
    /// FreeSWITCH has yet to ask for the password.
    | Greeting
    | LoggingIn
    | Ready

/// What a message of FreeSWITCH means to an exchange.
[<RequireQualifiedAccess; NoEquality; NoComparison>]
type internal EslHeard =
    | Nothing
    | Refused of Shortfall
    /// The answer to that question: what it printed, or in words why it did nothing.
    | Answer of InFlight<EslQuestion, unit> * Result<byte[], string>

/// The stream to a FreeSWITCH, and the questions on it.
[<NoEquality; NoComparison>]
type internal EslLink<'Outcome> =
    {
        Target: EslGateway
        /// By their number: answers come in the order of the questions.
        Window: RequestWindow<int, EslQuestion, unit, 'Outcome>
        Sent: int
        Stream: EslStream
        Stage: EslStage
        /// When to give up the stream if it is not ready by then.
        ReadyBy: Instant
        /// How often the stream was opened again.
        Reopened: int
        /// Why the stream broke last.
        Trouble: string
    }

/// A stream that breaks is opened again, twice at most, if it was ever ready; what was not answered is asked again, in its order.
module internal EslLink =
    /// A limit, in case a gateway answers for ever.
    [<Literal>]
    let private MaxRequests = 2_000_000

    [<Literal>]
    let private MaxReopened = 2

    /// A request waits once for as long as all attempts of a datagram together.
    let private patience (target: EslGateway) : TimeSpan =
        RequestWindow.patience target.Timeout target.Attempts

    let private connect (now: Instant) (link: EslLink<'Outcome>) : EslLink<'Outcome> =
        { link with
            Window = RequestWindow.put Connect link.Window
            Stage = EslStage.Opening
            Stream = Esl.empty
            ReadyBy = now + patience link.Target }

    let start (target: EslGateway) (given: AuditStart) : EslLink<'Outcome> =
        let now = given.At.Steady
        let pace = Pace.create Pace.Gentle
        let window = RequestWindow.create target.Timeout target.Attempts MaxRequests pace given.Rng now

        connect
            now
            { Target = target
              Window = { window with IsStream = true }
              Sent = 0
              Stream = Esl.empty
              Stage = EslStage.Opening
              ReadyBy = now
              Reopened = 0
              Trouble = "" }

    /// Something came that answers nothing.
    let stray (what: string) (link: EslLink<'Outcome>) : EslLink<'Outcome> =
        { link with Window = RequestWindow.stray what link.Window }

    let connected (link: EslLink<'Outcome>) : EslLink<'Outcome> = { link with Stage = EslStage.Greeting }

    /// Sends questions that wait, as many as FreeSWITCH can take at once.
    let rec pump (now: Instant) (link: EslLink<'Outcome>) : EslLink<'Outcome> =
        let slots = if link.Stage = EslStage.Ready then Pace.slots link.Window.Pace else 0

        match RequestWindow.tryNext slots link.Window with
        | ValueSome(struct (next, window)) ->
            let octets = Esl.encodeCommand $"api {next}"
            let deadline = now + patience link.Target

            pump
                now
                { link with
                    Sent = link.Sent + 1
                    Window = RequestWindow.send now link.Sent next () octets deadline window }
        | ValueNone -> link

    let private logIn (link: EslLink<'Outcome>) : EslLink<'Outcome> =
        { link with
            Stage = EslStage.LoggingIn
            Window = RequestWindow.transmit (Esl.encodeAuth link.Target.Password) link.Window }

    /// The stream is ready. What was in flight when the last one broke is asked again.
    let private ready (now: Instant) (link: EslLink<'Outcome>) : EslLink<'Outcome> =
        let again window number request =
            let deadline = now + patience link.Target

            RequestWindow.transmit
                request.Octets
                { window with
                    InFlight = Map.add number { request with Last = now; Deadline = deadline } window.InFlight }

        { link with
            Stage = EslStage.Ready
            Window = Map.fold again { link.Window with LastReply = ValueSome now } link.Window.InFlight }

    let private answered (now: Instant) (answer: Result<byte[], string>) (link: EslLink<'Outcome>) =
        if link.Window.InFlight.IsEmpty then
            let window = RequestWindow.stray "an answer to no question" link.Window
            struct (EslHeard.Nothing, { link with Window = window })
        else
            let number, request = Map.minKeyValue link.Window.InFlight
            let window = RequestWindow.answered now number link.Window.Pace link.Window
            struct (EslHeard.Answer(request, answer), { link with Window = window })

    let private refused cause (words: string) = EslHeard.Refused(Refused(cause, $"the gateway says: {words}"))

    /// Takes in one message.
    let take
        (now: Instant)
        (message: EslMessage)
        (link: EslLink<'Outcome>)
        : struct (EslHeard * EslLink<'Outcome>) =
        match link.Stage, Esl.content message with
        | EslStage.Greeting, EslContent.AuthRequest -> struct (EslHeard.Nothing, logIn link)
        | EslStage.LoggingIn, EslContent.Reply text when text.StartsWith("+OK", StringComparison.Ordinal) ->
            struct (EslHeard.Nothing, ready now link)
        | EslStage.LoggingIn, EslContent.Reply text ->
            struct (refused RefusalCause.Proof text,
                    { link with Window = { link.Window with LastReply = ValueSome now } })
        | _, EslContent.Rejection text ->
            struct (refused RefusalCause.AccessRules text,
                    { link with Window = { link.Window with LastReply = ValueSome now } })
        | _, EslContent.Disconnection ->
            struct (EslHeard.Nothing, { link with Trouble = "the gateway said that it closes the stream" })
        | EslStage.Ready, EslContent.Response body ->
            let answer =
                match EslReplies.tryError body with
                | ValueSome error -> Error error
                | ValueNone -> Ok body

            answered now answer link
        | EslStage.Ready, EslContent.Reply text -> answered now (Error(text.Replace("-ERR ", ""))) link
        | _, (EslContent.AuthRequest | EslContent.Reply _ | EslContent.Response _) ->
            struct (EslHeard.Nothing, { link with Window = RequestWindow.stray "out of turn" link.Window })
        | _, EslContent.Other kind ->
            struct (EslHeard.Nothing, { link with Window = RequestWindow.stray kind link.Window })

    /// Opens the stream again, if it was ever ready.
    let tryReopen (now: Instant) (link: EslLink<'Outcome>) : EslLink<'Outcome> voption =
        if link.Window.LastReply.IsSome && link.Reopened < MaxReopened then
            ValueSome(connect now { link with Reopened = link.Reopened + 1 })
        else
            ValueNone

    /// The stream is not ready in time.
    let isOverdue (now: Instant) (link: EslLink<'Outcome>) : bool =
        link.Stage <> EslStage.Ready && link.ReadyBy <= now

    /// When an answer or the stream is overdue.
    let due (link: EslLink<'Outcome>) : Instant =
        if link.Stage = EslStage.Ready then
            RequestWindow.due link.Window
        else
            link.ReadyBy

    let silence (now: Instant) (link: EslLink<'Outcome>) : Shortfall =
        let trouble = if link.Trouble = "" then "" else $"; {link.Trouble}"
        RequestWindow.silence now "requests" "FreeSWITCH" trouble link.Window

    /// Ends the exchange: nothing is in flight, and no stream is awaited.
    let finish (outcome: 'Outcome) (link: EslLink<'Outcome>) : EslLink<'Outcome> =
        { link with Window = RequestWindow.finish outcome link.Window; Stage = EslStage.Ready }

    /// The commands of one event in order, and when to wake up.
    let commit
        (wake: Instant)
        (link: EslLink<'Outcome>)
        : struct (EslLink<'Outcome> * Command<'Outcome> list) =
        let struct (window, commands) = RequestWindow.commit wake link.Window
        struct ({ link with Window = window }, commands)
