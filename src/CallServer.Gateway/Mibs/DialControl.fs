namespace CallServer.Gateway.Mibs

open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// DIAL-CONTROL-MIB (RFC 2128): callActiveTable alone.
module DialControl =
    /// {callActiveSetupTime, callActiveIndex}. Where stamps were zeroed, the serial number tells them apart.
    let instance (clock: AgentClock) (connection: SimConnection) : uint32[] =
        match AgentClock.stamp connection.Setup clock with
        | 0u -> [| 0u; 1u + uint32 (connection.Serial &&& 0x3FFFFFFFL) |]
        | ticks -> [| ticks; uint32 (connection.Index + clock.Renumbered) |]

    /// Zero while it is not connected.
    let private connectTime (sight: Sight) (row: Row) =
        if SimConnection.isActive sight.Now row.Connection then
            TimeTicks(AgentClock.stamp row.Connection.Start sight.Clock)
        else
            TimeTicks 0u

    /// The far side's number: the caller's where the gateway answered the call.
    let peer (connection: SimConnection) =
        if connection.Answered then connection.Calling else connection.Called

    let private packets (sight: Sight) (row: Row) =
        Counter32(wrapped (SimConnection.packets sight.Now row.Connection))

    let private octets (sight: Sight) (row: Row) =
        Counter32(wrapped (SimConnection.octets sight.Now row.Connection))

    let table: MibTable =
        { Entry = Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1"
          Shape = 0
          Columns =
            [ fixedly 3u (peer >> text)
              constant 4u (text "")
              fixedly 5u (fun connection -> int (100 + connection.Index))
              constant 6u (int 200)
              fixedly 7u (fun connection -> int connection.Interface)
              column 8u connectTime
              column 9u (fun sight row ->
                  int (if SimConnection.isActive sight.Now row.Connection then 4 else 2))
              fixedly 10u (fun connection -> int (if connection.Answered then 2 else 1))
              constant 11u (Counter32 0u)
              constant 12u (int 2)
              column 13u packets
              column 14u octets
              column 15u packets
              column 16u octets ] }

    let endpoint (connection: SimConnection) : string option =
        if connection.Interface = 0 then None else Some(string connection.Interface)

    let mib: Mib =
        { Profile = "dial-control"
          Description = "access server (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.8072.3.2.10"
          Layout = Keyed(fun clock connection -> [| instance clock connection |])
          ListsRinging = true
          Tables = [ table ]
          Scalars = []
          Codecs = SimCodec.common
          Identity =
            fun clock connection ->
                { Id = dotted (instance clock connection)
                  Call = None
                  Endpoint = endpoint connection
                  Originator = if connection.Answered then Some connection.Calling else endpoint connection } }
