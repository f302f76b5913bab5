namespace CallServer.Gateway.Mibs

open System
open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// ASTERISK-MIB as res_snmp serves it. Row numbers are places in a hash table, and empty texts have no cell. Only the epoch in
/// the unique id dates a start.
module Asterisk =
    /// The order of a hash table, which says nothing about age.
    let private shuffled (clock: AgentClock) (connections: SimConnection[]) : SimConnection[] =
        connections
        |> Array.sortBy (fun connection ->
            (uint64 connection.LocalSsrc ^^^ uint64 clock.Renumbered * 0x9E3779B9UL) * 0xD1B54A32D192ED03UL)

    let private channel (technology: string) (number: int64) : string =
        "SIP/" + technology + "-" + number.ToString "x8"

    let private name (connection: SimConnection) : string = channel "trunk" (connection.Serial * 2L)

    /// The channel at the other end; some channels have none.
    let private bridge (connection: SimConnection) : string =
        if connection.LocalSsrc % 8u = 3u then
            ""
        else
            channel "phone" (connection.Serial * 2L + 1L)

    /// The names of both channels in ordinal order, so that the two rows of a call give the same pair.
    let private pair (connection: SimConnection) : string option =
        match name connection, bridge connection with
        | _, "" -> None
        | own, other when String.CompareOrdinal(own, other) <= 0 -> Some(own + "|" + other)
        | own, other -> Some(other + "|" + own)

    let private uniqueId (connection: SimConnection) : string =
        string (connection.Setup.Micros / 1_000_000L) + "." + string connection.Serial

    let private pid (sight: Sight) : Value = int (1000 + sight.Clock.GatewayRun * 37)

    let private uptime (sight: Sight) : Value = TimeTicks(AgentClock.gatewayTicks sight.Now sight.Clock)

    /// The raw octets of a C `unsigned long`, as res_snmp sends them.
    let private presentation: Value = OctetString(BitConverter.GetBytes 3UL)

    let private table: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.22736.1.5.2.1"
          Shape = 0
          Columns =
            [ column 1u (fun _ row -> Integer(int64 (row.Instances[0][0])))
              fixedly 2u (name >> text)
              constant 3u (text "en")
              constant 4u (text "SIP")
              textUnlessEmpty 6u bridge
              constant 9u (TimeTicks 0u)
              fixedly 10u (fun connection -> text (if connection.Answered then "Dial" else "AppDial"))
              textUnlessEmpty 11u (fun connection ->
                  if connection.Answered then "SIP/" + connection.Called else "")
              constant 12u (text "from-trunk")
              fixedly 16u (fun connection -> text connection.Called)
              constant 17u (int 1)
              textUnlessEmpty 18u (fun connection ->
                  if connection.Interface = 0 then "" else "acct" + string connection.Interface)
              fixedly 20u (uniqueId >> text)
              constant 21u (Gauge32 0u)
              constant 22u (Gauge32 0u)
              column 23u (fun sight row ->
                  int (if SimConnection.isActive sight.Now row.Connection then 6 else 4))
              constant 24u (int 2)
              constant 25u (int 0)
              fixedly 26u (fun connection -> text connection.Called)
              fixedly 27u (fun connection -> text connection.Calling)
              textUnlessEmpty 28u (fun connection -> if connection.Answered then "" else "Gateway")
              constant 31u presentation
              constant 35u (int 3)
              constant 38u (int 0) ] }

    let mib: Mib =
        { Profile = "asterisk"
          Description = "Asterisk (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.8072.3.2.10"
          Layout = Numbered(shuffled, TimeSpan.Zero)
          ListsRinging = true
          Tables = [ table ]
          History = ValueNone
          Scalars =
            [ scalar "1.3.6.1.4.1.22736.1.1.1" (fun _ -> text "20.6.0")
              scalar "1.3.6.1.4.1.22736.1.2.1" uptime
              scalar "1.3.6.1.4.1.22736.1.2.2" uptime
              scalar "1.3.6.1.4.1.22736.1.2.3" pid
              scalar "1.3.6.1.4.1.22736.1.2.5" (fun sight -> Gauge32(uint32 (sight.Counted / 2)))
              scalar "1.3.6.1.4.1.22736.1.5.1" (fun sight -> Gauge32(uint32 sight.Counted))
              yield! hostResources ]
          Codecs = SimCodec.all
          Identity =
            fun _ connection ->
                { Id = uniqueId connection
                  Call = pair connection
                  Endpoint = Some(name connection)
                  Originator = Some connection.Calling } }
