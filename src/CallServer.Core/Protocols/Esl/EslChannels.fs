namespace CallServer.Protocols.Esl

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// When this audit heard of a channel by its name, and whether it was told of its times then.
[<Struct>]
type internal EslHearing = { Within: Interval; IsTold: bool }

/// The channels that an audit has heard of.
[<NoEquality; NoComparison>]
type internal EslChannels =
    {
        /// The last list, each channel once, and when it was told.
        Rows: EslChannel[]
        Listed: Interval voption
        /// What FreeSWITCH said of each that it was asked about, by this audit or an earlier one.
        Told: Map<string, EslChannelData>
        /// Those that this audit asked about since the list was told, and that go on.
        Heard: Map<string, EslHearing>
        /// Asked about, and told to be over.
        Gone: Set<string>
        /// Asked about without an answer, and why.
        Untold: Map<string, string>
    }

/// Which channels are asked about, and what is known of them.
module internal EslChannels =
    /// The most channels that one audit asks about for what the list does not tell. Later audits ask about the rest.
    [<Literal>]
    let private MaxAsked = 2_000

    /// The most channels of which every audit asks whether they exist. FreeSWITCH itself asks that at each event of a channel.
    [<Literal>]
    let private UsuallyVerified = 1_000

    /// The same of an audit whose list has too many channels.
    [<Literal>]
    let private MostVerified = 20_000

    /// How old the list may be. FreeSWITCH puts what happens to channels into a database, through a queue that rests 200 ms between two
    /// writings (src/switch_core_sqldb.c).
    let lag = TimeSpan.FromMilliseconds 500.0

    /// FreeSWITCH reads its clock once in each round of its timer, so that what it shows and stamps is so old, in microseconds.
    [<Literal>]
    let private Staleness = 20_000L

    let create (known: Map<string, EslChannelData>) : EslChannels =
        { Rows = [||]
          Listed = ValueNone
          Told = known
          Heard = Map.empty
          Gone = Set.empty
          Untold = Map.empty }

    let listed (within: Interval) (rows: EslChannel seq) (channels: EslChannels) : EslChannels =
        { channels with
            Rows = rows |> Seq.distinctBy _.Uuid |> Seq.toArray
            Listed = ValueSome within
            Heard = Map.empty }

    /// Those of the list that are not known to be over.
    let going (channels: EslChannels) : EslChannel[] =
        if channels.Gone.IsEmpty then
            channels.Rows
        else
            channels.Rows |> Array.filter (fun row -> not (channels.Gone.Contains row.Uuid))

    let private isOpen (channels: EslChannels) (row: EslChannel) : bool =
        not (
            channels.Heard.ContainsKey row.Uuid
            || channels.Gone.Contains row.Uuid
            || channels.Untold.ContainsKey row.Uuid
        )

    let private isNews (channels: EslChannels) (row: EslChannel) : bool =
        match Map.tryFind row.Uuid channels.Told with
        | Some told -> told.Answered = 0L && EslReplies.callState row.CallState = EslCallState.Answered
        | None -> true

    /// What to ask about single channels. Newest first, the times of those that the list shows for the first time, or answered for the first
    /// time; of all of them where `afresh`. And whether others exist: a thousand, in the `turn` of this audit.
    let questions (afresh: bool) (turn: int) (channels: EslChannels) : EslQuestion list =
        let news, known =
            channels.Rows
            |> Array.filter (isOpen channels)
            |> Array.partition (fun row -> afresh || isNews channels row)

        let first =
            if known.Length = 0 then
                0
            else
                int (int64 turn * int64 UsuallyVerified % int64 known.Length)

        [ for row in news |> Array.rev |> Array.truncate MaxAsked -> EslQuestion.Channel row.Uuid
          for at in 0 .. (min known.Length UsuallyVerified) - 1 ->
              EslQuestion.Exists known[(first + at) % known.Length].Uuid ]

    /// Whether the channels exist of which nobody has asked yet.
    let doubts (channels: EslChannels) : EslQuestion list =
        [ for row in channels.Rows |> Array.filter (isOpen channels) |> Array.truncate MostVerified ->
              EslQuestion.Exists row.Uuid ]

    let told (within: Interval) (uuid: string) (data: EslChannelData) (channels: EslChannels) : EslChannels =
        { channels with
            Told = Map.add uuid data channels.Told
            Heard = Map.add uuid { Within = within; IsTold = true } channels.Heard }

    let exists (within: Interval) (uuid: string) (channels: EslChannels) : EslChannels =
        { channels with Heard = Map.add uuid { Within = within; IsTold = false } channels.Heard }

    let gone (uuid: string) (channels: EslChannels) : EslChannels =
        { channels with Gone = Set.add uuid channels.Gone }

    let untold (uuid: string) (reason: string) (channels: EslChannels) : EslChannels =
        { channels with Untold = Map.add uuid reason channels.Untold }

    /// What is known of the channels that go on, for the next audit.
    let kept (channels: EslChannels) : Map<string, EslChannelData> =
        if channels.Listed.IsNone then
            channels.Told
        else
            going channels
            |> Array.fold
                (fun kept row ->
                    match Map.tryFind row.Uuid channels.Told with
                    | Some told -> Map.add row.Uuid told kept
                    | None -> kept)
                Map.empty

    /// Connections on record that FreeSWITCH, asked by their names, says it does not have.
    let denied (known: Connection[]) (channels: EslChannels) : ConnectionId[] =
        known |> Array.map _.Id |> Array.filter (fun id -> channels.Gone.Contains(string id)) |> Array.sort

    /// What is kept of the channels, in octets of memory.
    let cost (channels: EslChannels) : int64 =
        let row (row: EslChannel) =
            400L
            + 2L
              * int64 (
                  row.Uuid.Length
                  + row.CallUuid.Length
                  + row.Name.Length
                  + row.Caller.Length
                  + row.Destination.Length
              )

        Array.sumBy row channels.Rows + 600L * int64 channels.Told.Count

    /// What its clock says of itself that showed so many microseconds at some moment within the interval.
    let readClock (shown: int64) (within: Interval) : ClockBounds =
        GatewayClock.read shown (shown + Staleness) within.Earliest within.Latest GatewayClock.unknown

    let private happened (heard: Interval) (stamp: int64) (clock: StampClock) : Interval voption =
        if stamp > 0L && stamp < Int64.MaxValue / 4L then
            StampClock.happened heard.Latest stamp (stamp + Staleness) clock
        else
            ValueNone

    let private setupOf clock heard (data: EslChannelData voption) : Timing voption =
        match data with
        | ValueSome data when data.Recovered = 0L ->
            happened heard data.Created clock |> ValueOption.map Timing.reported
        | ValueSome _
        | ValueNone -> ValueNone

    /// isTold: FreeSWITCH said this of it in this audit, and not in an earlier one. Otherwise it is as the list showed it, from `listed` on.
    let private startOf
        clock
        heard
        isTold
        listed
        (setup: Timing voption)
        (data: EslChannelData voption)
        (row: EslChannel)
        =
        let since =
            match setup with
            | ValueSome setup -> Instant.min setup.Within.Earliest heard.Latest
            | ValueNone -> Instant.distantPast

        let active () = Timing.bounded (Interval.create since heard.Latest)
        let ringing (at: Instant) = Timing.reported (Interval.from at)

        match data, EslReplies.callState row.CallState with
        | ValueSome { Recovered = 0L; Answered = answered }, _ when answered > 0L ->
            match happened heard answered clock with
            | ValueSome at -> Timing.reported at
            | ValueNone -> active ()
        | ValueSome { Answered = 0L }, _ when isTold -> ringing heard.Earliest
        | _, EslCallState.Answered -> active ()
        | _, EslCallState.Ringing -> ringing listed
        | _, EslCallState.Other -> Timing.bounded (Interval.create since Instant.distantFuture)

    let private text (words: string) : string voption = if words = "" then ValueNone else ValueSome words

    /// FreeSWITCH counts the samples of G.722, of which RTP counts half (RFC 3551 §4.5.2).
    let private codecOf (row: EslChannel) : Codec voption =
        match row.ReadCodec with
        | "" -> ValueNone
        | name ->
            let codec = Codec.ofName name

            ValueSome(if codec.Name = "G722" then codec else Codec.withClockRate row.ReadRate codec)

    let private callOf (name: EslCallName) (data: EslChannelData voption) (row: EslChannel) : CallId voption =
        let call =
            match name, data with
            | EslCallName.CallUuid, _ when row.CallUuid = "" -> row.Uuid
            | EslCallName.CallUuid, _ -> row.CallUuid
            | EslCallName.SipCallId, ValueSome data -> data.SipCallId
            | EslCallName.SipCallId, ValueNone -> ""

        CallId.tryCreate call |> ValueOption.ofOption

    let private directionOf (row: EslChannel) : CallDirection voption =
        match row.Direction with
        | "inbound" -> ValueSome Incoming
        | "outbound" -> ValueSome Outgoing
        | _ -> ValueNone

    /// The connection of a row; nothing if it has no name that could be kept.
    let private observe
        name
        clock
        (listed: Interval)
        (channels: EslChannels)
        (row: EslChannel)
        : Observation option =
        let asked = Map.tryFind row.Uuid channels.Heard |> ValueOption.ofOption
        let data = Map.tryFind row.Uuid channels.Told |> ValueOption.ofOption

        let isTold = asked |> ValueOption.exists _.IsTold
        let shown = listed.Earliest - lag

        let heard =
            match asked with
            | ValueSome heard -> heard.Within
            | ValueNone -> Interval.create shown listed.Latest

        ConnectionId.tryCreate row.Uuid
        |> Option.map (fun id ->
            let setup = setupOf clock heard data

            { Id = id
              // UUIDs are never used again.
              Stamp = ValueNone
              Heard = heard
              Setup = setup
              Start = ValueSome(startOf clock heard isTold shown setup data row)
              MinimumAge = TimeSpan.Zero
              Facts =
                { Facts.none with
                    Call = callOf name data row
                    Endpoint = text row.Name
                    Originator = text row.Caller
                    Remote = text row.Destination
                    Direction = directionOf row
                    Codec = codecOf row
                    Qos =
                        (match data with
                         | ValueSome { Quality = quality } when quality <> "" ->
                             QualityOfService.ofWords quality
                         | ValueSome _
                         | ValueNone -> QualityOfService.unknown)
                    State = text (row.CallState.ToLowerInvariant())
                    LocalMedia = data |> ValueOption.bind _.Local
                    RemoteMedia = data |> ValueOption.bind _.Remote } })

    /// The connections that go on, sorted by their ids, and how many have no name that could be kept. A list that is not proven may have channels
    /// that are over: of such a one only those count that FreeSWITCH confirmed by their names.
    let observations
        name
        (clock: StampClock)
        (isProven: bool)
        (channels: EslChannels)
        : struct (Observation[] * int) =
        match channels.Listed with
        | ValueNone -> struct ([||], 0)
        | ValueSome listed ->
            let going =
                going channels |> Array.filter (fun row -> isProven || channels.Heard.ContainsKey row.Uuid)

            let named = going |> Array.choose (observe name clock listed channels)
            struct (Array.sortBy _.Id named, going.Length - named.Length)
