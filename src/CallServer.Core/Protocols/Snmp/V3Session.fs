namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// A user's dealings with one engine: kept from one audit to the next, so that discovery is needed once.
type V3Session =
    {
        User: UsmUser
        Context: byte[]
        /// The engine, and the user's keys for it; none before the engine is known.
        Keys: LocalKeys option
        /// The engine's clock at `ReadAt`: as an authentic message told it, or else as a Report claimed it.
        Clock: EngineClock
        ReadAt: Instant
        /// An authentic message has told the clock.
        Authentic: bool
        /// Boots that an authentic message told, lower than those before them.
        WentBack: struct (int * int) voption
        /// Counts up with every message, from a random start.
        Salt: uint64
    }

/// What a message from the agent means for the session.
type internal Reception =
    | Answer of Pdu
    /// The engine or its clock is known now: the request is to be made again.
    | Learnt
    /// The agent says why it does not answer this user.
    | Refusal of cause: RefusalCause * reason: string
    /// Not to be believed, or not meant for us.
    | Stranger of reason: string

module internal V3Session =
    /// The largest message that we take.
    [<Literal>]
    let private MaxSize = 65507

    let create (user: UsmUser) (context: byte[]) : V3Session =
        { User = user
          Context = context
          Keys = None
          Clock = TimeWindow.unknown
          ReadAt = Instant.distantPast
          Authentic = false
          WentBack = ValueNone
          Salt = 0UL }

    /// As remembered, if it is the same user still; the salt starts anew.
    let resume (user: UsmUser) (context: byte[]) (salt: uint64) (remembered: V3Session voption) : V3Session =
        match remembered with
        | ValueSome session when session.User = user && session.Context = context ->
            { session with Salt = salt; WentBack = ValueNone }
        | ValueSome _
        | ValueNone -> { create user context with Salt = salt }

    /// Whether it is the session of another engine than the one before.
    let isOther (before: V3Session) (session: V3Session) : bool =
        match before.Keys, session.Keys with
        | Some known, Some keys -> known.Engine <> keys.Engine
        | _ -> false

    let private clockAt (now: Instant) (session: V3Session) : EngineClock =
        if session.ReadAt = Instant.distantPast then
            session.Clock
        else
            let seconds = (now - session.ReadAt).TotalSeconds
            TimeWindow.advance (int (min 1e9 (max 0.0 (floor seconds)))) session.Clock

    let private name (session: V3Session) = Rows.textOfOctets session.User.Name

    /// What the agent states of its own start, in an authentic message.
    let bootToken (session: V3Session) : string voption =
        match session.Keys with
        | Some keys when session.Authentic ->
            ValueSome(Rows.textOfOctets keys.Engine + ":" + string session.Clock.Boots)
        | Some _
        | None -> ValueNone

    /// The octets that ask; while the engine is unknown, those that discover it (RFC 3414 section 4).
    let wrap (now: Instant) (id: int) (pdu: Pdu) (session: V3Session) : struct (byte[] * V3Session) =
        match session.Keys with
        | None -> struct (Snmp.encode (V3(Usm.discovery id id)), session)
        | Some keys ->
            let clock = clockAt now session

            let message =
                { MessageId = id
                  MaxSize = MaxSize
                  Reportable = true
                  Level = keys.Level
                  SecurityModel = SecurityModel.Usm
                  Security = UsmParameters.empty
                  Data = Plain { ContextEngineId = keys.Engine; ContextName = session.Context; Pdu = pdu } }

            let octets = Usm.secure keys clock.Boots clock.Time session.Salt message
            struct (octets, { session with Salt = session.Salt + 1UL })

    /// The engine as a Report names it. Boots and time are no more than a claim until a message proves
    /// authentic.
    let private meet
        (now: Instant)
        (security: UsmParameters)
        (session: V3Session)
        : struct (Reception * V3Session) =
        if security.EngineId.Length = 0 then
            struct (Stranger "a Report without an engine id", session)
        else
            let known =
                match session.Keys with
                | Some keys -> keys.Engine = security.EngineId
                | None -> false

            if known then
                struct (Learnt, session)
            else
                struct (Learnt,
                        { session with
                            Keys = Some(Usm.localize session.User security.EngineId)
                            Clock =
                                { TimeWindow.unknown with
                                    Boots = max 0 security.EngineBoots
                                    Time = max 0 security.EngineTime }
                            ReadAt = now
                            Authentic = false })

    let private refusal (report: UsmReport) (session: V3Session) : Reception =
        let user = name session

        match report with
        | WrongDigests ->
            Refusal(
                RefusalCause.Proof,
                $"the agent finds the digest wrong: wrong authentication passphrase or protocol for user '{user}'"
            )
        | UnknownUserNames ->
            Refusal(
                RefusalCause.UnknownUser,
                $"the agent does not know user '{user}': create the user there, or name another"
            )
        | UnsupportedSecLevels ->
            Refusal(
                RefusalCause.SecurityLevel,
                $"the agent does not offer user '{user}' this security level: add or leave out auth and priv"
            )
        | DecryptionErrors ->
            Refusal(
                RefusalCause.Encryption,
                $"the agent cannot decrypt: wrong privacy passphrase or protocol for user '{user}'"
            )
        | UnknownEngineIds -> Refusal(RefusalCause.Unsaid, "the agent does not accept its own engine id")
        | NotInTimeWindows -> Refusal(RefusalCause.Unsaid, "the agent does not accept its own clock")

    /// What else a Report may say: SNMP-TARGET-MIB snmpUnavailableContexts and snmpUnknownContexts (RFC 3413 section 3.2).
    let private contextReports = [| Oid.parse "1.3.6.1.6.3.12.1.4"; Oid.parse "1.3.6.1.6.3.12.1.5" |]

    let private isOfContext (pdu: Pdu) : bool =
        pdu.Kind = Report
        && pdu.VarBinds
           |> Array.exists (fun varBind ->
               contextReports |> Array.exists (fun root -> Oid.isPrefixOf root varBind.Name))

    let private noContext (session: V3Session) : string =
        match Rows.textOfOctets session.Context with
        | "" -> "the agent wants a context: give context= as the agent has it"
        | context ->
            $"the agent has no context '{context}': give context= as the agent has it, or leave it out"

    /// RFC 3414 section 2.2.2: at this value every message is outside the time window.
    let private latched =
        "the agent's boots counter stands at 2147483647, where it takes no message any more: configure its engine anew"

    /// Only authentic messages set the clock (RFC 3414 section 3.2, step 7 b).
    let private judge (now: Instant) (message: V3Message) (session: V3Session) : struct (bool * V3Session) =
        let security = message.Security
        // An engine that does not keep its boots begins again (net-snmp issue 385). The message is no old one: it bears the id of a
        // request that is open, which nobody could have foreseen.
        let wentBack = session.Authentic && security.EngineBoots < session.Clock.Boots

        let known =
            if session.Authentic && not wentBack then
                clockAt now session
            else
                TimeWindow.unknown

        let session =
            if wentBack then
                { session with
                    Authentic = false
                    WentBack = ValueSome(struct (session.Clock.Boots, security.EngineBoots)) }
            else
                session

        let judged = TimeWindow.judge known security.EngineBoots security.EngineTime

        let newer =
            not session.Authentic
            || judged.Clock.Boots <> session.Clock.Boots
            || judged.Clock.LatestReceived <> session.Clock.LatestReceived

        let session =
            if newer then
                { session with Clock = judged.Clock; ReadAt = now; Authentic = true }
            else
                session

        struct (judged.InWindow, session)

    /// The user has no key: nothing can be authentic.
    let private isOpen (session: V3Session) = session.User.Auth.IsNone

    let private trusted (now: Instant) (message: V3Message) (pdu: Pdu) (session: V3Session) =
        let authenticated = message.Level <> NoAuthNoPriv

        let struct (timely, session) =
            if authenticated then judge now message session else struct (true, session)

        match UsmReport.tryOfPdu pdu with
        | _ when authenticated && message.Security.EngineBoots = TimeWindow.LatchedBoots ->
            struct (Refusal(RefusalCause.WornOut, latched), session)
        | _ when (authenticated || isOpen session) && isOfContext pdu ->
            struct (Refusal(RefusalCause.Context, noContext session), session)
        | ValueSome UnknownEngineIds -> meet now message.Security session
        | ValueSome NotInTimeWindows when authenticated -> struct (Learnt, session)
        | ValueSome NotInTimeWindows ->
            struct (Stranger "a Report of the clock that is not authentic", session)
        | ValueSome(WrongDigests | UnknownUserNames | UnsupportedSecLevels | DecryptionErrors as report) ->
            struct (refusal report session, session)
        | ValueNone when pdu.Kind <> Response ->
            struct (Stranger "neither a response nor a known Report", session)
        | ValueNone when not timely -> struct (Stranger "a message from outside the time window", session)
        | ValueNone -> struct (Answer pdu, session)

    /// Reads a message that bears one of our message ids.
    let receive (now: Instant) (octets: byte[]) (session: V3Session) : struct (Reception * V3Session) =
        match session.Keys with
        | None ->
            match Snmp.decode octets with
            | Ok(V3({ Data = Plain { Pdu = pdu } } as message)) when pdu.Kind = Report ->
                match UsmReport.tryOfPdu pdu with
                | ValueSome UnknownEngineIds -> meet now message.Security session
                | ValueSome report -> struct (refusal report session, session)
                | ValueNone -> struct (Stranger "an unknown Report", session)
            | Ok _ -> struct (Stranger "not a Report, although the engine is unknown", session)
            | Error error -> struct (Stranger(string error), session)
        | Some keys ->
            match Usm.verify keys octets with
            | Ok({ Data = Plain scoped } as message) -> trusted now message scoped.Pdu session
            | Ok { Data = Encrypted _ } -> struct (Stranger "encrypted", session)
            | Error(Malformed error) -> struct (Stranger(string error), session)
            | Error NotVersion3 -> struct (Stranger "not version 3", session)
            | Error(WrongEngine _) -> struct (Stranger "from another engine", session)
            | Error(WrongUser _) -> struct (Stranger "for another user", session)
            | Error(UnsupportedLevel _) -> struct (Stranger "protected without a key of ours", session)
            | Error(LevelTooLow _) -> struct (Stranger "less protected than asked", session)
            | Error WrongDigest -> struct (Stranger "with a wrong digest", session)
            | Error Undecryptable -> struct (Stranger "not to be decrypted", session)
