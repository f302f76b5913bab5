namespace CallServer.Gateway.Mibs

open System
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// AVAYA-RTP-MIB: sessions, including ended ones. The state is the first part of the index.
module AvayaRtp =
    /// avRtpSessionType.
    let private sessionType (codec: SimCodec) =
        match codec with
        | Pcmu -> 0
        | G723 -> 4
        | Pcma -> 8
        | G722 -> 9
        | G728 -> 15
        | G729 -> 18
        | G726At32 -> 139
        | Gsm
        | Ilbc -> 255

    let private sessionId (clock: AgentClock) (connection: SimConnection) : uint32 =
        uint32 ((1L + connection.Serial + int64 clock.Renumbered * 100_000L) &&& 0x7FFFFFFFL)

    /// Some sessions have a QoS event half a minute after their start, which moves them to a different instance.
    let private eventAt (connection: SimConnection) : Instant =
        if connection.LocalSsrc % 16u = 7u then
            connection.Start + TimeSpan.FromSeconds 30.0
        else
            Instant.distantFuture

    /// avRtpSessionState: active 1, activeWithEvent 2, terminated 3, terminatedWithEvent 4.
    let private state (now: Instant) (closed: Instant voption) (connection: SimConnection) : int =
        let at = closed |> ValueOption.defaultValue now
        (if closed.IsSome then 3 else 1) + (if eventAt connection <= at then 1 else 0)

    let private rows (clock: AgentClock) (now: Instant) (table: Table) : struct (Row[] * Instant) =
        let row closed connection : Row =
            { Connection = connection
              Closed = closed
              Instances = [| [| uint32 (state now closed connection); sessionId clock connection |] |] }

        let living = table.Connections |> Array.map (row ValueNone)
        let ended = table.Ended |> Array.map (fun (struct (connection, at)) -> row (ValueSome at) connection)
        let all = Array.append living ended

        let keys =
            all
            |> Array.map (fun row ->
                let instance = row.Instances[0]
                (uint64 instance[0] <<< 32) ||| uint64 instance[1])

        Array.Sort(keys, all)

        let nextEvent =
            table.Connections
            |> Array.fold
                (fun next connection ->
                    let event = eventAt connection
                    if event > now then Instant.min next event else next)
                Instant.distantFuture

        struct (all, nextEvent)

    let private until (sight: Sight) (row: Row) : Instant = row.Closed |> ValueOption.defaultValue sight.Now

    /// Hundredths of a second, as the gateway's own clock counts them.
    let private duration (sight: Sight) (row: Row) : Value =
        let age =
            AgentClock.ticks (until sight row) sight.Clock - AgentClock.ticks row.Connection.Start sight.Clock

        Integer(int64 age)

    let private endTime (sight: Sight) (row: Row) : Value =
        match row.Closed with
        | ValueSome at -> OctetString(AgentClock.dateAndTime at sight.Clock)
        | ValueNone -> OctetString(Array.zeroCreate 8)

    let private conference (connection: SimConnection) : string = string (10000L + connection.Serial % 90000L)

    /// The last seven digits of both numbers, so that they fit 22 characters.
    let private extensions (connection: SimConnection) : string =
        let short (number: string) = number.Substring(number.Length - 7)

        if connection.LocalSsrc % 2u = 0u then
            short connection.Calling
        else
            short connection.Calling + "," + short connection.Called

    let private packets (sight: Sight) (row: Row) : Value =
        Counter32(wrapped (SimConnection.packets (until sight row) row.Connection))

    let private table: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.6889.2.7.2.1"
          Shape = 0
          Columns =
            [ column 1u (fun _ row -> Integer(int64 (row.Instances[0][0])))
              column 2u (fun _ row -> Integer(int64 (row.Instances[0][1])))
              constant 3u (int 1)
              constant 4u (int 1)
              fixedly 5u (fun connection -> hostOctets connection.LocalHost)
              fixedly 6u (fun connection -> ipAddress connection.LocalHost)
              constant 8u (int 1)
              fixedly 9u (fun connection -> hostOctets connection.RemoteHost)
              fixedly 10u (fun connection -> ipAddress connection.RemoteHost)
              fixedly 12u (fun connection -> Gauge32(uint32 connection.LocalPort))
              fixedly 13u (fun connection -> Gauge32(uint32 connection.RemotePort))
              column 14u (fun sight row ->
                  OctetString(AgentClock.dateAndTime row.Connection.Start sight.Clock))
              column 15u endTime
              column 16u duration
              fixedly 17u (fun connection -> text ("gwp@" + SimConnection.hostText connection.LocalHost))
              fixedly 18u (fun connection -> text (conference connection + ":" + extensions connection))
              constant 19u (int 1)
              fixedly 21u (fun connection -> int (sessionType connection.Codec))
              fixedly 22u (fun connection ->
                  let struct (milliseconds, _) = SimCodec.packet connection.Codec
                  int milliseconds)
              constant 23u (int 0)
              fixedly 24u (fun connection -> int connection.Dscp)
              constant 25u (int 1)
              constant 26u (int 6)
              fixedly 28u (fun connection -> Gauge32 connection.LocalSsrc)
              constant 29u (int 1)
              column 40u packets
              fixedly 54u (fun connection -> int connection.Dscp)
              fixedly 57u (fun connection -> Gauge32 connection.RemoteSsrc) ] }

    /// avRtpSumTable of the only engine, number 1.
    let private sum column (read: Sight -> Value) : Scalar =
        { Name = Oid.append (Oid.parse "1.3.6.1.4.1.6889.2.7.3.1") [| column; 1u |]; Read = read }

    let mib: Mib =
        { Profile = "avaya-rtp"
          Description = "Avaya Inc., media gateway (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.6889.1.45.1.8"
          Layout = Free rows
          ListsRinging = false
          Tables = [ table ]
          History = ValueNone
          Scalars =
            [ scalar "1.3.6.1.4.1.6889.2.7.1.2" (fun _ -> int 1)
              scalar "1.3.6.1.4.1.6889.2.7.1.11" (fun sight ->
                  OctetString(AgentClock.dateAndTime sight.Now sight.Clock))
              sum 4u (fun sight -> Gauge32(uint32 sight.Counted))
              // avRtpSumTotalFlows.
              sum 6u (fun sight -> Counter32(wrapped sight.Listed)) ]
          Codecs = [| Pcmu; Pcma; G722; G723; G728; G729; G726At32 |]
          Identity =
            fun clock connection ->
                { Id = string (sessionId clock connection)
                  Call = Some(conference connection)
                  Endpoint = Some "1"
                  Originator = Some(extensions connection) } }
