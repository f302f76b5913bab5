namespace CallServer.Wire

open System

/// Trap-PDU of SNMPv1 (RFC 1157 section 4.1.6), the one message of that version that gateways still send.
type TrapV1 =
    {
        Community: byte[]
        /// The kind of device; for a specific trap, the enterprise that defines it.
        Enterprise: Oid
        /// Four octets by the standard, kept as received.
        AgentAddress: byte[]
        /// One of `GenericTrap`.
        GenericTrap: int
        SpecificTrap: int
        /// sysUpTime, 1/100 s.
        TimeStamp: uint32
        VarBinds: VarBind[]
    }

/// Values of generic-trap (RFC 1157 section 4.1.6).
module GenericTrap =
    /// The sender restarted, and its configuration may have changed.
    [<Literal>]
    let ColdStart = 0

    /// The sender restarted with its configuration unchanged.
    [<Literal>]
    let WarmStart = 1

    /// The specific-trap field says which trap it is.
    [<Literal>]
    let EnterpriseSpecific = 6

/// What arrives at a port for notifications: a trap of SNMPv1, or a message of a later version.
type TrapMessage =
    | OfV1 of TrapV1
    | Later of Message

/// Notifications in BER. Decoding never throws, and allocates at most 64 KiB plus four times the octets.
module SnmpTrap =
    /// The version field of SNMPv1.
    [<Literal>]
    let private Version1 = 0

    [<Literal>]
    let private TrapTag = 0xA4uy

    /// Message ::= SEQUENCE { version, community, [4] IMPLICIT SEQUENCE { enterprise, agent-addr, generic-trap, specific-trap,
    /// time-stamp, variable-bindings } }
    let private readV1 (octets: ReadOnlySpan<byte>) : Result<TrapV1, DecodeError> =
        let mutable reader = BerReader octets
        let outermost = reader.Enter(BerTag.Sequence, "a message")
        reader.Integer32 "a version" |> ignore
        let community = reader.OctetString "a community"
        let outer = reader.Enter(TrapTag, "a Trap-PDU")
        let enterprise = reader.Oid "an enterprise"
        let address = reader.Content(reader.Expect(BerTag.IpAddress, "an agent-addr")).ToArray()
        let generic = reader.Integer32 "a generic-trap"
        let specific = reader.Integer32 "a specific-trap"
        let stamp = uint32 (reader.UnsignedContent(reader.Expect(BerTag.TimeTicks, "a time-stamp"), 4))
        let varBinds = PduCodec.readVarBinds &reader
        reader.Leave outer
        reader.Leave outermost

        match reader.Error with
        | ValueSome error -> Error error
        | ValueNone ->
            Ok
                { Community = community
                  Enterprise = enterprise
                  AgentAddress = address
                  GenericTrap = generic
                  SpecificTrap = specific
                  TimeStamp = stamp
                  VarBinds = varBinds }

    let private isV1 (octets: ReadOnlySpan<byte>) : bool =
        let mutable reader = BerReader octets
        reader.Enter(BerTag.Sequence, "a message") |> ignore
        let version = reader.Integer32 "a version"
        not reader.Failed && version = Version1

    /// Reads a notification of any version, or says what is wrong and where.
    let decode (octets: byte[]) : Result<TrapMessage, DecodeError> =
        let octets = ReadOnlySpan<byte> octets

        if isV1 octets then
            readV1 octets |> Result.map OfV1
        else
            Snmp.decodeSpan octets |> Result.map Later

    let private encodeV1 (trap: TrapV1) : byte[] =
        let writer = BerWriter 512
        PduCodec.writeVarBinds writer trap.VarBinds
        writer.Unsigned(BerTag.TimeTicks, uint64 trap.TimeStamp)
        writer.Integer(BerTag.Integer, int64 trap.SpecificTrap)
        writer.Integer(BerTag.Integer, int64 trap.GenericTrap)
        writer.OctetString(BerTag.IpAddress, ReadOnlySpan<byte> trap.AgentAddress)
        writer.Oid(BerTag.ObjectIdentifier, trap.Enterprise)
        writer.Close(TrapTag, 0)
        writer.OctetString(BerTag.OctetString, ReadOnlySpan<byte> trap.Community)
        writer.Integer(BerTag.Integer, int64 Version1)
        writer.Close(BerTag.Sequence, 0)
        writer.ToArray()

    /// Writes a notification; an SNMPv3 message is neither encrypted nor signed.
    let encode (message: TrapMessage) : byte[] =
        match message with
        | OfV1 trap -> encodeV1 trap
        | Later message -> Snmp.encode message
