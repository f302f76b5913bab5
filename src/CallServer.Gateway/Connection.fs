namespace CallServer.Gateway

open System
open System.Globalization
open CallServer.Model
open CallServer.Prelude

/// A media encoding that simulated gateways use; each profile writes it in its own numbers or words.
type SimCodec =
    | Pcmu
    | Pcma
    | G722
    | G723
    | G726At32
    | G728
    | G729
    | Gsm
    | Ilbc

module SimCodec =
    /// The RTP encoding name that IANA registers.
    let name (codec: SimCodec) : string =
        match codec with
        | Pcmu -> "PCMU"
        | Pcma -> "PCMA"
        | G722 -> "G722"
        | G723 -> "G723"
        | G726At32 -> "G726-32"
        | G728 -> "G728"
        | G729 -> "G729"
        | Gsm -> "GSM"
        | Ilbc -> "iLBC"

    /// Milliseconds of speech in a packet, and octets of payload.
    let packet (codec: SimCodec) : struct (int * int) =
        match codec with
        | Pcmu
        | Pcma
        | G722 -> struct (20, 160)
        | G723 -> struct (30, 24)
        | G726At32 -> struct (20, 80)
        | G728 -> struct (20, 40)
        | G729 -> struct (20, 20)
        | Gsm -> struct (20, 33)
        | Ilbc -> struct (20, 38)

    /// The RTP payload type (RFC 3551 table 4); `ValueNone` if the codec has only a dynamic one.
    let payloadType (codec: SimCodec) : int voption =
        match codec with
        | Pcmu -> ValueSome 0
        | Gsm -> ValueSome 3
        | G723 -> ValueSome 4
        | Pcma -> ValueSome 8
        | G722 -> ValueSome 9
        | G728 -> ValueSome 15
        | G729 -> ValueSome 18
        | G726At32
        | Ilbc -> ValueNone

    /// The payload type that offers and answers name; a dynamic one for codecs without a static one.
    let offeredType (codec: SimCodec) : int =
        match payloadType codec, codec with
        | ValueSome own, _ -> own
        | ValueNone, Ilbc -> 97
        | ValueNone, _ -> 96

    /// Codecs that every profile can express.
    let common: SimCodec[] = [| Pcmu; Pcma; G729; G723; G728 |]

    let all: SimCodec[] = [| Pcmu; Pcma; G722; G723; G726At32; G728; G729; Gsm; Ilbc |]

/// One connection of a simulated gateway, with its true times. Everything that a MIB shows follows from them.
[<ReferenceEquality>]
type SimConnection =
    {
        /// Numbers the connections of one table from 0, in the order of their setup.
        Serial: int64
        /// Counted from 1. Distinguishes connections that were set up within 10 ms of each other, whatever grid of hundredths the
        /// agent uses.
        Index: int
        /// The circuit that it occupies from setup to end, counted from 0. It gets the lowest free one.
        Slot: int
        /// When the call began.
        Setup: Instant
        /// When it was answered, which made the connection active.
        Start: Instant
        /// When it will end unless it is closed before; the distant future if it does not end by itself. An audit cannot know
        /// this.
        Ends: Instant
        /// Cisco's GUID: 16 octets that are never printable text.
        Guid: byte[]
        /// SIP's Call-ID.
        CallId: string
        /// ifIndex of the logical interface, 0 for none.
        Interface: int
        Calling: string
        Called: string
        /// True if the gateway answered the call (the caller is on the far side), false if it originated it.
        Answered: bool
        Codec: SimCodec
        /// 0 to 63.
        Dscp: int
        /// An IPv4 address; its first octet is the most significant one.
        LocalHost: uint32
        LocalPort: int
        RemoteHost: uint32
        RemotePort: int
        LocalSsrc: uint32
        RemoteSsrc: uint32
    }

