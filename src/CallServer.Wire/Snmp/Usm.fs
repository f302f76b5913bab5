namespace CallServer.Wire

open System
open System.Buffers.Binary
open System.Security.Cryptography

/// A user as the operator configured it. Privacy needs authentication.
type UsmUser =
    { Name: byte[]
      Auth: struct (AuthProtocol * Secret) option
      Priv: struct (PrivProtocol * Secret) option }

/// A user's keys for one engine. `Usm.localize` takes milliseconds to make them, so make them once and keep
/// them.
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
    /// There is no key for the way in which the message is protected.
    | UnsupportedLevel of SecurityLevel
    /// The message is less protected than required, and is no Report.
    | LevelTooLow of SecurityLevel
    | WrongDigest
    /// The digest is right, but the scoped PDU cannot be decrypted or read.
    | Undecryptable

/// The User-based Security Model (RFC 3414, 7860, 3826).
module Usm =
    /// Kul from a passphrase (RFC 3414 A.2). Takes milliseconds.
    let localizeKey (protocol: AuthProtocol) (passphrase: byte[]) (engineId: byte[]) : byte[] =
        UsmCrypto.localize protocol (UsmCrypto.passphraseToKey protocol passphrase) engineId

    /// A user's keys for one engine. Takes milliseconds per passphrase. Throws for privacy without
    /// authentication, which would be our own mistake.
    let localize (user: UsmUser) (engineId: byte[]) : LocalKeys =
        let key protocol passphrase =
            Secret.ofBytes (localizeKey protocol (Secret.octets passphrase) engineId)

        let priv =
            match user.Auth, user.Priv with
            | _, None -> None
            | Some(struct (auth, _)), Some(struct (Aes128, passphrase)) ->
                Some(struct (Aes128, key auth passphrase))
            | None, Some _ -> invalidArg (nameof user) "privacy needs authentication"

        { Engine = engineId
          User = user.Name
          Auth = user.Auth |> Option.map (fun struct (auth, passphrase) -> struct (auth, key auth passphrase))
          Priv = priv }

    /// The first message to an engine whose identity is unknown (RFC 3414 section 4). The engine answers with
    /// a Report that states its engine id, boots and time. Encode it with `Snmp.encode`.
    let discovery (messageId: int) (requestId: int) : V3Message =
        { MessageId = messageId
          MaxSize = Snmp.MaxMessageSize
          Reportable = true
          Level = NoAuthNoPriv
          SecurityModel = SecurityModel.Usm
          Security = UsmParameters.empty
          Data = Plain { ContextEngineId = [||]; ContextName = [||]; Pdu = Pdu.get requestId [] } }

    let private saltOctets (salt: uint64) : byte[] =
        let octets = Array.zeroCreate UsmCrypto.SaltLength
        BinaryPrimitives.WriteUInt64BigEndian(Span<byte> octets, salt)
        octets

    /// The octets of a message at its own level: sets its security parameters, encrypts a plain scoped PDU,
    /// and signs. Never use a salt twice within the same boots of the engine (RFC 3826 section 3.1.2.1).
    /// Throws if the keys do not allow the level or the data is already encrypted, which would be our own
    /// mistake.
    let secure (keys: LocalKeys) (boots: int) (time: int) (salt: uint64) (message: V3Message) : byte[] =
        let scoped =
            match message.Data with
            | Plain scoped -> scoped
            | Encrypted _ -> invalidArg (nameof message) "the scoped PDU is encrypted already"

        let write authentication privacy data =
            SnmpCodec.writeV3
                { message with
                    Security =
                        { EngineId = keys.Engine
                          EngineBoots = boots
                          EngineTime = time
                          UserName = keys.User
                          AuthenticationParameters = authentication
                          PrivacyParameters = privacy }
                    Data = data }

        let sign struct (protocol, key) privacy data =
            let struct (octets, offset) = write (Array.zeroCreate (UsmCrypto.macLength protocol)) privacy data
            let mac = UsmCrypto.mac protocol (Secret.octets key) (ReadOnlySpan<byte> octets) offset
            mac.CopyTo(octets, offset)
            octets

        match message.Level, keys.Auth, keys.Priv with
        | NoAuthNoPriv, _, _ ->
            let struct (octets, _) = write [||] [||] message.Data
            octets
        | AuthNoPriv, Some auth, _ -> sign auth [||] message.Data
        | AuthPriv, Some auth, Some(struct (Aes128, key)) ->
            let plain = SnmpCodec.writeScoped scoped
            let salt = saltOctets salt
            sign auth salt (Encrypted(UsmCrypto.encrypt (Secret.octets key) boots time salt plain))
        | AuthNoPriv, None, _
        | AuthPriv, None, _
        | AuthPriv, _, None -> invalidArg (nameof keys) "the keys do not allow the message's level"

    /// Compares the digest in constant time.
    let private isAuthentic
        struct (protocol, key)
        (octets: ReadOnlySpan<byte>)
        (offset: int)
        (received: byte[])
        : bool =
        received.Length = UsmCrypto.macLength protocol
        && CryptographicOperations.FixedTimeEquals(
            ReadOnlySpan<byte> received,
            ReadOnlySpan<byte>(UsmCrypto.mac protocol (Secret.octets key) octets offset)
        )

    let private decrypt
        (key: Secret)
        (security: UsmParameters)
        (encrypted: byte[])
        : Result<ScopedPdu, UsmError> =
        if security.PrivacyParameters.Length <> UsmCrypto.SaltLength then
            Error Undecryptable
        else
            UsmCrypto.decrypt
                (Secret.octets key)
                security.EngineBoots
                security.EngineTime
                security.PrivacyParameters
                encrypted
            |> SnmpCodec.readScoped
            |> Result.mapError (fun _ -> Undecryptable)

    /// The message with readable data; it is as authentic as its level says.
    let private reveal (keys: LocalKeys) (message: V3Message) : Result<V3Message, UsmError> =
        match message.Level, message.Data, keys.Priv with
        | (NoAuthNoPriv | AuthNoPriv), Plain _, _ -> Ok message
        | AuthPriv, Encrypted octets, Some(struct (Aes128, key)) ->
            decrypt key message.Security octets
            |> Result.map (fun scoped -> { message with Data = Plain scoped })
        | AuthPriv, _, None -> Error(UnsupportedLevel AuthPriv)
        | AuthPriv, Plain _, Some _
        | (NoAuthNoPriv | AuthNoPriv), Encrypted _, _ -> Error Undecryptable

    let private isReport (message: V3Message) : bool =
        match message.Data with
        | Plain scoped -> scoped.Pdu.Kind = Report
        | Encrypted _ -> false

    /// Verifies and decrypts a message of at least this level; a Report may have any level (RFC 3412 section
    /// 7.2). Messages without authentication pass unverified, from whatever engine: their `Level` says so,
    /// and they prove nothing. Judging timeliness is left to `TimeWindow`. Octets after the message are
    /// ignored. A message that is not authentic allocates no more than decoding does, an authentic one twice
    /// that.
    let verifyFrom (minimum: SecurityLevel) (keys: LocalKeys) (octets: byte[]) : Result<V3Message, UsmError> =
        match SnmpCodec.read (ReadOnlySpan<byte> octets) with
        | Error error -> Error(Malformed error)
        | Ok { Message = V2c _ } -> Error NotVersion3
        | Ok { Message = V3 message; AuthenticationOffset = offset; Length = length } ->
            let security = message.Security

            if message.Level = NoAuthNoPriv && isReport message then
                Ok message
            elif message.Level < minimum && not (isReport message) then
                Error(LevelTooLow message.Level)
            elif security.EngineId <> keys.Engine then
                Error(WrongEngine security.EngineId)
            elif security.UserName <> keys.User then
                Error(WrongUser security.UserName)
            elif message.Level = NoAuthNoPriv then
                reveal keys message
            else
                match keys.Auth with
                | None -> Error(UnsupportedLevel message.Level)
                | Some auth ->
                    let signed = ReadOnlySpan<byte>(octets, 0, length)

                    if isAuthentic auth signed offset security.AuthenticationParameters then
                        reveal keys message
                    else
                        Error WrongDigest

    /// Verifies and decrypts a message of the highest level that the keys allow; see `verifyFrom`.
    let verify (keys: LocalKeys) (octets: byte[]) : Result<V3Message, UsmError> =
        verifyFrom keys.Level keys octets
