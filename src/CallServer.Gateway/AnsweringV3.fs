namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Wire

/// SNMPv3 with the User-based Security Model at the authoritative side (RFC 3414 section 3.2).
module internal AnsweringV3 =
    let private requestIdOf (message: V3Message) : int =
        match message.Data with
        | Plain scoped -> scoped.Pdu.RequestId
        | Encrypted _ -> 0

    /// The message that answers this one, not yet protected.
    let private back (request: V3Message) (level: SecurityLevel) (pdu: Pdu) (state: AgentState) : V3Message =
        let scoped =
            match request.Data with
            | Plain scoped -> { scoped with Pdu = pdu }
            | Encrypted _ -> { ContextEngineId = state.Settings.EngineId; ContextName = [||]; Pdu = pdu }

        { MessageId =
            (if state.Settings.Vices.WrongRequestIds then
                 request.MessageId ^^^ 0x5A5A
             else
                 request.MessageId)
          MaxSize = state.Settings.MaxMessage
          Reportable = false
          Level = level
          SecurityModel = SecurityModel.Usm
          Security =
            { UsmParameters.empty with
                EngineId = state.Settings.EngineId
                UserName = request.Security.UserName }
          Data = Plain { scoped with ContextEngineId = state.Settings.EngineId } }

    let private secured
        now
        (keys: LocalKeys)
        (message: V3Message)
        (state: AgentState)
        : struct (AgentState * byte[]) =
        let time = AgentClock.engineTime now state.Clocks
        let octets = Usm.secure keys state.Clocks.Boots time state.Salt message
        struct ({ state with Salt = state.Salt + 1UL }, octets)

    /// Counts the error in a message, and reports it if the sender allows that (RFC 3414 section 3.2).
    let private reported
        now
        (request: V3Message)
        (report: UsmReport)
        (keys: LocalKeys voption)
        (state: AgentState)
        =
        let place = Array.IndexOf(UsmReport.all, report)
        let stats = Array.copy state.UsmStats
        stats[place] <- stats[place] + 1u
        let state = { state with UsmStats = stats }

        let isMute =
            match state.Settings.Vices.AnswersOnly with
            | ValueSome most -> state.Answered >= most
            | ValueNone -> false

        if not request.Reportable || isMute then
            struct (state, [])
        else
            let pdu =
                Pdu.report
                    (requestIdOf request)
                    [| VarBind.create (UsmReport.oid report) (Counter32 stats[place]) |]

            match keys with
            | ValueSome keys ->
                // notInTimeWindows is sent with authentication, so that the receiver can trust the clock.
                let struct (state, octets) = secured now keys (back request AuthNoPriv pdu state) state
                struct (state, Answering.sent 1 octets state)
            | ValueNone ->
                let message = back request NoAuthNoPriv pdu state

                let message =
                    { message with
                        Security =
                            { message.Security with
                                EngineBoots = state.Clocks.Boots
                                EngineTime = AgentClock.engineTime now state.Clocks } }

                struct (state, Answering.sent 1 (Snmp.encode (V3 message)) state)

    let private clockNow now (state: AgentState) : EngineClock =
        let time = AgentClock.engineTime now state.Clocks
        { Boots = state.Clocks.Boots; Time = time; LatestReceived = time }

    let private allowed now (message: V3Message) (scoped: ScopedPdu) (keys: LocalKeys) (state: AgentState) =
        let overhead = 200 + 2 * state.Settings.EngineId.Length + keys.User.Length + scoped.ContextName.Length
        let room = min state.Settings.MaxMessage message.MaxSize - overhead

        let struct (state, reply) =
            if message.Level < keys.Level then
                let refusal =
                    Pdu.errorResponse
                        scoped.Pdu.RequestId
                        ErrorStatus.AuthorizationError
                        0
                        scoped.Pdu.VarBinds

                struct (state, ValueSome refusal)
            else
                Answering.answer now room scoped.Pdu state

        match reply with
        | ValueNone -> struct (state, [])
        | ValueSome reply ->
            let request = { message with Data = Plain scoped }
            let struct (state, octets) = secured now keys (back request message.Level reply state) state
            struct (state, Answering.sent reply.VarBinds.Length octets state)

    let respond
        now
        (message: V3Message)
        (datagram: byte[])
        (state: AgentState)
        : struct (AgentState * Reply list) =
        let report reason = reported now message reason ValueNone state

        let user =
            state.Keys |> Array.tryFind (fun (struct (user, _)) -> user.Name = message.Security.UserName)

        if message.Security.EngineId <> state.Settings.EngineId then
            report UnknownEngineIds
        else
            match user with
            | None -> report UnknownUserNames
            | Some(struct (_, keys)) ->
                let keys = keys.Value

                if message.Level > keys.Level then
                    report UnsupportedSecLevels
                else
                    let inWindow =
                        message.Level = NoAuthNoPriv
                        || TimeWindow.judgeAtAuthority
                            (clockNow now state)
                            message.Security.EngineBoots
                            message.Security.EngineTime

                    match Usm.verifyFrom message.Level keys datagram with
                    | Ok verified ->
                        match verified.Data with
                        | Plain scoped when inWindow -> allowed now verified scoped keys state
                        | Plain _ -> reported now verified NotInTimeWindows (ValueSome keys) state
                        | Encrypted _ -> report DecryptionErrors
                    | Error WrongDigest -> report WrongDigests
                    | Error Undecryptable ->
                        if inWindow then
                            report DecryptionErrors
                        else
                            reported now message NotInTimeWindows (ValueSome keys) state
                    | Error(UnsupportedLevel _)
                    | Error(LevelTooLow _) -> report UnsupportedSecLevels
                    | Error(WrongUser _) -> report UnknownUserNames
                    | Error(WrongEngine _) -> report UnknownEngineIds
                    | Error(Malformed _)
                    | Error NotVersion3 -> struct (state, [])
