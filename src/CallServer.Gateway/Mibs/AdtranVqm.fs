namespace CallServer.Gateway.Mibs

open System.Globalization
open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// ADTRAN-AOS-VQM: the monitored RTP streams, indexed by {source, destination, SSRC}. A row is the stream that the gateway sends.
module AdtranVqm =
    /// adVqmActCallCodec.
    let private codec (codec: SimCodec) =
        match codec with
        | Pcmu -> 2
        | Pcma -> 23
        | G722 -> 39
        | G723 -> 6
        | G726At32 -> 28
        | G728 -> 8
        | G729 -> 12
        | Gsm -> 18
        | Ilbc -> 69

    let private instance (connection: SimConnection) : uint32[] =
        Array.concat
            [ hostArcs connection.LocalHost
              [| uint32 connection.LocalPort |]
              hostArcs connection.RemoteHost
              [| uint32 connection.RemotePort; connection.LocalSsrc |] ]

    let private uri (number: string) : string = "sip:" + number + "@voice.example.net"

    let private from (connection: SimConnection) : string = uri connection.Calling

    /// The date and time as text, by the gateway's clock.
    let private callStart (sight: Sight) (row: Row) : Value =
        let time = AgentClock.calendar row.Connection.Start sight.Clock
        text (time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture))

    /// Milliseconds from the start to the last packet.
    let private duration (sight: Sight) (row: Row) : Value =
        let struct (milliseconds, _) = SimCodec.packet row.Connection.Codec
        Gauge32(wrapped (SimConnection.packets sight.Now row.Connection * int64 milliseconds))

    let private table: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.664.5.53.5.3.8.1.1"
          Shape = 0
          Columns =
            [ fixedly 1u (fun connection -> ipAddress connection.LocalHost)
              fixedly 2u (fun connection -> Gauge32(uint32 connection.LocalPort))
              fixedly 3u (fun connection -> ipAddress connection.RemoteHost)
              fixedly 4u (fun connection -> Gauge32(uint32 connection.RemotePort))
              fixedly 5u (fun connection -> Gauge32 connection.LocalSsrc)
              fixedly 6u (fun connection -> text (uri connection.Called))
              fixedly 7u (from >> text)
              fixedly 8u (from >> text)
              fixedly 9u (fun connection -> text connection.CallId)
              fixedly 10u (fun connection -> Gauge32(wrapped (connection.Serial + 1L)))
              constant 11u (text "eth 0/1")
              constant 12u (text "eth 0/2")
              constant 13u (text "")
              constant 14u (text "")
              column 15u callStart
              column 16u duration
              fixedly 17u (fun connection -> int (codec connection.Codec))
              fixedly 18u (fun connection -> int (if connection.Codec = G722 then 1 else 2))
              fixedly 19u (fun connection -> Gauge32(uint32 connection.Dscp))
              column 20u (fun sight row ->
                  Counter32(wrapped (SimConnection.packets sight.Now row.Connection)))
              constant 21u (Counter32 0u) ] }

    let mib: Mib =
        { Profile = "adtran-vqm"
          Description = "ADTRAN AOS (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.664.1.1220"
          Layout = Keyed(fun _ connection -> [| instance connection |])
          ListsRinging = false
          Tables = [ table ]
          History = ValueNone
          Scalars = [ scalar "1.3.6.1.4.1.664.5.53.5.3.2.1" (fun _ -> int 1) ]
          Codecs = SimCodec.all
          Identity =
            fun _ connection ->
                { Id = dotted (instance connection)
                  Call = Some connection.CallId
                  Endpoint = Some "eth 0/1"
                  Originator = Some(from connection) } }
