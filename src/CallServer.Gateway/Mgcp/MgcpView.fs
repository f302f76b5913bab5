namespace CallServer.Gateway

open CallServer.Model
open CallServer.Wire

/// How an MGCP gateway describes one connection.
module internal MgcpView =
    /// The connection id: hexadecimal, at most 32 digits (RFC 3435 §3.2.2.5), unique within a gateway.
    let connectionId (connection: SimConnection) : string =
        (uint32 (connection.Serial + 1L) * 0x9E3779B1u).ToString "X8"

    /// The call id is the GUID, by which Cisco gateways also recognize connections of the same call.
    let callId (connection: SimConnection) : string = SimConnection.guidText connection

    /// The mode (RFC 3435 §3.2.2.6). A few connections only listen or only speak, as after hold and transfer.
    let mode (connection: SimConnection) : string =
        match connection.Serial % 11L with
        | 7L -> "sendonly"
        | 9L -> "inactive"
        | _ -> "sendrecv"

    /// The letter of that mode in bulk audits (RFC 3624).
    let modeLetter (connection: SimConnection) : char =
        match mode connection with
        | "sendonly" -> 'S'
        | "inactive" -> 'I'
        | _ -> 'B'

    /// `P:`, the counters so far. An inactive connection has been inactive for half its age.
    let counters (isSaturated: bool) (now: Instant) (connection: SimConnection) : Counters =
        let share count =
            match mode connection with
            | "inactive" -> count / 2L
            | _ -> count

        let received count = if mode connection = "sendonly" then 0L else share count

        let told value =
            ValueSome(
                if isSaturated then
                    ConnectionParameters.Saturated
                else
                    min ConnectionParameters.Saturated value
            )

        let packets, octets = SimConnection.packets now connection, SimConnection.octets now connection

        { Counters.none with
            PacketsSent = told (share packets)
            OctetsSent = told (share octets)
            PacketsReceived = told (received packets)
            OctetsReceived = told (received octets)
            PacketsLost = ValueSome(connection.Serial % 3L)
            JitterMs = ValueSome(2L + connection.Serial % 20L)
            LatencyMs = ValueSome(20L + connection.Serial % 40L) }

    /// `L:`, the options that the call agent gave.
    let options (connection: SimConnection) : LocalConnectionOptions =
        let struct (period, _) = SimCodec.packet connection.Codec

        { LocalConnectionOptions.none with
            PacketTime = ValueSome(struct (period, period))
            Codecs = [| SimCodec.name connection.Codec |]
            // RFC 3435 §2.3.5: the whole octet, whose upper six bits are the DSCP.
            TypeOfService = ValueSome(byte (connection.Dscp <<< 2))
            Service = ValueSome(SimConnection.service connection)
            SilenceSuppression = ValueSome false
            EchoCancellation = ValueSome true }

    /// The names that an audit gives the connection, as the command line shows them.
    let identity (perEndpoint: int) (domain: string) (connection: SimConnection) : Identity =
        let endpoint = Circuits.local (Wiring.circuit perEndpoint connection) + "@" + domain

        { Id = endpoint + "/" + connectionId connection
          Call = Some(callId connection)
          Endpoint = Some endpoint
          Originator = Some endpoint }
