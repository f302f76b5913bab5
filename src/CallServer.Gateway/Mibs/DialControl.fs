namespace CallServer.Gateway.Mibs

open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// DIAL-CONTROL-MIB (RFC 2128): callActiveTable alone.
module DialControl =
    /// {callActiveSetupTime, callActiveIndex}. If the stamps were zeroed, the serial number distinguishes the rows.
    let instance (clock: AgentClock) (connection: SimConnection) : uint32[] =
        match AgentClock.stamp connection.Setup clock with
        | 0u -> [| 0u; 1u + uint32 (connection.Serial &&& 0x3FFFFFFFL) |]
        | ticks -> [| ticks; uint32 (connection.Index + clock.Renumbered) |]

    /// The stamp of the answer, unless the vice makes up another one.
    let private answerStamp (sight: Sight) (connection: SimConnection) : uint32 =
        let stamp instant = AgentClock.stamp instant sight.Clock

        match sight.GarbageStamps with
        | ValueSome every when connection.Serial % int64 every = 0L ->
            match connection.Serial / int64 every % 4L with
            | 0L -> stamp (connection.Setup - System.TimeSpan.FromHours 24.0)
            | 1L -> 0u
            | 2L -> stamp (sight.Now + System.TimeSpan.FromSeconds 30.0)
            | _ -> stamp connection.Start + 0x80000000u
        | _ -> stamp connection.Start

    /// callActiveConnectTime: zero until the call is connected.
    let private connectTime (sight: Sight) (row: Row) =
        if SimConnection.isActive sight.Now row.Connection then
            TimeTicks(answerStamp sight row.Connection)
        else
            TimeTicks 0u

    /// The far side's number: the caller's if the gateway answered the call.
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

    /// The cause as a Q.850 value: normal clearing, or no answer if the call was given up before it was connected.
    let private cause (row: Row) =
        match row.Closed with
        | ValueSome at when at < row.Connection.Start -> 19uy
        | _ -> 16uy

    let causeOctets (row: Row) : Value = OctetString [| cause row |]

    let causeText (row: Row) : Value =
        text (
            if cause row = 16uy then
                "normal call clearing (16)"
            else
                "no answer from user (19)"
        )

    let private closedAt (sight: Sight) (row: Row) = row.Closed |> ValueOption.defaultValue sight.Now

    /// The stamp of the connect time; zero if the call was never connected.
    let connectedStamp (sight: Sight) (row: Row) : Value =
        if row.Connection.Start <= closedAt sight row then
            TimeTicks(answerStamp sight row.Connection)
        else
            TimeTicks 0u

    /// The stamp of the end, unless the vice makes up another one.
    let disconnectedStamp (sight: Sight) (row: Row) : Value =
        let told =
            match sight.GarbageStamps with
            | ValueSome every when row.Connection.Serial % int64 every = 0L ->
                match row.Connection.Serial / int64 every / 4L % 3L with
                | 0L -> row.Connection.Setup - System.TimeSpan.FromHours 24.0
                | 1L -> row.Connection.Setup - System.TimeSpan.FromSeconds 2.0
                | _ -> closedAt sight row
            | _ -> closedAt sight row

        TimeTicks(AgentClock.stamp told sight.Clock)

    let finalPackets (sight: Sight) (row: Row) : Value =
        Counter32(wrapped (SimConnection.packets (closedAt sight row) row.Connection))

    let finalOctets (sight: Sight) (row: Row) : Value =
        Counter32(wrapped (SimConnection.octets (closedAt sight row) row.Connection))

    /// callHistoryTable, with the index of callActiveTable.
    let historyTable (shape: int) : MibTable =
        { Entry = Oid.parse "1.3.6.1.2.1.10.21.1.4.3.1"
          Shape = shape
          Columns =
            [ fixedly 1u (peer >> text)
              constant 2u (text "")
              fixedly 3u (fun connection -> int (100 + connection.Index))
              constant 4u (int 200)
              fixedly 5u (fun connection -> int connection.Interface)
              column 6u (fun _ row -> causeOctets row)
              column 7u (fun _ row -> causeText row)
              column 8u connectedStamp
              column 9u disconnectedStamp
              fixedly 10u (fun connection -> int (if connection.Answered then 2 else 1))
              constant 11u (Counter32 0u)
              constant 12u (int 2)
              column 13u finalPackets
              column 14u finalOctets
              column 15u finalPackets
              column 16u finalOctets ] }

    /// callHistoryTableMaxLength and callHistoryRetainTimer.
    let historyScalars: Scalar list =
        [ scalar "1.3.6.1.2.1.10.21.1.4.1" (fun _ -> int TableOptions.standard.History)
          scalar "1.3.6.1.2.1.10.21.1.4.2" (fun _ -> int MibHistory.RetainedMinutes) ]

    let private history: MibHistory =
        { Tables = [ historyTable 0 ]
          Instances = fun clock _ connection -> [| instance clock connection |] }

    let endpoint (connection: SimConnection) : string option =
        if connection.Interface = 0 then None else Some(string connection.Interface)

    let mib: Mib =
        { Profile = "dial-control"
          Description = "access server (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.8072.3.2.10"
          Layout = Keyed(fun clock connection -> [| instance clock connection |])
          ListsRinging = true
          Tables = [ table ]
          History = ValueSome history
          Scalars = historyScalars
          Codecs = SimCodec.common
          Identity =
            fun clock connection ->
                { Id = dotted (instance clock connection)
                  Call = None
                  Endpoint = endpoint connection
                  Originator = if connection.Answered then Some connection.Calling else endpoint connection } }
