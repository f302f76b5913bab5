namespace CallServer.Gateway.Mibs

open CallServer.Wire
open CallServer.Gateway
open CallServer.Gateway.Cell

/// HH3C-VOICE-CALL-ACTIVE-MIB and HH3C-VOICE-CALL-HISTORY-MIB in addition to callActiveTable, and 3Com's modules with the same
/// tables. A telephony leg has a row in one extension table, a VoIP leg in the other.
module H3cVoice =
    /// Hh3cCodecType.
    let private coder (codec: SimCodec) =
        match codec with
        | Pcma -> 1
        | Pcmu -> 2
        | G723 -> 4
        | G729 -> 5
        | G726At32 -> 9
        | G722
        | G728
        | Gsm
        | Ilbc -> 11

    let private isTelephony (connection: SimConnection) = connection.LocalSsrc % 3u = 0u

    let private onlyWhere (holds: SimConnection -> bool) (columns: Column list) : Column list =
        columns
        |> List.map (fun column ->
            { column with
                Read = fun sight row -> if holds row.Connection then column.Read sight row else ValueNone })

    let private guid (connection: SimConnection) : Value = OctetString connection.Guid

    /// How long the transmit path has existed, in milliseconds. For an ended leg this is the true duration, like its stamps.
    let private transmitted (sight: Sight) (row: Row) : Value =
        let until = row.Closed |> ValueOption.defaultValue sight.Now
        Gauge32(wrapped (int64 (SimConnection.age until row.Connection).TotalMilliseconds))

    /// The columns of a telephony leg's extension. Active and ended legs use the same column numbers.
    let private voice: Column list =
        onlyWhere
            isTelephony
            [ fixedly 1u guid
              column 2u transmitted
              column 3u transmitted
              constant 4u (Gauge32 0u)
              fixedly 5u (fun connection -> int (coder connection.Codec))
              constant 6u (Gauge32 0u) ]

    /// The columns of a VoIP leg's extension. InetAddressType 1 is IPv4, session protocol 3 is SIP.
    let private voip: Column list =
        onlyWhere
            (isTelephony >> not)
            [ fixedly 1u guid
              constant 2u (int 1)
              fixedly 3u (fun connection -> hostOctets connection.RemoteHost)
              constant 4u (int 5060)
              constant 5u (int 1)
              fixedly 6u (fun connection -> hostOctets connection.RemoteHost)
              fixedly 7u (fun connection -> int connection.RemotePort)
              constant 8u (int 3)
              fixedly 9u (fun connection -> int (coder connection.Codec)) ]

    let private callHistory: Column list =
        [ column 2u (fun sight row -> TimeTicks(AgentClock.stamp row.Connection.Setup sight.Clock))
          column 3u DialControl.connectedStamp
          column 4u DialControl.disconnectedStamp
          fixedly 5u (DialControl.peer >> text)
          fixedly 6u (fun connection -> int (100 + connection.Index))
          fixedly 7u (fun connection -> int connection.Interface)
          fixedly 8u (fun connection -> int (if connection.Answered then 2 else 1))
          constant 9u (Counter32 0u)
          constant 10u (int 2)
          column 11u DialControl.finalPackets
          column 12u DialControl.finalOctets
          column 13u DialControl.finalPackets
          column 14u DialControl.finalOctets ]

    /// A MIB with the voice modules 15 and 16 below this root, hh3cVoice.
    let private mibAt (profile: string) (description: string) (product: string) (root: string) : Mib =
        let table (path: string) columns : MibTable =
            { Entry = Oid.parse (root + path); Shape = 0; Columns = columns }

        { Profile = profile
          Description = description
          ObjectId = Oid.parse product
          Layout = Keyed(fun clock connection -> [| DialControl.instance clock connection |])
          ListsRinging = true
          Tables = [ DialControl.table; table ".15.1.1.1" voice; table ".15.1.2.1" voip ]
          History =
            ValueSome
                { Tables =
                    [ table ".16.1.1.1" callHistory
                      table ".16.1.2.1" voice
                      table ".16.1.3.1" voip
                      DialControl.historyTable 1 ]
                  Instances =
                    fun clock number connection ->
                        [| [| uint32 number |]; DialControl.instance clock connection |] }
          Scalars = DialControl.historyScalars
          Codecs = [| Pcmu; Pcma; G723; G726At32; G729 |]
          Identity =
            fun clock connection ->
                { Id = dotted (DialControl.instance clock connection)
                  Call = Some(SimConnection.guidText connection)
                  Endpoint = DialControl.endpoint connection
                  Originator =
                    if connection.Answered then
                        Some connection.Calling
                    else
                        DialControl.endpoint connection } }

    let mib: Mib =
        mibAt
            "h3c-voice"
            "H3C Comware Platform Software, MSR (simulated)"
            "1.3.6.1.4.1.25506.1.208"
            "1.3.6.1.4.1.25506.2.39"

    let mib3Com: Mib =
        mibAt "3com-voice" "3Com MSR (simulated)" "1.3.6.1.4.1.43.1.16.4.3.45" "1.3.6.1.4.1.43.45.1.10.2.39"