module SimConnection =
    let isActive (now: Instant) (connection: SimConnection) : bool = connection.Start <= now

    /// The connection as it is at this instant, if it changes its codec that long after its start.
    let renegotiated (after: TimeSpan) (now: Instant) (connection: SimConnection) : SimConnection =
        if now < connection.Start + after then
            connection
        else
            { connection with Codec = (if connection.Codec = Pcmu then Pcma else Pcmu) }

    /// How long it has been active; zero while it is ringing.
    let age (now: Instant) (connection: SimConnection) : TimeSpan =
        if isActive now connection then now - connection.Start else TimeSpan.Zero

    /// Packets sent since the start; the same number was received.
    let packets (now: Instant) (connection: SimConnection) : int64 =
        let struct (milliseconds, _) = SimCodec.packet connection.Codec
        (age now connection).Ticks / (int64 milliseconds * TimeSpan.TicksPerMillisecond)

    /// Octets of payload in those packets.
    let octets (now: Instant) (connection: SimConnection) : int64 =
        let struct (_, payload) = SimCodec.packet connection.Codec
        packets now connection * int64 payload

    let hostOctets (host: uint32) : byte[] =
        [| byte (host >>> 24); byte (host >>> 16); byte (host >>> 8); byte host |]

    let hostText (host: uint32) : string =
        let part shift = ((host >>> shift) &&& 255u).ToString CultureInfo.InvariantCulture
        part 24 + "." + part 16 + "." + part 8 + "." + part 0

    /// The GUID in lower-case hex, as an audit prints it.
    let guidText (connection: SimConnection) : string = Convert.ToHexStringLower connection.Guid

    /// Guaranteed for DSCP 46 (expedited forwarding), controlled load for other marked packets, otherwise best effort.
    let service (connection: SimConnection) : ServiceClass =
        match connection.Dscp with
        | 46 -> Guaranteed
        | 0 -> BestEffort
        | _ -> ControlledLoad

    // Uses + because interpolation is slower, and fleets make 100,000 of these texts.

    let private dscps = [| 46; 46; 46; 0; 34; 26 |]

    /// All properties of the connection with this serial number, except its times.
    let draw
        (seed: uint64)
        (codecs: SimCodec[])
        (serial: int64)
        (index: int)
        setup
        start
        ends
        : SimConnection =
        let rng = Rng.create (seed ^^^ (uint64 serial * 0xD6E8FEB86659FD93UL))
        let struct (high, rng) = Rng.next rng
        let struct (low, rng) = Rng.next rng
        let struct (numbers, rng) = Rng.next rng
        let struct (media, rng) = Rng.next rng
        let struct (sources, _) = Rng.next rng
        let guid = Array.zeroCreate 16
        Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(Span<byte> guid, high)
        // No UTF-8 text begins with this octet, so every reader prints a GUID as hex.
        Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(Span<byte>(guid, 8, 8), low ||| 0xF8UL)

        { Serial = serial
          Index = index
          Slot = 0
          Setup = setup
          Start = start
          Ends = ends
          Guid = guid
          CallId = low.ToString("x16") + "@gw-" + string (serial % 7L) + ".example.net"
          Interface = (if numbers &&& 7UL = 0UL then 0 else 1 + int (serial % 120L))
          Calling = "1415" + string (2000000UL + numbers % 8000000UL)
          Called = "4420" + string (10000000UL + (numbers >>> 32) % 80000000UL)
          Answered = (numbers >>> 24) &&& 1UL = 0UL
          Codec = codecs[int (media % uint64 codecs.Length)]
          Dscp = dscps[int ((media >>> 16) % uint64 dscps.Length)]
          // Two simultaneous connections never share an address and port, not even with a port two higher: a call of rtpengine
          // has two local ports.
          LocalHost = 0xC0000201u + uint32 (serial / 12288L % 254L)
          LocalPort = 16384 + 4 * int (serial % 12288L)
          RemoteHost = 0x0A000000u ||| uint32 ((media >>> 24) &&& 0xFFFFFFUL)
          RemotePort = 10000 + 2 * int ((media >>> 48) % 20000UL)
          LocalSsrc = uint32 sources
          RemoteSsrc = uint32 (sources >>> 32) }

    /// The same call as the gateway at the far end carries it. Media addresses and sources are swapped, and so are answering and
    /// originating.
    let farEnd (connection: SimConnection) : SimConnection =
        { connection with
            Answered = not connection.Answered
            LocalHost = connection.RemoteHost
            LocalPort = connection.RemotePort
            RemoteHost = connection.LocalHost
            RemotePort = connection.LocalPort
            LocalSsrc = connection.RemoteSsrc
            RemoteSsrc = connection.LocalSsrc }
