namespace CallServer.Wire

open System

/// A user as the operator wrote it down. Privacy needs authentication.
type UsmUser =
    { Name: byte[]
      Auth: struct (AuthProtocol * Secret) option
      Priv: struct (PrivProtocol * Secret) option }

/// A user's keys for one engine: costs milliseconds to make, so made once by `Usm.localize` and kept by the caller.
type LocalKeys =
    { Engine: byte[]
      User: byte[]
      Auth: struct (AuthProtocol * Secret) option
      Priv: struct (PrivProtocol * Secret) option }

    /// The highest level that the keys allow.
    member this.Level =
        match this.Auth, this.Priv with
        | None, _ -> NoAuthNoPriv
        | Some _, None -> AuthNoPriv
        | Some _, Some _ -> AuthPriv

/// Why a received message is not to be trusted.
type UsmError =
    | Malformed of DecodeError
    | NotVersion3
    /// It comes from, or is meant for, another engine.
    | WrongEngine of engineId: byte[]
    | WrongUser of userName: byte[]
    /// The message is protected in a way for which there is no key.
    | UnsupportedLevel of SecurityLevel
    /// The message is less protected than asked, and is no Report.
    | LevelTooLow of SecurityLevel
    | WrongDigest
    /// The digest is right, but the scoped PDU cannot be decrypted or read.
    | Undecryptable

/// What an engine tells about a message that it could not accept (RFC 3414 section 5, usmStats).
type UsmReport =
    | UnsupportedSecLevels
    | NotInTimeWindows
    | UnknownUserNames
    | UnknownEngineIds
    | WrongDigests
    | DecryptionErrors

module UsmReport =
    /// usmStats.
    let private root = Oid.parse "1.3.6.1.6.3.15.1.1"

    let all =
        [| UnsupportedSecLevels
           NotInTimeWindows
           UnknownUserNames
           UnknownEngineIds
           WrongDigests
           DecryptionErrors |]

    /// The counter's instance, with the .0 of a scalar.
    let oid (report: UsmReport) : Oid =
        let arc =
            match report with
            | UnsupportedSecLevels -> 1u
            | NotInTimeWindows -> 2u
            | UnknownUserNames -> 3u
            | UnknownEngineIds -> 4u
            | WrongDigests -> 5u
            | DecryptionErrors -> 6u

        Oid.append root [| arc; 0u |]

    let private named = all |> Array.map (fun report -> struct (Oid.from 0 (oid report), report))

    /// Knows the counter with or without its instance.
    let tryOfOid (name: Oid) : UsmReport voption =
        named
        |> Array.tryFind (fun struct (counter, _) -> counter = name || counter = Oid.child 0u name)
        |> function
            | Some(struct (_, report)) -> ValueSome report
            | None -> ValueNone

    /// The first of the usmStats that a Report names; none for another PDU.
    let tryOfPdu (pdu: Pdu) : UsmReport voption =
        if pdu.Kind <> Report then
            ValueNone
        else
            pdu.VarBinds
            |> Array.tryPick (fun varBind -> tryOfOid varBind.Name |> ValueOption.toOption)
            |> ValueOption.ofOption

/// What is known of an engine's clock at one moment.
[<Struct>]
type EngineClock =
    {
        Boots: int
        /// Seconds since the engine's start: as received, plus what passed since by the caller's monotonic clock.
        Time: int
        /// The highest engine time received in an authentic message of these boots; of no use to the engine itself.
        LatestReceived: int
    }

/// The judgement, and the clock after it.
[<Struct>]
type TimeJudgement = { Clock: EngineClock; InWindow: bool }

/// Timeliness (RFC 3414 sections 2.2 and 3.2, step 7). Only authentic messages are judged.
module TimeWindow =
    /// Seconds.
    [<Literal>]
    let Width = 150

    /// Boots that stay at this value make every message untimely until the engine is configured anew.
    [<Literal>]
    let LatchedBoots = 2147483647

    /// Before anything is known: whatever an authentic message says, it is newer.
    let unknown: EngineClock = { Boots = 0; Time = 0; LatestReceived = 0 }

    /// Lets seconds pass. The time stays at its highest value.
    let advance (seconds: int) (clock: EngineClock) : EngineClock =
        raise (NotImplementedException $"{seconds}{clock}")

    /// At the engine itself (step 7 a): the clock is its own and does not change.
    let judgeAtAuthority (own: EngineClock) (boots: int) (time: int) : bool =
        raise (NotImplementedException $"{own}{boots}{time}")

    /// At the other side (step 7 b): a newer message sets the clock before it is judged.
    let judge (known: EngineClock) (boots: int) (time: int) : TimeJudgement =
        raise (NotImplementedException $"{known}{boots}{time}")

/// The User-based Security Model (RFC 3414, 7860, 3826).
module Usm =
    /// Kul from a passphrase (RFC 3414 A.2). Costs milliseconds.
    let localizeKey (protocol: AuthProtocol) (passphrase: byte[]) (engineId: byte[]) : byte[] =
        UsmCrypto.localize protocol (UsmCrypto.passphraseToKey protocol passphrase) engineId

    /// A user's keys for one engine. Costs milliseconds.
    let localize (user: UsmUser) (engineId: byte[]) : LocalKeys =
        raise (NotImplementedException $"{user}{engineId}")

    /// The first message to an engine of unknown identity (RFC 3414 section 4): answered by a Report that tells its
    /// engine id, boots and time. Encoded by `Snmp.encode`.
    let discovery (messageId: int) (requestId: int) : V3Message =
        raise (NotImplementedException $"{messageId}{requestId}")

    /// The octets of a message at its own level: sets its security parameters, encrypts a plain scoped PDU, signs.
    /// A salt is used once for the boots of the engine (RFC 3826 section 3.1.2.1). Keys that do not allow the level throw.
    let secure (keys: LocalKeys) (boots: int) (time: int) (salt: uint64) (message: V3Message) : byte[] =
        raise (NotImplementedException $"{keys}{boots}{time}{salt}{message}")

    /// Verifies and decrypts a message of at least the level given. Reports without authentication pass unverified,
    /// from whatever engine: their `Level` says so. Timeliness is left to `TimeWindow`.
    let verifyFrom (minimum: SecurityLevel) (keys: LocalKeys) (octets: byte[]) : Result<V3Message, UsmError> =
        raise (NotImplementedException $"{minimum}{keys}{octets}")

    /// As `verifyFrom`, with the highest level that the keys allow.
    let verify (keys: LocalKeys) (octets: byte[]) : Result<V3Message, UsmError> =
        verifyFrom keys.Level keys octets
