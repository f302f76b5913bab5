namespace CallServer.Gateway.Mibs

open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// CISCO-VOICE-DIAL-CONTROL-MIB and CISCO-VOICE-COMMON-DIAL-CONTROL-MIB, in addition to callActiveTable. Each connection is one
/// VoIP leg over SIP.
module CiscoVoice =
    /// CvcCoderTypeRate.
    let private coder (codec: SimCodec) =
        match codec with
        | Pcmu -> 15
        | Pcma -> 16
        | G722 -> 31
        | G723 -> 18
        | G726At32 -> 14
        | G728 -> 17
        | G729 -> 11
        | Gsm -> 20
        | Ilbc -> 32

    /// QosService of INT-SERV-MIB.
    let private qos (connection: SimConnection) =
        match SimConnection.service connection with
        | BestEffort -> 1
        | Guaranteed -> 2
        | ControlledLoad -> 5

    /// The number of the side that is not in callActivePeerAddress.
    let private reversed (connection: SimConnection) =
        if connection.Answered then connection.Called else connection.Calling

    let private voip: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.9.9.63.1.3.2.1"
          Shape = 0
          Columns =
            [ fixedly 1u (fun connection -> OctetString connection.Guid)
              fixedly 2u (fun connection -> ipAddress connection.RemoteHost)
              fixedly 3u (fun connection -> int connection.RemotePort)
              fixedly 5u (qos >> int)
              constant 6u (int 4)
              fixedly 7u (fun connection -> text ("ipv4:" + SimConnection.hostText connection.RemoteHost))
              fixedly 22u (fun connection -> text connection.CallId)
              constant 23u (int 1)
              fixedly 24u (fun connection -> hostOctets connection.RemoteHost)
              constant 25u (Gauge32 5060u)
              constant 26u (int 1)
              fixedly 27u (fun connection -> hostOctets connection.RemoteHost)
              fixedly 28u (fun connection -> Gauge32(uint32 connection.RemotePort))
              fixedly 42u (fun connection -> Gauge32(uint32 (connection.Serial + 1L)))
              fixedly 45u (reversed >> text) ] }

    let private common: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.9.10.55.1.1.1.1"
          Shape = 0
          Columns =
            [ fixedly 1u (fun connection -> OctetString connection.Guid)
              constant 2u (int 2)
              fixedly 3u (fun connection -> int (coder connection.Codec))
              fixedly 4u (fun connection ->
                  let struct (_, octets) = SimCodec.packet connection.Codec
                  int octets) ] }

    /// cCallHistoryTable of CISCO-DIAL-CONTROL-MIB, indexed by a number that grows with every ended connection.
    let private callHistory: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.9.10.25.1.4.3.1"
          Shape = 0
          Columns =
            [ column 2u (fun sight row -> TimeTicks(AgentClock.stamp row.Connection.Setup sight.Clock))
              fixedly 3u (DialControl.peer >> text)
              constant 4u (text "")
              fixedly 5u (fun connection -> int (100 + connection.Index))
              constant 6u (int 200)
              fixedly 7u (fun connection -> int connection.Interface)
              column 8u (fun _ row -> DialControl.causeOctets row)
              column 9u (fun _ row -> DialControl.causeText row)
              column 10u DialControl.connectedStamp
              column 11u DialControl.disconnectedStamp
              fixedly 12u (fun connection -> int (if connection.Answered then 2 else 1))
              constant 13u (Counter32 0u)
              constant 14u (int 2)
              column 15u DialControl.finalPackets
              column 16u DialControl.finalOctets
              column 17u DialControl.finalPackets
              column 18u DialControl.finalOctets
              constant 20u (int 2) ] }

    let private voipHistory: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.9.9.63.1.4.2.1"
          Shape = 0
          Columns =
            [ fixedly 1u (fun connection -> OctetString connection.Guid)
              fixedly 5u (qos >> int)
              constant 6u (int 4)
              fixedly 7u (fun connection -> text ("ipv4:" + SimConnection.hostText connection.RemoteHost))
              fixedly 19u (fun connection -> Counter32(connection.LocalSsrc % 50u))
              fixedly 23u (fun connection -> text connection.CallId)
              constant 27u (int 1)
              fixedly 28u (fun connection -> hostOctets connection.RemoteHost)
              fixedly 29u (fun connection -> int connection.RemotePort)
              fixedly 46u (fun connection -> Gauge32(uint32 (connection.Serial + 1L))) ] }

    let private commonHistory: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.9.10.55.1.2.1.1"
          Shape = 0
          Columns =
            [ fixedly 1u (fun connection -> OctetString connection.Guid)
              constant 2u (int 2)
              fixedly 3u (fun connection -> int (coder connection.Codec))
              fixedly 4u (fun connection ->
                  let struct (_, octets) = SimCodec.packet connection.Codec
                  int octets) ] }

    let private history: MibHistory =
        { Tables = [ callHistory; voipHistory; commonHistory; DialControl.historyTable 1 ]
          Instances =
            fun clock number connection -> [| [| uint32 number |]; DialControl.instance clock connection |] }

    /// cvCallVolConnActiveConnection by CvCallConnectionType (sip is 2), and the total.
    let private counts =
        let ofType kind : Scalar =
            { Name = Oid.append (Oid.parse "1.3.6.1.4.1.9.9.63.1.3.8.1.1.2") [| uint32 kind |]
              Read = fun sight -> Gauge32(if kind = 2 then uint32 sight.Counted else 0u) }

        [ yield! List.map ofType [ 1..7 ]
          scalar "1.3.6.1.4.1.9.9.63.1.3.8.2" (fun sight -> Gauge32(uint32 sight.Counted)) ]

    let mib: Mib =
        { Profile = "cisco-voice"
          Description = "Cisco IOS Software, voice gateway (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.9.1.1707"
          Layout = Keyed(fun clock connection -> [| DialControl.instance clock connection |])
          ListsRinging = true
          Tables = [ DialControl.table; voip; common ]
          History = ValueSome history
          Scalars = counts @ DialControl.historyScalars
          Codecs = SimCodec.all
          Identity =
            fun clock connection ->
                { Id = dotted (DialControl.instance clock connection)
                  Call = Some(SimConnection.guidText connection)
                  Endpoint = DialControl.endpoint connection
                  Originator = Some connection.Calling } }
