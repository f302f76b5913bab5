namespace CallServer.Protocols.Snmp

open System
open System.Globalization
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// From a row to an observation, as the profile says.
module internal SnmpObserving =
    let private clock (told: SnmpReply) = told.Clock |> ValueOption.bind TimeEvidence.readClock

    /// How far the crystal of an up-time clock may be off.
    let private driftPpm = 200e-6

    /// All replies of a walk tell of one up-time: when it became what the newest reply told, by all of them together. Nothing where
    /// they contradict each other: it was reset, or is no steady clock.
    let origin (pieces: Piece list) : TimeEvidence.Origin voption =
        let mutable known: TimeEvidence.Origin voption = ValueNone
        let mutable steady = true
        let mutable last: SnmpReply voption = ValueNone
        let mutable earliest = Instant.distantFuture
        let mutable latest = Instant.distantPast

        for piece in pieces do
            let told = piece.Reply

            let isSame =
                match last with
                | ValueSome reply -> Object.ReferenceEquals(reply, told)
                | ValueNone -> false

            match told.UpTime with
            | ValueSome upTime when not isSame && steady ->
                last <- ValueSome told
                earliest <- Instant.min earliest told.Sent
                latest <- Instant.max latest told.Received

                match known with
                | ValueNone ->
                    let at = TimeEvidence.became upTime told.Sent told.Received upTime
                    known <- ValueSome { At = at; Ticks = upTime }
                | ValueSome origin ->
                    match
                        Interval.intersect
                            origin.At
                            (TimeEvidence.became origin.Ticks told.Sent told.Received upTime)
                    with
                    | ValueSome at -> known <- ValueSome { origin with At = at }
                    | ValueNone -> steady <- false
            | ValueSome _
            | ValueNone -> ()

        match known with
        | ValueSome origin when steady ->
            let drift = (latest - earliest) * driftPpm
            ValueSome { origin with At = Interval.widen drift drift origin.At }
        | ValueSome _
        | ValueNone -> ValueNone

    /// The value that a source points to, if it applies, and the reply that told it. A part of the index was
    /// told by whichever reply told of the row.
    let private subject (profile: Profile) (heard: SnmpReply) (source: Source) (row: Row) =
        if not (Rows.holds profile source.When row) then
            ValueNone
        elif Array.contains (Rows.fieldText profile source.Field row) source.Absent then
            ValueNone
        else
            match source.Field with
            | Column column -> Rows.told column row
            | Part _
            | Instance
            | Words _ -> ValueSome(struct (Rows.value profile source.Field row, heard))

    let private readTime
        (profile: Profile)
        origin
        (heard: SnmpReply)
        (row: Row)
        (source: TimeSource)
        : TimeReading =
        match source with
        | UpTimeStamp(source, zeroIsUnset) ->
            match subject profile heard source row with
            | ValueSome(struct (value, told)) ->
                match Rows.numberOf value, told.UpTime with
                | ValueSome 0L, _ when zeroIsUnset -> NotYet
                | ValueSome stamp, ValueSome upTime when stamp <= int64 UInt32.MaxValue ->
                    let alone = TimeEvidence.ofUpTime told.Sent told.Received upTime (uint32 stamp)

                    origin
                    |> ValueOption.bind (fun origin ->
                        Interval.intersect alone (TimeEvidence.ofOrigin told.Received origin (uint32 stamp)))
                    |> ValueOption.defaultValue alone
                    |> Happened
                | _ -> NotTold
            | ValueNone -> NotTold
        | Duration column ->
            match subject profile heard column.Source row with
            | ValueSome(struct (value, told)) ->
                let late = if column.IsDifference then column.Unit else TimeSpan.Zero

                match Rows.numberOf value with
                | ValueSome units when float units * column.Unit.TotalDays < 36500.0 ->
                    let age = float units * column.Unit

                    if column.LocksAt.IsSome && units >= column.LocksAt.Value then
                        AtLeast age
                    else
                        Happened(Ago.ofDifference told.Sent told.Received age column.Resolution late)
                | _ ->
                    match TimeText.readSpan column.Unit (Rows.textOf value) with
                    | ValueSome age ->
                        let resolution = max age.Resolution column.Resolution
                        Happened(Ago.ofDifference told.Sent told.Received age.Value resolution late)
                    | ValueNone -> NotTold
            | ValueNone -> NotTold
        | ClockStamp(source, resolution) ->
            match subject profile heard source row, profile.Clock with
            | ValueSome(struct (value, told)), ValueSome scalar ->
                let stamp = Rows.octetsOf value |> ValueOption.bind TimeEvidence.readClock

                match stamp, clock told with
                | ValueSome stamp, ValueSome now ->
                    match TimeEvidence.between stamp.Value now.Value with
                    | ValueSome age ->
                        Ago.ofDifference
                            told.Sent
                            told.Received
                            age
                            (max now.Resolution scalar.Resolution)
                            (max stamp.Resolution resolution)
                        |> Happened
                    | ValueNone -> NotTold
                | _ -> NotTold
            | _ -> NotTold
        | EpochStamp source ->
            match subject profile heard source row, profile.Clock with
            | ValueSome(struct (value, told)), ValueSome scalar ->
                match TimeEvidence.readEpoch (Rows.textOf value), clock told with
                | ValueSome stamp,
                  ValueSome { Value = { Local = local; Offset = ValueSome offset }; Resolution = resolution } ->
                    let age = local - offset - stamp
                    let second = TimeSpan.FromSeconds 1.0

                    Ago.ofDifference told.Sent told.Received age (max resolution scalar.Resolution) second
                    |> Happened
                | _ -> NotTold
            | _ -> NotTold

    /// The first source that tells something.
    let private time profile origin heard row (sources: TimeSource list) : TimeReading =
        let rec first sources =
            match sources with
            | [] -> NotTold
            | source :: rest ->
                match readTime profile origin heard row source with
                | NotTold -> first rest
                | Happened _
                | NotYet
                | AtLeast _ as reading -> reading

        first sources

    let private lastTold (row: Row) : Instant =
        row.Pieces |> List.map (fun piece -> piece.Reply.Received) |> List.reduce Instant.max

    /// A row that is active began no later than its last piece was heard (the piece that says so may be any), and no earlier than
    /// its call. One that may ring began no earlier than its call, or will.
    let private sinceSetup (profile: Profile) (setup: Timing voption) (row: Row) : Timing =
        let mayRing =
            not (Rows.decides profile profile.Active row)
            || match profile.MayRing with
               | ValueSome conditions ->
                   Rows.holds profile conditions row || not (Rows.decides profile conditions row)
               | ValueNone -> false

        let latest = if mayRing then Instant.distantFuture else lastTold row

        let earliest =
            match setup with
            | ValueSome timing when timing.Within.Earliest <= latest -> timing.Within.Earliest
            | ValueSome _
            | ValueNone -> Instant.distantPast

        Timing.bounded (Interval.create earliest latest)

    /// It had not become active when the row was first asked for; the open end says that it may never.
    let private pending (row: Row) : Timing voption =
        let sent = row.Pieces |> List.map (fun piece -> piece.Reply.Sent) |> List.reduce Instant.min
        ValueSome(Timing.reported (Interval.from sent))

    let private times (profile: Profile) (origin: TimeEvidence.Origin voption) (heard: SnmpReply) (row: Row) =
        let reported reading =
            match reading with
            | Happened within -> ValueSome(Timing.reported within)
            | NotYet
            | AtLeast _
            | NotTold -> ValueNone

        let setup = reported (time profile origin heard row profile.Setup)
        let start = time profile origin heard row profile.Start

        let isActive = Rows.holds profile profile.Active row

        match start with
        | Happened _ -> struct (setup, reported start, TimeSpan.Zero)
        // A stamp of zero in an active row: it happened as the up-time wrapped, or before an agent that
        // restarted since.
        | NotYet when isActive && not profile.Active.IsEmpty ->
            struct (setup, ValueSome(sinceSetup profile setup row), TimeSpan.Zero)
        | NotYet -> struct (setup, pending row, TimeSpan.Zero)
        | _ when not isActive && Rows.decides profile profile.Active row ->
            struct (setup, pending row, TimeSpan.Zero)
        | AtLeast age -> struct (setup, ValueSome(sinceSetup profile setup row), age)
        | NotTold -> struct (setup, ValueSome(sinceSetup profile setup row), TimeSpan.Zero)

    let private tryInt (text: string voption) : int voption =
        match text with
        | ValueSome text ->
            match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, number -> ValueSome number
            | _ -> ValueNone
        | ValueNone -> ValueNone

    let private codec (profile: Profile) (row: Row) : Codec voption =
        let one source =
            match source with
            | CodecName(name, rate) ->
                match Rows.tell profile name row with
                | ValueSome name ->
                    let codec = Codec.ofName name

                    match rate |> ValueOption.bind (fun rate -> tryInt (Rows.tell profile rate row)) with
                    | ValueSome rate -> Some(Codec.withClockRate rate codec)
                    | ValueNone -> Some codec
                | ValueNone -> None
            | CodecPayloadType source ->
                match tryInt (Rows.tell profile source row) with
                | ValueSome payloadType ->
                    match Codec.ofPayloadType payloadType with
                    | Some codec -> Some codec
                    | None -> Some(Codec.ofName $"payload type {payloadType}")
                | ValueNone -> None

        profile.Codec |> List.tryPick one |> ValueOption.ofOption

    let private qos (profile: Profile) (row: Row) : QualityOfService =
        let sources = profile.Qos
        let dscp = Rows.text profile sources.Dscp row

        let service =
            Rows.text profile sources.Service row
            |> ValueOption.bind (fun word -> ServiceClass.tryParse word |> ValueOption.ofOption)

        let reported =
            match Rows.text profile sources.Reported row with
            | ValueSome words -> ValueSome words
            | ValueNone -> dscp

        { Dscp =
            (match tryInt dscp with
             | ValueSome value when value <= 63 -> ValueSome value
             | _ -> ValueNone)
          Service = service
          Reported = reported }

    let private media (profile: Profile) (sources: AddressSource list) (row: Row) : MediaAddress voption =
        let known (address: MediaAddress) =
            address.Port <> 0 || (address.Host <> "0.0.0.0" && address.Host <> "::")

        let one source =
            match source with
            | TransportAddress source ->
                match Rows.octetsOf (Rows.value profile source.Field row) with
                | ValueSome octets when octets.Length = 6 ->
                    MediaAddress.ofOctets octets[..3] (int octets[4] * 256 + int octets[5])
                | _ -> None
            | HostAndPort(host, port) ->
                let port =
                    port
                    |> ValueOption.bind (fun port -> tryInt (Rows.tell profile port row))
                    |> ValueOption.defaultValue 0

                match Rows.octetsOf (Rows.value profile host.Field row) with
                | ValueSome octets when octets.Length = 4 || octets.Length = 16 ->
                    MediaAddress.ofOctets octets port
                | _ ->
                    match Rows.tell profile host row with
                    | ValueSome text -> MediaAddress.ofText text port
                    | ValueNone -> None

        sources |> List.tryPick (fun source -> one source |> Option.filter known) |> ValueOption.ofOption

    let private facts (profile: Profile) (row: Row) : Facts =
        let text sources = Rows.text profile sources row

        { Call =
            text profile.Call |> ValueOption.bind (fun call -> CallId.tryCreate call |> ValueOption.ofOption)
          Endpoint = text profile.Endpoint
          Originator = text profile.Originator
          Remote = text profile.Remote
          Direction =
            text profile.Direction |> ValueOption.bind (CallDirection.tryParse >> ValueOption.ofOption)
          Codec = codec profile row
          Qos = qos profile row
          Mode = text profile.Mode
          State = text profile.State
          LocalMedia = media profile profile.LocalMedia row
          RemoteMedia = media profile profile.RemoteMedia row
          OtherMedia = ValueNone }

    let private counters (profile: Profile) (sources: CounterSources) (row: Row) : Counters voption =
        let number (sources: Source list) =
            match Rows.text profile sources row with
            | ValueSome text ->
                match Int64.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
                | true, number -> ValueSome number
                | _ -> ValueNone
            | ValueNone -> ValueNone

        let told: Counters =
            { PacketsSent = number sources.PacketsSent
              OctetsSent = number sources.OctetsSent
              PacketsReceived = number sources.PacketsReceived
              OctetsReceived = number sources.OctetsReceived
              PacketsLost = number sources.PacketsLost
              JitterMs = number sources.Jitter
              LatencyMs = number sources.Latency }

        if told = Counters.none then ValueNone else ValueSome told

    /// The reply that told of the row's identity: then the row was certainly there.
    let private heardOf (profile: Profile) (row: Row) : SnmpReply =
        match Rows.told profile.Identity[0] row with
        | ValueSome(struct (_, told)) -> told
        | ValueNone -> row.Pieces.Head.Reply

    /// The observation of a whole row; nothing where the gateway gives it no name that could be kept.
    let observe (profile: Profile) (origin: TimeEvidence.Origin voption) (row: Row) : Observation voption =
        match Rows.text profile profile.Id row |> ValueOption.map ConnectionId.tryCreate with
        | ValueSome(Some id) ->
            let heard = heardOf profile row
            let struct (setup, start, minimumAge) = times profile origin heard row

            ValueSome
                { Id = id
                  Stamp = Rows.text profile profile.Stamp row
                  // Its times may have been told by later replies than its identity.
                  Heard = Interval.create heard.Heard.Earliest (Instant.max heard.Heard.Latest (lastTold row))
                  Setup = setup
                  Start = start
                  MinimumAge = minimumAge
                  Facts = facts profile row }
        | ValueSome None
        | ValueNone -> ValueNone

    /// Whether a row says which connection it is. Where ids are used again, the id alone does not: one cell left out, and a new call
    /// would be taken for the one before it. Its stamp says so, or where the gateway has none for it, a time; where the profile
    /// knows of neither, the id has to do.
    let tellsWhich (profile: Profile) (row: Row) (o: Observation) : bool =
        let isLeftOut (source: Source) =
            if Rows.decides profile source.When row then
                Rows.holds profile source.When row && Rows.value profile source.Field row = Null
            else
                true

        let isTimed =
            (profile.Setup.IsEmpty && profile.Start.IsEmpty)
            || o.Setup.IsSome
            || o.Start |> ValueOption.exists (fun start -> start.Evidence = Reported)

        not profile.Traits.ReusesIds
        || o.Stamp.IsSome
        || (not (List.exists isLeftOut profile.Stamp) && isTimed)

    /// A row of the history; nothing where it has no usable name or does not date the end.
    let ended (history: HistoryTable) (origin: TimeEvidence.Origin voption) (row: Row) : Ended voption =
        let profile = history.Table

        match observe profile origin row, time profile origin (heardOf profile row) row history.End with
        | ValueSome o, Happened within ->
            let start =
                match time profile origin (heardOf profile row) row profile.Start with
                | Happened within -> ValueSome(Timing.reported within)
                // It was never active: the open end says so, and it begins where nothing can be billed.
                | NotYet -> ValueSome(Timing.reported (Interval.from within.Latest))
                | AtLeast _
                | NotTold -> ValueNone

            ValueSome
                { Observation = { o with Start = start; MinimumAge = TimeSpan.Zero }
                  End = Timing.reported within
                  Cause = Rows.text profile history.Cause row
                  Counters = counters profile history.Counters row
                  IsRenamed = false
                  Row = ValueNone }
        | _ -> ValueNone
