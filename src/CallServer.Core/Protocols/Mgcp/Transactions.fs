namespace CallServer.Protocols.Mgcp

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Wire
open CallServer.Exchange

/// How a command in flight was written.
type internal MgcpForm =
    {
        /// The command without its transaction id and K:.
        Command: MgcpCommand
        /// The command also has a K: that acknowledges earlier responses.
        Acknowledges: bool
        /// A provisional response came. From now on the command is repeated only at intervals of LONGTRAN.
        Provisional: bool
    }

/// A command that awaits its final response. The gateway carries it out at most once, however often it is repeated under its id
/// (RFC 3435 §3.5.1).
type internal MgcpPending<'Purpose> = InFlight<'Purpose, MgcpForm>

/// The call agent's part in RFC 3435 §3.5, for one exchange with one gateway.
///
///   event                        command pending                            otherwise
///   final response               done; acknowledged by K: in a later        a repetition of a response that asks for
///                                command, or by 000 at once if it has       acknowledgement is acknowledged again; else stray
///                                an empty K:
///   final response that refuses  command rewritten and sent again, as a     as above
///   how the command is written   new transaction
///   provisional response         waits LONGTRAN for the final response      stray
///   deadline                     sent again, or spent after the last        -
///                                attempt
///   command from the gateway     stray: the listener handles notices
///
/// Transaction ids begin at a random number and then only rise, also from one audit of a gateway to the next; they wrap at
/// 999,999,999. An id is therefore reused only after a thousand million commands, much later than the three minutes that RFC 3435
/// §3.5.1 asks for. The ids of two call agents collide only if two short ranges drawn from a thousand million overlap.
type internal MgcpTransactions<'Purpose, 'Outcome> =
    {
        /// By transaction id.
        Window: RequestWindow<int, 'Purpose, MgcpForm, 'Outcome>
        /// The first id of this exchange. `Next` is the id of the next command.
        Base: int
        Next: int
        Dialect: MgcpDialect
        /// Final responses that no command has acknowledged yet; newest first.
        Unacknowledged: int list
    }

