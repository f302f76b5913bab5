namespace CallServer.Gateway.Mibs

open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// RTP-MIB (RFC 2959): sessions, their senders and their receivers. The codec is a payload type.
module RtpMib =
    /// The payload type. Codecs without a static one get the first dynamic one.
    let private payloadType (codec: SimCodec) : int =
        SimCodec.payloadType codec |> ValueOption.defaultValue 96

    let private session (clock: AgentClock) (connection: SimConnection) : uint32 =
        uint32 ((1L + connection.Serial + int64 clock.Renumbered * 100_000L) &&& 0x7FFFFFFFL)

    /// {session}, {session, SSRC}, {session, source SSRC, SSRC}.
    let private instances (clock: AgentClock) (connection: SimConnection) : uint32[][] =
        let session = session clock connection

        [| [| session |]
           [| session; connection.LocalSsrc |]
           [| session; connection.RemoteSsrc; connection.LocalSsrc |] |]

    /// An address and port as TAddress in snmpUDPDomain (RFC 3417).
    let private address (host: uint32) (port: int) : Value =
        OctetString(Array.append (SimConnection.hostOctets host) [| byte (port >>> 8); byte port |])

    let private remote (connection: SimConnection) = address connection.RemoteHost connection.RemotePort

    let private local (connection: SimConnection) = address connection.LocalHost connection.LocalPort

    let private senderName (connection: SimConnection) : string =
        connection.Calling + "@" + SimConnection.hostText connection.LocalHost

    let private start (sight: Sight) (row: Row) : Value =
        TimeTicks(AgentClock.stamp row.Connection.Start sight.Clock)

    let private packets (sight: Sight) (row: Row) : Value =
        Counter64(uint64 (SimConnection.packets sight.Now row.Connection))

    let private octets (sight: Sight) (row: Row) : Value =
        Counter64(uint64 (SimConnection.octets sight.Now row.Connection))

    let private now (sight: Sight) (_: Row) : Value = TimeTicks(AgentClock.ticks sight.Now sight.Clock)

    let private sessions: MibTable =
        { Entry = Oid.parse "1.3.6.1.2.1.87.1.3.1"
          Shape = 0
          Columns =
            [ constant 2u (ObjectIdentifier(Oid.parse "1.3.6.1.6.1.1"))
              fixedly 3u remote
              fixedly 4u local
              fixedly 5u (fun connection -> int connection.Interface)
              constant 6u (Counter32 1u)
              constant 7u (Counter32 1u)
              constant 8u (Counter32 0u)
              column 9u start
              constant 10u (int 1)
              constant 11u (int 1) ] }

    let private senders: MibTable =
        { Entry = Oid.parse "1.3.6.1.2.1.87.1.5.1"
          Shape = 1
          Columns =
            [ fixedly 2u (senderName >> text)
              fixedly 3u local
              column 4u packets
              column 5u octets
              constant 6u (text "gateway")
              column 8u now
              fixedly 9u (fun connection -> int (payloadType connection.Codec))
              column 10u start ] }

    let private receivers: MibTable =
        { Entry = Oid.parse "1.3.6.1.2.1.87.1.7.1"
          Shape = 2
          Columns =
            [ fixedly 3u (fun connection ->
                  text (connection.Called + "@" + SimConnection.hostText connection.RemoteHost))
              fixedly 4u remote
              constant 5u (Gauge32 40u)
              constant 6u (Counter64 0UL)
              constant 7u (Gauge32 2u)
              column 10u now
              fixedly 11u (fun connection -> int (payloadType connection.Codec))
              column 12u packets
              column 13u octets
              column 14u start ] }

    let mib: Mib =
        { Profile = "rtp-mib"
          Description = "RTP host (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.8072.3.2.10"
          Layout = Keyed instances
          ListsRinging = false
          Tables = [ sessions; senders; receivers ]
          History = ValueNone
          Scalars = []
          Codecs = [| Pcmu; Gsm; G723; Pcma; G722; G728; G729 |]
          Identity =
            fun clock connection ->
                { Id = string (session clock connection)
                  Call = None
                  Endpoint = DialControl.endpoint connection
                  Originator = Some(senderName connection) } }
