namespace CallServer.Gateway.Mibs

open System
open CallServer.Model
open CallServer.Prelude
open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// FREESWITCH-MIB as mod_snmp serves it. Row numbers shift when a channel ends. They come from a list that is refreshed every
/// five seconds.
module FreeSwitch =
    let private uuid (octets: byte[]) : string = Guid(ReadOnlySpan<byte> octets, true).ToString()

    /// Differs with every run of the process, and with every gateway.
    let private coreUuid (sight: Sight) : string =
        let seed =
            sight.EngineId
            |> Array.fold (fun hash octet -> (hash ^^^ uint64 octet) * 1099511628211UL) 14695981039346656037UL

        let struct (high, rng) = Rng.next (Rng.create (seed + uint64 sight.Clock.GatewayRun))
        let struct (low, _) = Rng.next rng
        let octets = Array.zeroCreate 16
        Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(Span<byte> octets, high)
        Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(Span<byte>(octets, 8, 8), low)
        uuid octets

    /// created_epoch in whole seconds. A channel is created when its call is set up.
    let private created (sight: Sight) (row: Row) : Value =
        let second = row.Connection.Setup.Micros / 1_000_000L * 1_000_000L
        OctetString(AgentClock.dateAndTime (Instant.ofMicros second) sight.Clock)

    let private rate (connection: SimConnection) : Value =
        Gauge32(if connection.Codec = G722 then 16000u else 8000u)

    let private bitRate (connection: SimConnection) : Value =
        let struct (milliseconds, octets) = SimCodec.packet connection.Codec
        Gauge32(uint32 (octets * 8000 / milliseconds))

    let private name (connection: SimConnection) : string =
        if connection.Answered then
            "sofia/external/" + connection.Calling + "@" + SimConnection.hostText connection.RemoteHost
        else
            "sofia/external/" + connection.Called

    let private table: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.27880.1.9.1"
          Shape = 0
          Columns =
            [ fixedly 2u (fun connection -> text (uuid connection.Guid))
              fixedly 3u (fun connection -> text (if connection.Answered then "inbound" else "outbound"))
              column 4u created
              fixedly 5u (name >> text)
              column 6u (fun sight row ->
                  text (
                      if SimConnection.isActive sight.Now row.Connection then
                          "CS_EXECUTE"
                      else
                          "CS_CONSUME_MEDIA"
                  ))
              fixedly 7u (fun connection -> text ("Caller " + connection.Calling))
              fixedly 8u (fun connection -> text connection.Calling)
              constant 9u (int 1)
              fixedly 10u (fun connection -> hostOctets connection.RemoteHost)
              fixedly 11u (fun connection -> text connection.Called)
              constant 12u (text "bridge")
              fixedly 13u (fun connection -> text ("sofia/external/" + connection.Called))
              constant 14u (text "XML")
              constant 15u (text "public")
              fixedly 16u (fun connection -> text (SimCodec.name connection.Codec))
              fixedly 17u rate
              fixedly 18u bitRate
              fixedly 19u (fun connection -> text (SimCodec.name connection.Codec))
              fixedly 20u rate
              fixedly 21u bitRate ] }

    let mib: Mib =
        { Profile = "freeswitch"
          Description = "FreeSWITCH (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.8072.3.2.10"
          // ORDER BY created_epoch: the order of setup.
          Layout = Numbered((fun _ connections -> connections), TimeSpan.FromSeconds 5.0)
          ListsRinging = true
          Tables = [ table ]
          History = ValueNone
          Scalars =
            [ scalar "1.3.6.1.4.1.27880.1.1.1" (fun _ -> text "1.10.12")
              scalar "1.3.6.1.4.1.27880.1.1.2" (coreUuid >> text)
              scalar "1.3.6.1.4.1.27880.1.2.1" (fun sight ->
                  TimeTicks(AgentClock.gatewayTicks sight.Now sight.Clock))
              scalar "1.3.6.1.4.1.27880.1.2.3" (fun sight -> Gauge32(uint32 sight.Counted))
              scalar "1.3.6.1.4.1.27880.1.2.5" (fun sight -> Gauge32(uint32 (sight.Counted / 2)))
              yield! hostResources ]
          Codecs = SimCodec.all
          Identity =
            fun _ connection ->
                { Id = uuid connection.Guid
                  Call = None
                  Endpoint = Some(name connection)
                  Originator = Some connection.Calling } }