module internal MgcpTransactions =
    /// The most messages that one audit sends.
    [<Literal>]
    let MaxRequests = 400_000

    /// Waits double up to this limit, which RFC 3435 §3.5.2 suggests.
    let private longestWait = TimeSpan.FromSeconds 4.0

    /// LONGTRAN: how long after a provisional response its command is repeated (RFC 3435 §3.5.6).
    let private longTran = TimeSpan.FromSeconds 5.0

    /// The most transactions that one command acknowledges.
    [<Literal>]
    let private MaxAcknowledged = 32

    let after (id: int) : int = if id >= Mgcp.MaxTransaction then 1 else id + 1

    /// Begins an exchange. If `next` is 0, as the first time, the first id is random.
    let start
        (target: MgcpGateway)
        (pace: Pace)
        (next: int)
        (dialect: MgcpDialect)
        (given: AuditStart)
        : MgcpTransactions<'P, 'Outcome> =
        let struct (drawn, rng) = Rng.below Mgcp.MaxTransaction given.Rng
        let next = if next > 0 then next else 1 + drawn

        let pace = MgcpPace.start pace

        { Window = RequestWindow.create target.Timeout target.Attempts MaxRequests pace rng given.At.Steady
          Base = next
          Next = next
          Dialect = dialect
          Unacknowledged = [] }

    let private stray (reason: string) (tx: MgcpTransactions<'P, 'Outcome>) =
        { tx with Window = RequestWindow.stray reason tx.Window }

    /// Whether a command of this exchange used this id.
    let private isOurs (id: int) (tx: MgcpTransactions<'P, 'Outcome>) : bool =
        if tx.Base <= tx.Next then
            id >= tx.Base && id < tx.Next
        else
            id >= tx.Base || id < tx.Next

    /// How long to wait after the command was sent for the n-th time. Each wait is twice as long, up to the limit, and has a
    /// random part, so that the repeats to different gateways do not coincide.
    let private wait (times: int) (window: RequestWindow<int, 'P, MgcpForm, 'Outcome>) =
        let longest = max window.Timeout longestWait
        let plain = min longest (window.Timeout * Math.Pow(2.0, float (min 20 (times - 1))))
        let struct (jitter, window) = RequestWindow.jitter window
        struct (plain * (1.0 + 0.1 * jitter), window)

    /// Only audits carry acknowledgements: osmo-mgw refuses an MDCX that has them (539).
    let private isAudit (command: MgcpCommand) : bool =
        command.Verb = MgcpVerb.AuditEndpoint || command.Verb = MgcpVerb.AuditConnection

    /// Sends a command. Fills in its transaction id, its version, and the acknowledgement of earlier responses.
    let send
        (now: Instant)
        (purpose: 'P)
        (command: MgcpCommand)
        (tx: MgcpTransactions<'P, 'Outcome>)
        : MgcpTransactions<'P, 'Outcome> =
        let id = tx.Next
        let command = { command with Version = tx.Dialect.Version }

        let acknowledged =
            if tx.Dialect.TakesAcknowledgements && isAudit command then
                List.truncate MaxAcknowledged tx.Unacknowledged
            else
                []

        let parameters =
            if acknowledged.IsEmpty then
                command.Parameters
            else
                Array.append
                    command.Parameters
                    [| MgcpParameter.create "K" (MgcpLists.acknowledge acknowledged) |]

        let octets =
            Mgcp.encode (MgcpMessage.Command { command with Transaction = id; Parameters = parameters })

        let form = { Command = command; Acknowledges = not acknowledged.IsEmpty; Provisional = false }

        let struct (wait, window) = wait 1 tx.Window

        { tx with
            Window = RequestWindow.send now id purpose form octets (now + wait) window
            Next = after id
            Unacknowledged =
                (if acknowledged.IsEmpty then
                     List.truncate MaxAcknowledged tx.Unacknowledged
                 else
                     List.skip acknowledged.Length tx.Unacknowledged) }

    /// An empty K: in a response asks for an immediate acknowledgement, 000 (RFC 3435 §3.5.6).
    let private wantsAcknowledgement (response: MgcpResponse) : bool =
        MgcpParameter.tryFind "K" response.Parameters = ValueSome ""

    let private acknowledge (id: int) (tx: MgcpTransactions<'P, 'Outcome>) =
        let acknowledgement = Mgcp.encode (MgcpMessage.Response(Mgcp.response 0 id "" []))
        { tx with Window = RequestWindow.transmit acknowledgement tx.Window }

    /// Takes in a final response. Either the command is done, or it is written in another way and sent again.
    let private answered
        (now: Instant)
        (response: MgcpResponse)
        (wants: bool)
        (pending: MgcpPending<'P>)
        (finals: struct (MgcpResponse * MgcpPending<'P>) list)
        (tx: MgcpTransactions<'P, 'Outcome>)
        =
        let id = response.Transaction
        let window = tx.Window

        // The answer to a command that was repeated may be one to any of its sendings.
        let pace =
            if pending.Times = 1 then
                Pace.answered window.Timeout window.InFlight.Count (now - pending.Last) window.Pace
            else
                window.Pace

        let tx = { tx with Window = RequestWindow.answered now id pace window }

        let tx =
            if wants then
                acknowledge id tx
            else
                { tx with Unacknowledged = id :: tx.Unacknowledged }

        let form = pending.Form

        match MgcpDialect.refusedBy response form.Command form.Acknowledges tx.Dialect with
        | ValueSome dialect ->
            struct (finals, send now pending.Purpose form.Command { tx with Dialect = dialect })
        | ValueNone ->
            struct (struct (response, pending) :: finals,
                    { tx with Dialect = MgcpDialect.heard response tx.Dialect })

    let private took
        (now: Instant)
        (struct (finals: struct (MgcpResponse * MgcpPending<'P>) list, tx: MgcpTransactions<'P, 'Outcome>))
        (message: Result<MgcpMessage, MgcpError>)
        =
        match message with
        | Error error -> struct (finals, stray (string error) tx)
        | Ok(MgcpMessage.Command command) ->
            struct (finals, stray $"a command of the gateway's, {command.Verb}" tx)
        | Ok(MgcpMessage.Response response) ->
            let id = response.Transaction
            let wants = wantsAcknowledgement response

            match Map.tryFind id tx.Window.InFlight, ReturnCode.classify response.Code with
            | _, Acknowledgement -> struct (finals, stray "an acknowledgement of nothing" tx)
            | Some pending, Provisional ->
                let waiting =
                    { pending with
                        Deadline = now + longTran
                        Form = { pending.Form with Provisional = true } }

                let window =
                    { tx.Window with
                        InFlight = Map.add id waiting tx.Window.InFlight
                        LastReply = ValueSome now }

                struct (finals, { tx with Window = window })
            | Some pending, (Success | TransientError | PermanentError | PackageCode | UnknownClass) ->
                answered now response wants pending finals tx
            | None, (Success | TransientError | PermanentError | PackageCode | UnknownClass) when
                wants && isOurs id tx
                ->
                struct (finals, acknowledge id (stray "a repeated response" tx))
            | None, (Provisional | Success | TransientError | PermanentError | PackageCode | UnknownClass) ->
                struct (finals, stray "a response to nothing that was asked" tx)

    /// Takes in one datagram. Returns its final responses, each with the command that it answers.
    let receive (now: Instant) (octets: byte[]) (tx: MgcpTransactions<'P, 'Outcome>) =
        let struct (finals, tx) = Mgcp.decode octets |> Array.fold (took now) (struct ([], tx))
        struct (List.rev finals, tx)

    /// Repeats the commands whose wait is over, newest first. Returns those that were sent often enough and never answered.
    let due (now: Instant) (tx: MgcpTransactions<'P, 'Outcome>) =
        let struct (spent, window) =
            ((struct ([], tx.Window)), RequestWindow.late now tx.Window)
            ||> List.fold (fun (struct (spent, window)) (id, pending) ->
                let window = RequestWindow.lost now window

                if RequestWindow.isSpent pending window then
                    struct (pending :: spent, RequestWindow.drop id window)
                else
                    let struct (wait, window) = wait (pending.Times + 1) window
                    let wait = if pending.Form.Provisional then longTran else wait
                    struct (spent, RequestWindow.repeat now id pending (now + wait) window))

        struct (spent, { tx with Window = { window with Outbox = List.rev window.Outbox } })

/// An exchange of one command at a time about a single subject.
[<NoEquality; NoComparison>]
type MgcpDialogue<'About, 'Purpose, 'Outcome> =
    internal { About: 'About; Tx: MgcpTransactions<'Purpose, 'Outcome>; IsOver: bool }

module internal MgcpDialogue =
    /// Begins a dialogue in the target's version of MGCP, from a random transaction id.
    let create
        (target: MgcpGateway)
        (given: AuditStart)
        (about: 'About)
        : MgcpDialogue<'About, 'P, 'Outcome> =
        { About = about
          Tx = MgcpTransactions.start target MgcpPace.none 0 (MgcpDialect.create target.Version) given
          IsOver = false }

    let strays (dialogue: MgcpDialogue<'About, 'P, 'Outcome>) : int = dialogue.Tx.Window.Strays

    let private withWindow window (dialogue: MgcpDialogue<'About, 'P, 'Outcome>) =
        { dialogue with Tx = { dialogue.Tx with Window = window } }

    let send now purpose command (dialogue: MgcpDialogue<'About, 'P, 'Outcome>) =
        { dialogue with Tx = MgcpTransactions.send now purpose command dialogue.Tx }

    let finish (outcome: 'Outcome) (dialogue: MgcpDialogue<'About, 'P, 'Outcome>) =
        withWindow (RequestWindow.finish outcome dialogue.Tx.Window) { dialogue with IsOver = true }

    let commit (dialogue: MgcpDialogue<'About, 'P, 'Outcome>) =
        let window = dialogue.Tx.Window
        let struct (window, commands) = RequestWindow.commit (RequestWindow.due window) window
        withWindow window dialogue, commands

    /// Takes in one event. `answered` says what follows from a final response, `unanswered` how the dialogue ends if none comes.
    let advance
        (answered: Instant -> MgcpResponse -> MgcpPending<'P> -> MgcpDialogue<'About, 'P, 'Outcome> -> _)
        (unanswered: Instant -> MgcpDialogue<'About, 'P, 'Outcome> -> 'Outcome)
        (event: Event)
        (dialogue: MgcpDialogue<'About, 'P, 'Outcome>)
        =
        let now = event.At.Steady
        let giveUp dialogue = commit (finish (unanswered now dialogue) dialogue)

        match event with
        | _ when dialogue.IsOver -> dialogue, []
        | Received(_, octets) ->
            let struct (finals, tx) = MgcpTransactions.receive now octets dialogue.Tx
            let dialogue = { dialogue with Tx = tx }

            match finals with
            | struct (response, pending) :: _ -> commit (answered now response pending dialogue)
            | [] -> commit dialogue
        | Woke _ ->
            let struct (spent, tx) = MgcpTransactions.due now dialogue.Tx
            let dialogue = { dialogue with Tx = tx }
            if spent.IsEmpty then commit dialogue else giveUp dialogue
        | Stopped _ -> giveUp dialogue
        // MGCP uses datagrams only.
        | Connected _
        | Arrived _
        | Broken _ -> dialogue, []
