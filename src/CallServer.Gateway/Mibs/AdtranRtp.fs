namespace CallServer.Gateway.Mibs

open System
open System.Collections.Generic
open System.Globalization
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// ADTRAN-AOS-MEDIAGATEWAY-MIB. adGenAOSRtpSessionTable has a row for each channel that was ever used, with its current or last
/// session. Start and duration are texts; the MIB does not define their form.
module AdtranRtp =
    /// adGenAOSRtpSessionVocoder.
    let private vocoder (codec: SimCodec) =
        match codec with
        | Pcmu -> 1
        | Gsm -> 2
        | G723 -> 3
        | Pcma -> 4
        | G722 -> 5
        | G728 -> 6
        | G729 -> 7
        | Ilbc -> 9
        | G726At32 -> 8

    let private channel (connection: SimConnection) : uint32 = uint32 (connection.Slot + 1)

    let private channelName (connection: SimConnection) : string = "0/1." + string (connection.Slot + 1)

    /// The session on each channel: the active one, otherwise the one that ended last.
    let private rows (_: AgentClock) (_: Instant) (table: Table) : struct (Row[] * Instant) =
        let bySlot = SortedDictionary<uint32, Row>()

        for struct (connection, at) in table.Ended do
            bySlot[channel connection] <-
                { Connection = connection
                  Closed = ValueSome at
                  Instances = [| [| channel connection |] |] }

        for connection in table.Connections do
            bySlot[channel connection] <- ofConnection connection [| [| channel connection |] |]

        struct (Array.ofSeq bySlot.Values, Instant.distantFuture)

    /// available (1) when the session is over; interrupted (5) for some active sessions.
    let private status (sight: Sight) (row: Row) : Value =
        match row.Closed with
        | ValueSome _ -> int 1
        | ValueNone when (sight.Now.Micros / 1_000_000L + int64 row.Connection.Slot) % 11L = 0L -> int 5
        | ValueNone -> int 4

    let private startTime (sight: Sight) (row: Row) : Value =
        let time = AgentClock.calendar row.Connection.Start sight.Clock
        text (time.ToString("ddd MMM dd HH:mm:ss yyyy", CultureInfo.InvariantCulture))

    /// Whole seconds, in one of the forms that gateways use.
    let private duration (sight: Sight) (row: Row) : Value =
        let until = row.Closed |> ValueOption.defaultValue sight.Now
        let age = SimConnection.age until row.Connection
        let clock (hours: int) = $"{hours:D2}:{age.Minutes:D2}:{age.Seconds:D2}"

        text (
            match row.Connection.LocalSsrc % 4u with
            | 0u -> $"{age.Days} days, {clock age.Hours}"
            | 1u -> clock (24 * age.Days + age.Hours)
            | 2u when age < TimeSpan.FromHours 1.0 -> $"{age.Minutes} min {age.Seconds} s"
            | 2u -> $"{age.Days}d {age.Hours}h {age.Minutes}m {age.Seconds}s"
            | _ -> $"{int64 age.TotalSeconds} seconds"
        )

    let private packets (sight: Sight) (row: Row) : Value =
        let until = row.Closed |> ValueOption.defaultValue sight.Now
        Integer(SimConnection.packets until row.Connection &&& 0x7FFFFFFFL)

    let private octets (sight: Sight) (row: Row) : Value =
        let until = row.Closed |> ValueOption.defaultValue sight.Now
        Integer(SimConnection.octets until row.Connection &&& 0x7FFFFFFFL)

    let private port (connection: SimConnection) : string = "t1 0/1 ds0 " + string (connection.Slot + 1)

    let private table: MibTable =
        { Entry = Oid.parse "1.3.6.1.4.1.664.5.53.5.2.1.1.1"
          Shape = 0
          Columns =
            [ fixedly 1u (fun connection -> Integer(int64 (channel connection)))
              fixedly 2u (channelName >> text)
              column 3u status
              column 4u startTime
              column 5u duration
              fixedly 6u (fun connection -> int (vocoder connection.Codec))
              constant 7u (int 0)
              fixedly 8u (port >> text)
              fixedly 9u (fun connection -> ipAddress connection.LocalHost)
              fixedly 10u (fun connection -> int connection.LocalPort)
              fixedly 11u (fun connection -> text ("sip trunk " + connection.Called))
              fixedly 12u (fun connection -> ipAddress connection.RemoteHost)
              fixedly 13u (fun connection -> int connection.RemotePort)
              constant 14u (int 2)
              constant 15u (int 1)
              column 22u packets
              column 23u octets
              constant 25u (int 0)
              constant 33u (int 0)
              column 35u packets
              column 36u octets ] }

    let mib: Mib =
        { Profile = "adtran-rtp"
          Description = "ADTRAN AOS, media gateway (simulated)"
          ObjectId = Oid.parse "1.3.6.1.4.1.664.1.1220"
          Layout = Free rows
          ListsRinging = false
          Tables = [ table ]
          History = ValueNone
          Scalars = []
          Codecs = [| Pcmu; Pcma; G722; G723; G728; G729; Gsm |]
          Identity =
            fun _ connection ->
                { Id = string (channel connection)
                  Call = None
                  Endpoint = Some(channelName connection)
                  Originator = Some(port connection) } }
