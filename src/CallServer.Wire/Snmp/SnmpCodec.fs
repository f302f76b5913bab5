namespace CallServer.Wire

open System

/// A message, and what its verification needs to know about its octets.
type LocatedMessage =
    {
        Message: Message
        /// Where the content of msgAuthenticationParameters begins; 0 for a version without them.
        AuthenticationOffset: int
        /// Octets of the message itself, without any that follow it.
        Length: int
    }

/// Messages of SNMPv2c (RFC 1901) and SNMPv3 (RFC 3412 section 6) in BER.
module SnmpCodec =
    /// msgVersion of SNMPv2c.
    [<Literal>]
    let private V2cVersion = 1

    [<Literal>]
    let private V3Version = 3

    let private checkVersion (reader: byref<BerReader>) : int =
        let start = reader.Position
        let version = reader.Integer32 "a version"

        if not reader.Failed && version <> V2cVersion && version <> V3Version then
            reader.Fail(start, (if version = 0 then Version1 else UnknownVersion version))

        version

    /// ScopedPDU ::= SEQUENCE { contextEngineID, contextName, data }
    let private readScopedPdu (reader: byref<BerReader>) : ScopedPdu =
        let outer = reader.Enter(BerTag.Sequence, "a ScopedPDU")
        let contextEngineId = reader.OctetString "a contextEngineID"
        let contextName = reader.OctetString "a contextName"
        let pdu = PduCodec.read &reader
        reader.Leave outer

        { ContextEngineId = contextEngineId; ContextName = contextName; Pdu = pdu }

    /// UsmSecurityParameters ::= SEQUENCE { engine id, boots, time, user, authentication, privacy }, inside
    /// an OCTET STRING (RFC 3414 section 2.4), and the offset of the authentication parameters.
    let private readSecurity (reader: byref<BerReader>) : struct (UsmParameters * int) =
        let outermost = reader.Enter(BerTag.OctetString, "msgSecurityParameters")
        let outer = reader.Enter(BerTag.Sequence, "UsmSecurityParameters")
        let engineId = reader.OctetString "an engine id"
        let boots = reader.Integer32 "engine boots"
        let time = reader.Integer32 "an engine time"
        let userName = reader.OctetString "a user name"
        let authentication = reader.OctetString "authentication parameters"
        let offset = reader.Position - authentication.Length
        let privacy = reader.OctetString "privacy parameters"
        reader.Leave outer
        reader.Leave outermost

        struct ({ EngineId = engineId
                  EngineBoots = boots
                  EngineTime = time
                  UserName = userName
                  AuthenticationParameters = authentication
                  PrivacyParameters = privacy },
                offset)

    /// msgFlags: bit 0 authentication, bit 1 privacy, bit 2 reportable; others are ignored (RFC 3412 section
    /// 6.4).
    let private readFlags (reader: byref<BerReader>) : struct (SecurityLevel * bool) =
        let start = reader.Position
        let length = reader.Expect(BerTag.OctetString, "msgFlags")
        let content = reader.Content length
        let flags = if length = 1 then content[0] else 0uy

        if length <> 1 then
            reader.Fail(start, InvalidFlags)

        let level =
            match flags &&& 3uy with
            | 0uy -> NoAuthNoPriv
            | 1uy -> AuthNoPriv
            | 3uy -> AuthPriv
            | _ ->
                reader.Fail(start, InvalidFlags)
                NoAuthNoPriv

        struct (level, flags &&& 4uy <> 0uy)

    /// The rest of an SNMPv3Message after its version: msgGlobalData, msgSecurityParameters, msgData. The tag
    /// of msgData tells whether it is encrypted, not the flags: USM judges whether the two agree.
    let private readV3 (reader: byref<BerReader>) : struct (V3Message * int) =
        let outer = reader.Enter(BerTag.Sequence, "msgGlobalData")
        let messageId = reader.Integer32 "a msgID"
        let maxSize = reader.Integer32 "a msgMaxSize"
        let struct (level, reportable) = readFlags &reader
        let modelStart = reader.Position
        let model = reader.Integer32 "a msgSecurityModel"
        reader.Leave outer

        if not reader.Failed && model <> SecurityModel.Usm then
            reader.Fail(modelStart, UnknownSecurityModel model)

        let struct (security, offset) = readSecurity &reader

        let data =
            if reader.NextTag = BerTag.OctetString then
                Encrypted(reader.OctetString "an encryptedPDU")
            else
                Plain(readScopedPdu &reader)

        struct ({ MessageId = messageId
                  MaxSize = maxSize
                  Reportable = reportable
                  Level = level
                  SecurityModel = model
                  Security = security
                  Data = data },
                offset)

    /// Reads a message and where its authentication parameters begin, or says what is wrong. Never throws.
    let read (octets: ReadOnlySpan<byte>) : Result<LocatedMessage, DecodeError> =
        let mutable reader = BerReader octets
        let outer = reader.Enter(BerTag.Sequence, "a message")
        let length = reader.Limit
        let version = checkVersion &reader

        let located =
            if version = V3Version then
                let struct (message, offset) = readV3 &reader

                { Message = V3 message; AuthenticationOffset = offset; Length = length }
            else
                let community = reader.OctetString "a community"
                let pdu = PduCodec.read &reader

                { Message = V2c(community, pdu); AuthenticationOffset = 0; Length = length }

        reader.Leave outer

        match reader.Error with
        | ValueSome error -> Error error
        | ValueNone -> Ok located

    /// Reads a decrypted scoped PDU. Octets after it are padding and ignored (RFC 3414 section 8.1.1.3).
    let readScoped (octets: byte[]) : Result<ScopedPdu, DecodeError> =
        let mutable reader = BerReader(ReadOnlySpan<byte> octets)
        let scoped = readScopedPdu &reader

        match reader.Error with
        | ValueSome error -> Error error
        | ValueNone -> Ok scoped

    /// Reads the message's version and the id after it, and nothing more.
    let readKey (octets: ReadOnlySpan<byte>) : Result<MessageKey, DecodeError> =
        let mutable reader = BerReader octets
        reader.Enter(BerTag.Sequence, "a message") |> ignore
        let version = checkVersion &reader

        let key =
            if version = V3Version then
                reader.Enter(BerTag.Sequence, "msgGlobalData") |> ignore
                MessageId(reader.Integer32 "a msgID")
            else
                let community = reader.Expect(BerTag.OctetString, "a community")
                reader.Skip community
                RequestId(PduCodec.readRequestId &reader)

        match reader.Error with
        | ValueSome error -> Error error
        | ValueNone -> Ok key

    /// Enough for most messages.
    let private initialCapacity = 512

    let private octetString (writer: BerWriter) (octets: byte[]) =
        writer.OctetString(BerTag.OctetString, ReadOnlySpan<byte> octets)

    let private integer (writer: BerWriter) (value: int) = writer.Integer(BerTag.Integer, int64 value)

    let private writeScopedPdu (writer: BerWriter) (scoped: ScopedPdu) : unit =
        let mark = writer.Length
        PduCodec.write writer scoped.Pdu
        octetString writer scoped.ContextName
        octetString writer scoped.ContextEngineId
        writer.Close(BerTag.Sequence, mark)

    /// A scoped PDU, ready for encryption.
    let writeScoped (scoped: ScopedPdu) : byte[] =
        let writer = BerWriter initialCapacity
        writeScopedPdu writer scoped
        writer.ToArray()

    let private flags (message: V3Message) : byte =
        let level =
            match message.Level with
            | NoAuthNoPriv -> 0uy
            | AuthNoPriv -> 1uy
            | AuthPriv -> 3uy

        if message.Reportable then level ||| 4uy else level

    let private writeGlobalData (writer: BerWriter) (message: V3Message) : unit =
        let mark = writer.Length
        integer writer message.SecurityModel
        octetString writer [| flags message |]
        integer writer message.MaxSize
        integer writer message.MessageId
        writer.Close(BerTag.Sequence, mark)

    /// Also returns how many octets there are from the authentication parameters to the end.
    let private writeSecurity (writer: BerWriter) (security: UsmParameters) : int =
        let mark = writer.Length
        octetString writer security.PrivacyParameters
        let afterAuthentication = writer.Length
        octetString writer security.AuthenticationParameters
        octetString writer security.UserName
        integer writer security.EngineTime
        integer writer security.EngineBoots
        octetString writer security.EngineId
        writer.Close(BerTag.Sequence, mark)
        writer.Close(BerTag.OctetString, mark)
        afterAuthentication + security.AuthenticationParameters.Length

    /// Also returns the offset of the content of msgAuthenticationParameters.
    let writeV3 (message: V3Message) : struct (byte[] * int) =
        let writer = BerWriter initialCapacity

        match message.Data with
        | Plain scoped -> writeScopedPdu writer scoped
        | Encrypted octets -> octetString writer octets

        let fromEnd = writeSecurity writer message.Security
        writeGlobalData writer message
        integer writer V3Version
        writer.Close(BerTag.Sequence, 0)
        struct (writer.ToArray(), writer.Length - fromEnd)

    /// An SNMPv2c message with this community (RFC 1901).
    let writeV2c (community: byte[]) (pdu: Pdu) : byte[] =
        let writer = BerWriter initialCapacity
        PduCodec.write writer pdu
        octetString writer community
        integer writer V2cVersion
        writer.Close(BerTag.Sequence, 0)
        writer.ToArray()

