namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Wire

// What comes in                          What the gateway does
// a command with an unknown id           carries it out; answers; remembers the answer for 30 s
//   if answered provisionally            100 now, the final response when it is carried out
// a command with a remembered id         the same answer again, whatever the command is
// a command still being carried out      100 again
// 000 with the id of a final response    stops repeating that response
// a response to its own RSIP             stops repeating the RSIP; 521 with N: sends it there
// any other response                     nothing
// anything that is not MGCP              510 if its transaction id can be read, otherwise nothing
// Tick                                   sends what is due: final responses, repetitions
// Restarted                              forgets everything; sends RSIP restart
// Happened                               nothing: it reads the table when a command comes
// Octets, StreamClosed                   nothing: MGCP has no streams

/// A media gateway that speaks MGCP 1.0 (RFC 3435) with the Bulk Audit package (RFC 3624), over a table that
/// it does not own. It answers audits, modifications that change nothing, and deletions.
module MgcpResponder =
    [<Literal>]
    let private Mgcp' = "mgcp"

    /// How long after a final response it is repeated: LONGTRAN-TIMER (RFC 3435 §3.5.6).
    let private repetition = TimeSpan.FromSeconds 5.0

    let private sight (now: Instant) (wiring: Wiring) (state: MgcpState) : MgcpSight =
        { Now = now
          Options = state.Options
          Wiring = wiring
          Notified = state.Notified
          DisconnectedFor = now - state.Began }

    let private speaks (vices: MgcpVices) (version: string) : bool =
        let is (other: string) = String.Equals(version, other, StringComparison.OrdinalIgnoreCase)

        match vices.Speaks with
        | ValueSome only -> is only
        | ValueNone -> is "MGCP 1.0" || version.StartsWith("MGCP 1.0 ", StringComparison.OrdinalIgnoreCase)

    /// The answer 528. An NCS gateway names its versions in a parameter (VersionSupported), others in the comment.
    let private otherVersion (vices: MgcpVices) : MgcpAnswer =
        match vices.Speaks with
        | ValueSome only when vices.TellsVersion && only.Contains "NCS" ->
            { MgcpAnswer.error 528 with Parameters = [ MgcpParameter.create "VS" only ] }
        | ValueSome only when vices.TellsVersion ->
            { MgcpAnswer.error 528 with Comment = "Incompatible protocol version, expected " + only }
        | ValueSome _
        | ValueNone -> MgcpAnswer.error 528

    /// The gateway's answer to a command; `ValueNone` if it does not answer at all.
    let private execute (sight: MgcpSight) (command: MgcpCommand) : MgcpAnswer voption =
        let vices = sight.Options.Vices

        match vices.Refuses, command.Verb with
        | ValueSome code, _ -> ValueSome(MgcpAnswer.error code)
        | ValueNone, _ when not (speaks vices command.Version) -> ValueSome(otherVersion vices)
        | ValueNone, MgcpVerb.AuditEndpoint -> ValueSome(EndpointAudit.answer sight command)
        | ValueNone, MgcpVerb.AuditConnection when vices.ListsNothing -> ValueNone
        | ValueNone, MgcpVerb.AuditConnection when vices.NoAuditConnection -> ValueSome(MgcpAnswer.error 504)
        | ValueNone, MgcpVerb.AuditConnection -> ValueSome(ConnectionCommands.audit sight command)
        | ValueNone, MgcpVerb.ModifyConnection -> ValueSome(ConnectionCommands.modify sight command)
        | ValueNone, MgcpVerb.DeleteConnection -> ValueSome(ConnectionCommands.delete sight command)
        | ValueNone, MgcpVerb.NotificationRequest
        | ValueNone, MgcpVerb.EndpointConfiguration -> ValueSome(ConnectionCommands.accept sight command)
        | ValueNone, MgcpVerb.CreateConnection -> ValueSome(MgcpAnswer.error 502)
        | ValueNone, _ when vices.ListsNothing -> ValueNone
        | ValueNone, _ -> ValueSome(MgcpAnswer.error 504)

    /// The transaction id to write into the answer.
    let private written (vices: MgcpVices) (transaction: int) : int =
        if vices.WrongTransactions then
            (transaction ^^^ 0x155) % Mgcp.MaxTransaction + 1
        else
            transaction

    /// Carries out a command. Returns its answer as octets, and what it does to the table.
    let private carryOut
        now
        (table: Table)
        (extra: MgcpParameter list)
        (command: MgcpCommand)
        (state: MgcpState)
        =
        let struct (wiring, state) = MgcpState.wired table state

        match execute (sight now wiring state) command with
        | ValueNone -> struct (state, ValueNone, [])
        | ValueSome answer ->
            let transaction = written state.Options.Vices command.Transaction
            let octets = MgcpWriting.answer state.Options transaction answer extra
            let state = { state with Notified = answer.Notify |> ValueOption.defaultValue state.Notified }
            let ends = answer.Ends |> List.map (fun connection -> EndConnection connection.Serial)
            struct (MgcpState.remember now command.Transaction octets state, ValueSome octets, ends)

    let private send
        (peer: string)
        (octets: byte[])
        (state: MgcpState)
        : struct (MgcpState * ResponderCommand list) =
        let vices = state.Options.Vices

        match vices.AnswersOnly with
        | ValueSome most when state.Answers >= most -> struct (state, [])
        | ValueSome _
        | ValueNone ->
            struct ({ state with Answers = state.Answers + 1 },
                    [ for datagram in MgcpWriting.datagrams vices octets do
                          yield SendTo(peer, vices.DelayPerRequest, datagram) ])

    let private provisional (transaction: int) (state: MgcpState) : byte[] =
        MgcpWriting.answer
            state.Options
            (written state.Options.Vices transaction)
            { MgcpAnswer.create 100 [] with Comment = "Executing" }
            []

    /// Takes in a command from a peer. Returns its answer, if it gets one at once.
    let private command now (table: Table) (peer: string) (command: MgcpCommand) (state: MgcpState) =
        let transaction = command.Transaction

        match MgcpState.tryRecall now transaction state, state.Executions.TryFind transaction with
        | _, Some(Executing _) -> struct (state, ValueSome(provisional transaction state), [])
        | ValueSome octets, _ -> struct (state, ValueSome octets, [])
        | ValueNone, _ ->
            let state = { state with Commands = state.Commands + 1 }

            match state.Options.Vices.ProvisionalEvery with
            | ValueSome every when state.Commands % every = 0 ->
                let execution = Executing(command, peer, now + state.Options.Execution)

                struct ({ state with Executions = state.Executions.Add(transaction, execution) },
                        ValueSome(provisional transaction state),
                        [])
            | ValueSome _
            | ValueNone -> carryOut now table [] command state

    let private response now (response: MgcpResponse) (state: MgcpState) : MgcpState =
        match ReturnCode.classify response.Code with
        | Acknowledgement -> { state with Executions = state.Executions.Remove response.Transaction }
        | Provisional -> state
        | Success
        | TransientError
        | PermanentError
        | PackageCode
        | UnknownClass -> MgcpAnnouncing.answered now response state

    /// Takes in one message of a datagram. Returns its answer, if it gets one at once.
    let private message now table peer (message: Result<MgcpMessage, MgcpError>) (state: MgcpState) =
        match message with
        | Ok(MgcpMessage.Command command') -> command now table peer command' state
        | Ok(MgcpMessage.Response response') -> struct (response now response' state, ValueNone, [])
        | Error error when error.Transaction > 0 ->
            let transaction = written state.Options.Vices error.Transaction
            let octets = MgcpWriting.answer state.Options transaction (MgcpAnswer.error 510) []
            struct (state, ValueSome octets, [])
        | Error _ -> struct (state, ValueNone, [])

    /// Joins several messages into one datagram (RFC 3435 §3.5.5).
    let private together (answers: byte[] list) : byte[] =
        let dot = [| 46uy; 13uy; 10uy |]

        answers
        |> List.mapi (fun place octets -> if place = 0 then [ octets ] else [ dot; octets ])
        |> List.concat
        |> Array.concat

    let private datagram
        now
        table
        peer
        (octets: byte[])
        (state: MgcpState)
        : struct (MgcpState * ResponderCommand list) =
        let state = { state with Datagrams = state.Datagrams + 1 }

        match state.Options.Vices.SwallowsEvery with
        | ValueSome every when state.Datagrams % every = 0 -> struct (state, [])
        | ValueSome _
        | ValueNone ->
            let struct (state, answers, ends) =
                (struct (state, [], []), Mgcp.decode octets)
                ||> Array.fold (fun (struct (state, answers, ends)) received ->
                    let struct (state, answer, more) = message now table peer received state
                    struct (state, answers @ ValueOption.toList answer, ends @ more))

            let datagrams =
                if state.Options.Vices.Piggybacks && answers.Length > 1 then
                    [ together answers ]
                else
                    answers

            let struct (state, sent) =
                (struct (state, []), datagrams)
                ||> List.fold (fun (struct (state, sent)) octets ->
                    let struct (state, more) = send peer octets state
                    struct (state, sent @ more))

            // The answer leaves before the connection ends, so that the peer learns of it first.
            struct (state, sent @ ends)

    /// Completes an execution that is due: sends the final response with an empty `K:`, for the first time or again.
    let private conclude now table (state: MgcpState) (transaction: int) (execution: Execution) =
        let put octets peer sent (state: MgcpState) =
            let next =
                if sent < MgcpAnnouncing.MostSent then
                    state.Executions.Add(transaction, Unacknowledged(octets, peer, now + repetition, sent))
                else
                    state.Executions.Remove transaction

            send peer octets { state with Executions = next }

        match execution with
        | Executing(command, peer, until) when until <= now ->
            let struct (state, answer, ends) =
                carryOut now table [ MgcpParameter.create "K" "" ] command state

            match answer with
            | ValueNone -> struct ({ state with Executions = state.Executions.Remove transaction }, ends)
            | ValueSome octets ->
                let struct (state, sent) = put octets peer 1 state
                struct (state, sent @ ends)
        | Unacknowledged(octets, peer, due, sent) when due <= now -> put octets peer (sent + 1) state
        | Executing _
        | Unacknowledged _ -> struct (state, [])

    let private tick now table (state: MgcpState) : struct (MgcpState * ResponderCommand list) =
        let struct (state, announced) = MgcpAnnouncing.due now state

        (struct (state, announced), state.Executions)
        ||> Map.fold (fun (struct (state, asked)) transaction execution ->
            let struct (state, more) = conclude now table state transaction execution
            struct (state, asked @ more))

    let private dueOf (execution: Execution) : Instant =
        match execution with
        | Executing(_, _, until) -> until
        | Unacknowledged(_, _, due, _) -> due

    /// When something is due next; the distant future if nothing is.
    let private nextTick (state: MgcpState) : Instant =
        let first =
            (Instant.distantFuture, state.Executions)
            ||> Map.fold (fun first _ execution -> Instant.min first (dueOf execution))

        (first, state.Announcements)
        ||> List.fold (fun first announcement -> Instant.min first announcement.Due)

    let private restart now (state: MgcpState) : MgcpState =
        { MgcpState.create state.Options now with
            Wiring = state.Wiring
            NextTransaction = state.NextTransaction
            Datagrams = state.Datagrams
            Commands = state.Commands
            Answers = state.Answers }
        |> MgcpAnnouncing.announce "restart" now

    let rec private responder (state: MgcpState) : Responder =
        let domain, perEndpoint = state.Options.Domain, state.Options.Vices.ConnectionsPerEndpoint

        { Protocol = Mgcp'
          Advance =
            fun now table event ->
                let struct (state, asked) =
                    match event with
                    | Datagram(peer, octets) -> datagram now table peer octets state
                    | Tick -> tick now table state
                    | Restarted -> tick now table (restart now state)
                    | Happened _
                    | Octets _
                    | StreamCame _
                    | StreamClosed _ -> struct (state, [])

                struct (responder state, asked @ [ TickAt(nextTick state) ])
          Identify = fun connection -> [ MgcpView.identity perEndpoint domain connection ]
          Heard = state.Commands }

    /// Makes a gateway in service. If it has a call agent, its first Tick sends an RSIP, as after a time without contact: it
    /// carries calls that the call agent may not know.
    let create (options: MgcpOptions) (now: Instant) : Responder =
        responder (MgcpState.create options now |> MgcpAnnouncing.announce "disconnected" now)
