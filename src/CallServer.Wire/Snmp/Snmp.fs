namespace CallServer.Wire

/// Security levels, weakest first (RFC 3411 section 3.4.3); they compare in that order.
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

/// msgData: a readable scoped PDU, or octets that are still encrypted.
type ScopedData =
    | Plain of ScopedPdu
    | Encrypted of byte[]

/// SNMPv3Message (RFC 3412 section 6).
type V3Message =
    {
        MessageId: int
        /// The largest message that the sender accepts, in octets.
        MaxSize: int
        /// The sender wants a Report if the message cannot be processed.
        Reportable: bool
        Level: SecurityLevel
        /// 3 for USM, the only one that is decoded.
        SecurityModel: int
        Security: UsmParameters
        Data: ScopedData
    }

/// A message of SNMPv2c (RFC 1901) or SNMPv3.
type Message =
    | V2c of community: byte[] * pdu: Pdu
    | V3 of V3Message

/// Tells which request a message belongs to: the request-id of SNMPv2c, or the msgID of SNMPv3.
[<Struct>]
type MessageKey =
    | RequestId of requestId: int
    | MessageId of messageId: int

/// Values of msgSecurityModel (RFC 3411 section 5).
module SecurityModel =
    /// The User-based Security Model (RFC 3414).
    [<Literal>]
    let Usm = 3

/// Security parameters of SNMPv3.
module UsmParameters =
    /// The parameters that a discovery carries (RFC 3414 section 4).
    let empty: UsmParameters =
        { EngineId = [||]
          EngineBoots = 0
          EngineTime = 0
          UserName = [||]
          AuthenticationParameters = [||]
          PrivacyParameters = [||] }
