namespace CallServer.Wire

/// What is wrong with a message. The sender or the network caused it, not this side.
type DecodeProblem =
    /// The message or its container ends before something that must follow.
    | EndOfInput
    /// The identifier octet found, and what was expected in its place.
    | UnexpectedTag of found: byte * expected: string
    /// RFC 3417 section 8: SNMP uses definite lengths only.
    | IndefiniteLength
    /// A length that no message can have.
    | LengthTooLarge
    /// A length that reaches beyond the message or the container.
    | LengthBeyondEnd of length: int * available: int
    /// Octets left over in a container after its last element.
    | TrailingOctets of count: int
    /// A number that its type cannot hold.
    | NumberOutOfRange of octets: int
    /// An arc of an OID above 2^32 - 1.
    | ArcOutOfRange
    /// The last arc of an OID lacks its last octet.
    | ArcUnfinished
    /// An OID of more than 128 arcs.
    | TooManyArcs
    /// More variable bindings than an honest message of this size has: decoding them would take more memory
    /// than allowed.
    | TooManyVarBinds of count: int
    /// SNMPv1: every gateway that matters speaks v2c or v3, and v1 has no GetBulk.
    | Version1
    | UnknownVersion of version: int
    /// No PDU of SNMPv2; 0xA4 is the trap of SNMPv1.
    | UnknownPdu of tag: byte
    /// msgFlags that are not one octet, or ask for privacy without authentication (RFC 3412 section 7.2).
    | InvalidFlags
    /// A security model other than USM (3).
    | UnknownSecurityModel of model: int

/// What is wrong, and at which octet of the message, from 0.
type DecodeError =
    { Offset: int
      Problem: DecodeProblem }

    override this.ToString() =
        let problem =
            match this.Problem with
            | EndOfInput -> "the message ends too early"
            | UnexpectedTag(found, expected) -> $"tag 0x{found:X2} where {expected} is due"
            | IndefiniteLength -> "an indefinite length"
            | LengthTooLarge -> "a length that no message can have"
            | LengthBeyondEnd(length, available) -> $"a length of {length} octets where {available} are left"
            | TrailingOctets count -> $"{count} octets too many"
            | NumberOutOfRange octets -> $"a number of {octets} octets that is out of range"
            | ArcOutOfRange -> "an OID with an arc above 4294967295"
            | ArcUnfinished -> "an OID that ends within an arc"
            | TooManyArcs -> "an OID of more than 128 arcs"
            | TooManyVarBinds count -> $"{count} variable bindings, too many for the message's size"
            | Version1 -> "an SNMPv1 message"
            | UnknownVersion version -> $"a message of unknown version {version}"
            | UnknownPdu tag -> $"an unknown PDU, tag 0x{tag:X2}"
            | InvalidFlags -> "invalid msgFlags"
            | UnknownSecurityModel model -> $"an unknown security model {model}"

        $"{problem}, at octet {this.Offset}"

/// Identifier octets of SNMP: the universal ones it uses, those of RFC 2578, and the exceptions of RFC 3416.
module BerTag =
    /// A signed number.
    [<Literal>]
    let Integer = 0x02uy

    /// Octets, text included.
    [<Literal>]
    let OctetString = 0x04uy

    /// No value, as requests carry it.
    [<Literal>]
    let Null = 0x05uy

    /// An object's name.
    [<Literal>]
    let ObjectIdentifier = 0x06uy

    /// A container of elements.
    [<Literal>]
    let Sequence = 0x30uy

    /// An IPv4 address in 4 octets.
    [<Literal>]
    let IpAddress = 0x40uy

    /// A counter that wraps at 2^32.
    [<Literal>]
    let Counter32 = 0x41uy

    /// An unsigned number of 32 bits; Unsigned32 has the same tag.
    [<Literal>]
    let Gauge32 = 0x42uy

    /// Hundredths of a second, modulo 2^32.
    [<Literal>]
    let TimeTicks = 0x43uy

    /// Octets with a meaning of their own.
    [<Literal>]
    let Opaque = 0x44uy

    /// A counter that wraps at 2^64.
    [<Literal>]
    let Counter64 = 0x46uy

    /// From the historic RFC 1442; only read.
    [<Literal>]
    let UInteger32 = 0x47uy

    /// Exception: the agent has no object of this type.
    [<Literal>]
    let NoSuchObject = 0x80uy

    /// Exception: the agent has the object type, but not this instance.
    [<Literal>]
    let NoSuchInstance = 0x81uy

    /// Exception: no object follows this name.
    [<Literal>]
    let EndOfMibView = 0x82uy
