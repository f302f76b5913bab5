namespace CallServer.Protocols.Snmp

open System
open System.Globalization
open CallServer.Model
open CallServer.Wire

/// Columns whose values never read as what the profile takes them for: the profile is wrong about them, or the agent.
module internal Legibility =
    [<Literal>]
    let private MostShown = 40

    /// A source that is read as something, and whether a value can be.
    [<NoEquality; NoComparison>]
    type private Reading = { Source: Source; As: string; IsLegible: Value -> bool }

    let private reads (what: string) (isLegible: Value -> bool) (source: Source) : Reading =
        { Source = source; As = what; IsLegible = isLegible }

    let private isNumber (most: int64) (value: Value) : bool =
        Rows.numberOf value |> ValueOption.exists (fun number -> number <= most)

    let private ofTime (time: TimeSource) : Reading =
        match time with
        | UpTimeStamp(source, _) -> reads "a time stamp" (isNumber (int64 UInt32.MaxValue)) source
        | Duration column ->
            let isSpan value =
                isNumber Int64.MaxValue value || (TimeText.readSpan column.Unit (Rows.textOf value)).IsSome

            reads "a duration" isSpan column.Source
        | ClockStamp(source, _) ->
            reads
                "a date and time"
                (fun value -> (Rows.octetsOf value |> ValueOption.bind TimeEvidence.readClock).IsSome)
                source
        | EpochStamp source ->
            reads
                "seconds since 1970"
                (fun value -> (TimeEvidence.readEpoch (Rows.textOf value)).IsSome)
                source

    let private isHost (value: Value) : bool =
        match Rows.octetsOf value with
        | ValueSome octets when octets.Length = 4 || octets.Length = 16 -> true
        | _ -> (MediaAddress.ofText (Rows.textOf value) 0).IsSome

    let private ofAddress (address: AddressSource) : Reading =
        match address with
        | HostAndPort(host, _) -> reads "an address" isHost host
        | TransportAddress source ->
            let isTransport value =
                Rows.octetsOf value |> ValueOption.exists (fun octets -> octets.Length = 6)

            reads "an address with a port" isTransport source

    let private isDscp (value: Value) : bool =
        match Int32.TryParse(Rows.textOf value, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, number -> number <= 63
        | _ -> false

    let private readings (profile: Profile) : Reading list =
        List.map ofTime (profile.Setup @ profile.Start)
        @ List.map ofAddress (profile.LocalMedia @ profile.RemoteMedia)
        @ List.map (reads "a DSCP" isDscp) profile.Qos.Dscp

    /// What a row says there; nothing where it says that there is nothing, as zeros do.
    let private saying (profile: Profile) (source: Source) (row: Row) : Value option =
        let value = Rows.value profile source.Field row
        let isZero = Rows.octetsOf value |> ValueOption.exists (Array.forall ((=) 0uy))

        match Rows.tell profile source row with
        | ValueSome text when text <> "0" && not isZero -> Some value
        | _ -> None

    /// One line a column.
    let complaints (profile: Profile) (rows: Row[]) : string list =
        [ for reading in readings profile do
              match reading.Source.Field with
              | Column column when reading.Source.Names.IsEmpty && reading.Source.Shape = AsText ->
                  let values = rows |> Array.choose (saying profile reading.Source)

                  if values.Length > 0 && not (Array.exists reading.IsLegible values) then
                      let text = Rows.textOf values[0]
                      let shown = if text.Length > MostShown then text[.. MostShown - 1] + "…" else text

                      $"{profile.Columns[column].Name} never reads as {reading.As}: '{shown}' and the like in {values.Length} rows"
              | Column _
              | Part _
              | Instance
              | Words _ -> () ]
        |> List.distinct
