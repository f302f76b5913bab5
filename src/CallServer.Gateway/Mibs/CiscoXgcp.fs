namespace CallServer.Gateway.Mibs

open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// CISCO-XGCP-MIB: the connections of an MGCP gateway in one table.
module CiscoXgcp =
    /// cXgcpConnCodec.
    let private codec (codec: SimCodec) =
        match codec with
        | Pcmu -> 1
        | Pcma -> 2
        | G726At32 -> 3
        | G729 -> 6
        | G728 -> 10
        | G723 -> 11
        | G722
        | Gsm
        | Ilbc -> 200

    let private connectionId (clock: AgentClock) (connection: SimConnection) : uint32 =
        wrapped (0x10000L + connection.Serial + int64 clock.Renumbered * 100_000L)

    let private endpoint (connection: SimConnection) : string =
        let part (number: int64) = string number
        let unit = part (connection.Serial / 24L % 8L) + "/SU" + part (connection.Serial / 192L % 4L)
        "aaln/S" + unit + "/" + part (connection.Serial % 24L) + "@gateway"

    let private whenActive (active: int) (ringing: int) (sight: Sight) (row: Row) : Value =
        int (if SimConnection.isActive sight.Now row.Connection then active else ringing)

    let private table: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.9.9.318.1.4.1.1"
          Shape = 0
          Columns =
            [ fixedly 2u (endpoint >> text)
              fixedly 3u (SimConnection.guidText >> text)
              fixedly 4u (fun connection -> Gauge32(uint32 connection.LocalPort))
              fixedly 5u (fun connection -> Gauge32(uint32 connection.RemotePort))
              column 6u (whenActive 3 2)
              constant 7u (Gauge32 0u)
              constant 8u (Gauge32 0u)
              column 9u (whenActive 4 2)
              fixedly 10u (fun connection -> int (codec connection.Codec))
              constant 16u (int 0) ] }

    let mib: Mib =
        { Profile = "cisco-xgcp"
          Description = "Cisco IOS Software, MGCP gateway (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.9.1.620"
          // The only media gateway is cmgwIndex 1.
          Layout = Keyed(fun clock connection -> [| [| 1u; connectionId clock connection |] |])
          ListsRinging = true
          Tables = [ table ]
          History = ValueNone
          Scalars = []
          Codecs = [| Pcmu; Pcma; G726At32; G729; G728; G723 |]
          Identity =
            fun clock connection ->
                { Id = dotted [| 1u; connectionId clock connection |]
                  Call = Some(SimConnection.guidText connection)
                  Endpoint = Some(endpoint connection)
                  Originator = Some(endpoint connection) } }
