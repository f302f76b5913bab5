namespace CallServer.Gateway.Mibs

open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// AC-MEDIA-MIB acIPLegsTable, and AC-CONTROL-MIB acCallInfoTable with the calls that the legs point to. Both indexes are small
/// numbers that are reused.
module AudioCodes =
    /// acIPLegsCoderType.
    let private coder (codec: SimCodec) =
        match codec with
        | Pcma -> 0
        | Pcmu -> 1
        | G726At32 -> 4
        | G723 -> 16
        | G729 -> 17
        | Gsm -> 18
        | G728 -> 23
        | Ilbc -> 64
        | G722 -> 77

    let private leg (connection: SimConnection) : uint32 = uint32 connection.Slot

    /// A call index that differs from the leg's, but gives the same order.
    let private call (connection: SimConnection) : uint32 = uint32 (connection.Slot + 7)

    let private legName (connection: SimConnection) : string = "ip/" + string connection.Slot

    /// Whether media flows.
    let private isFlowing (sight: Sight) (row: Row) = SimConnection.isActive sight.Now row.Connection

    let private packets (sight: Sight) (row: Row) : Value =
        Gauge32(wrapped (SimConnection.packets sight.Now row.Connection))

    let private octets (sight: Sight) (row: Row) : Value =
        Gauge32(wrapped (SimConnection.octets sight.Now row.Connection))

    let private legs: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.5003.9.10.4.2.1.1.1"
          Shape = 0
          Columns =
            [ fixedly 2u (fun connection -> Gauge32(call connection))
              column 3u (fun sight row -> int (if isFlowing sight row then 1 else 0))
              fixedly 4u (fun connection -> int (coder connection.Codec))
              constant 5u (int 0)
              constant 6u (int 1)
              fixedly 7u (fun connection -> Gauge32(uint32 connection.LocalPort))
              fixedly 8u (fun connection -> ipAddress connection.RemoteHost)
              constant 9u (int 0)
              column 10u packets
              column 11u packets
              column 12u octets
              column 13u octets
              constant 14u (Gauge32 2u)
              constant 15u (Gauge32 0u)
              fixedly 16u (fun connection -> Gauge32(connection.LocalSsrc &&& 0x7FFFFFFFu))
              fixedly 17u (fun connection -> Gauge32(uint32 (connection.Slot % 2000)))
              fixedly 18u (legName >> text) ] }

    /// The duration is in whole seconds since the call began; voice is 1, SIP is 3.
    let private calls: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.5003.9.10.5.2.2.1.1.1"
          Shape = 1
          Columns =
            [ fixedly 2u (fun connection -> text connection.CallId)
              constant 3u (int 1)
              constant 4u (int 3)
              column 5u (fun sight row ->
                  Gauge32(uint32 (max 0.0 (sight.Now - row.Connection.Setup).TotalSeconds))) ] }

    let mib: Mib =
        { Profile = "audiocodes"
          Description = "AudioCodes Mediant (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.5003.8.1.1.47"
          Layout = Keyed(fun _ connection -> [| [| leg connection |]; [| call connection |] |])
          ListsRinging = true
          Tables = [ legs; calls ]
          History = ValueNone
          Scalars = []
          Codecs = SimCodec.all
          Identity =
            fun _ connection ->
                { Id = string (leg connection)
                  Call = Some connection.CallId
                  Endpoint = Some(legName connection)
                  Originator = Some(legName connection) } }