/// Reads and writes whole messages.
module Snmp =
    /// The largest message that fits a UDP datagram over IPv4, in octets.
    [<Literal>]
    let MaxMessageSize = 65507

    /// Reads a message, or says what is wrong and where. Octets after the message are ignored, as net-snmp
    /// ignores them: some agents pad. Within the message nothing may be left over. Never throws, and
    /// allocates at most 64 KiB plus four times the octets.
    let decodeSpan (octets: ReadOnlySpan<byte>) : Result<Message, DecodeError> =
        SnmpCodec.read octets |> Result.map (fun located -> located.Message)

    /// Reads a message; see `decodeSpan`.
    let decode (octets: byte[]) : Result<Message, DecodeError> = decodeSpan (ReadOnlySpan<byte> octets)

    /// Tells which request a message belongs to without decoding all of it: the rest may still prove
    /// malformed.
    let peekSpan (octets: ReadOnlySpan<byte>) : Result<MessageKey, DecodeError> = SnmpCodec.readKey octets

    /// Tells which request a message belongs to; see `peekSpan`.
    let peek (octets: byte[]) : Result<MessageKey, DecodeError> = peekSpan (ReadOnlySpan<byte> octets)

    /// Writes a message as it stands. It neither encrypts nor signs: `Usm.secure` does.
    let encode (message: Message) : byte[] =
        match message with
        | V2c(community, pdu) -> SnmpCodec.writeV2c community pdu
        | V3 message ->
            let struct (octets, _) = SnmpCodec.writeV3 message
            octets
