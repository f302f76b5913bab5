namespace CallServer.Wire

/// RFC 3411 section 3.4.3. Ordered: a level is above those before it.
type SecurityLevel =
    | NoAuthNoPriv
    | AuthNoPriv
    | AuthPriv

/// UsmSecurityParameters (RFC 3414 section 2.4).
type UsmParameters =
    {
        EngineId: byte[]
        EngineBoots: int
        /// Seconds since the engine's last start.
        EngineTime: int
        UserName: byte[]
        AuthenticationParameters: byte[]
        PrivacyParameters: byte[]
    }

/// ScopedPDU (RFC 3412 section 6).
type ScopedPdu = { ContextEngineId: byte[]; ContextName: byte[]; Pdu: Pdu }

/// msgData: readable, or as long as its privacy is not removed, octets.
type ScopedData =
    | Plain of ScopedPdu
    | Encrypted of byte[]

/// SNMPv3Message (RFC 3412 section 6).
type V3Message =
    {
        MessageId: int
        /// The largest message that the sender takes, in octets.
        MaxSize: int
        /// The sender wants a Report where the message cannot be processed.
        Reportable: bool
        Level: SecurityLevel
        /// 3 for USM, the only one that is decoded.
        SecurityModel: int
        Security: UsmParameters
        Data: ScopedData
    }

type Message =
    | V2c of community: byte[] * pdu: Pdu
    | V3 of V3Message

/// What tells to which request a message belongs: the request-id of SNMPv2c, or the msgID of SNMPv3.
[<Struct>]
type MessageKey =
    | RequestId of requestId: int
    | MessageId of messageId: int

/// Numbers of msgSecurityModel (RFC 3411 section 5).
module SecurityModel =
    [<Literal>]
    let Usm = 3

module UsmParameters =
    /// What a discovery carries (RFC 3414 section 4).
    let empty: UsmParameters =
        { EngineId = [||]
          EngineBoots = 0
          EngineTime = 0
          UserName = [||]
          AuthenticationParameters = [||]
          PrivacyParameters = [||] }
