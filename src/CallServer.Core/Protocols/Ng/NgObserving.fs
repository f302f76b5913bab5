namespace CallServer.Protocols.Ng

open System
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What a gateway reported about one call, and when.
[<NoEquality; NoComparison>]
type internal NgSeen = { Call: NgCall; Heard: Interval }

/// Turns rtpengine's reports into observations. Each party of a call is a connection.
module internal NgObserving =
    /// A Call-ID as a key of our own: one character per octet.
    let keyOf (slice: Slice) : string = Encoding.Latin1.GetString slice.Span

    let octetsOf (key: string) : byte[] = Encoding.Latin1.GetBytes key

    /// The key of a call on record.
    let keyOfCall (call: CallId) : string = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(string call))

    /// The octets as text if they are printable UTF-8, otherwise as lower-case hex.
    let display (octets: ReadOnlySpan<byte>) : string =
        if Unicode.Utf8.IsValid octets then
            let text = Encoding.UTF8.GetString octets
            if Seq.exists Char.IsControl text then Convert.ToHexStringLower octets else text
        else
            Convert.ToHexStringLower octets

    let displayKey (key: string) : string = display (ReadOnlySpan(octetsOf key))

    let private textOf (slice: Slice) : string = display slice.Span

    /// Whether a party has answered. Until then it has a key that is no tag (`<untagged 1>`; empty in older versions). It is no
    /// connection, because it has no name yet, although rtpengine already counts packets from it.
    let isParty (tag: NgTag) : bool = tag.Tag.Length > 0

    let tagText (tag: NgTag) : string = textOf tag.Tag

    let private streamOf (tag: NgTag) : NgStream voption = tag.Media |> ValueOption.bind _.Stream

    /// The name of a party: its label, otherwise the address its media comes from.
    let private partyText (tag: NgTag) : string voption =
        match tag.Label, streamOf tag with
        | ValueSome label, _ when label.Length > 0 -> ValueSome(textOf label)
        | _, ValueSome { Remote = ValueSome address } -> ValueSome(string address)
        | _ -> ValueNone

    let private modeOf (media: NgMedia) : string =
        match media.Sends, media.Receives with
        | true, true -> "sendrecv"
        | true, false -> "sendonly"
        | false, true -> "recvonly"
        | false, false -> "inactive"

    let private second = 1_000_000L

    /// When a party joined, by the gateway's clock: from and to, in microseconds. A party whose own stamp lies in a later second than
    /// the call's joined in that second. Otherwise the first two joined with the call's offer, and the others later in its second.
    let private stampOf (place: int) (tag: NgTag) (call: NgCall) : struct (int64 * int64) =
        let own = tag.Created |> ValueOption.defaultValue 0L

        if own > call.Created / second && own < Int64.MaxValue / second - 1L then
            struct (own * second, own * second + second)
        elif place < 2 then
            struct (call.Created, call.Created + call.Resolution - 1L)
        else
            struct (call.Created, (call.Created / second + 1L) * second)

    /// The codec of a medium. rtpengine reports none for a fax, because it is not RTP.
    let private codecOf (media: NgMedia) : Codec voption =
        match media.Codec with
        | _ when media.IsFax -> ValueSome(Codec.ofName "t38")
        | ValueSome codec -> ValueSome(Codec.ofRtpMap codec)
        | ValueNone -> ValueNone

    let private mediumOf (media: NgMedia) : Medium =
        { Kind = media.Kind
          Codec = codecOf media
          Local = media.Stream |> ValueOption.bind _.Local
          Remote = media.Stream |> ValueOption.bind _.Remote }

    /// How far a call has come. rtpengine sees offers and answers (session descriptions), but not SIP's responses.
    [<RequireQualifiedAccess>]
    type private Stage =
        /// Nobody has answered.
        | Offered
        /// Only the answering party has sent anything, although the offering party may. It is an announcement or a ringing tone
        /// whose description came in a provisional response (183), or the caller is silent.
        | Early
        | Answered

    let private packets (tag: NgTag) : int64 =
        match streamOf tag with
        | ValueSome stream -> stream.Packets
        | ValueNone -> 0L

    /// Whether rtpengine would receive packets from a party that speaks.
    let private maySend (tag: NgTag) : bool =
        match tag.Media with
        | ValueSome media -> media.Receives
        | ValueNone -> false

    let private stageOf (offering: NgTag) (answering: NgTag) : Stage =
        if packets answering > 0L && packets offering = 0L && maySend offering then
            Stage.Early
        else
            Stage.Answered

    /// The stage of each party. The offering party has been answered as soon as any other party has answered.
    let private stagesOf (tags: NgTag[]) : Stage[] =
        let others = tags |> Array.skip 1 |> Array.map (stageOf tags[0])

        let first =
            if Array.contains Stage.Answered others then Stage.Answered
            elif others.Length > 0 then Stage.Early
            else Stage.Offered

        Array.append [| first |] others

    let private word (stage: Stage) : string =
        match stage with
        | Stage.Offered -> "offered"
        | Stage.Early -> "early"
        | Stage.Answered -> "active"

    let private factsOf (callId: CallId voption) (tags: NgTag[]) (place: int) (stage: Stage) : Facts =
        let tag = tags[place]
        let stream = streamOf tag
        // The offering party's counterpart is the first one that answered.
        let other = if place = 0 then Array.tryItem 1 tags else Some tag

        { Facts.none with
            Call = callId
            Originator = partyText tags[0]
            Remote =
                (match other with
                 | Some other -> partyText other
                 | None -> ValueNone)
            Codec = tag.Media |> ValueOption.bind codecOf
            Mode = tag.Media |> ValueOption.map modeOf
            State = ValueSome(word stage)
            LocalMedia = stream |> ValueOption.bind _.Local
            RemoteMedia = stream |> ValueOption.bind _.Remote
            OtherMedia = ValueSome(tag.Others |> Array.map mediumOf |> Array.toList) }

    /// When the call started. rtpengine does not stamp the answer. It lies between the setup and the moment when the call was
    /// seen answered. If the call still rings, the start lies ahead; if it may still ring, the start may lie ahead. A party whose
    /// counterpart is not listed may be in either state.
    let private startOf (setup: Interval) (heard: Interval) (stage: Stage) (rings: bool) : Timing =
        match stage with
        | Stage.Offered when rings -> Timing.reported (Interval.from heard.Earliest)
        | Stage.Offered
        | Stage.Early -> Timing.bounded (Interval.from setup.Earliest)
        | Stage.Answered ->
            Timing.bounded (Interval.create (Instant.min setup.Earliest heard.Latest) heard.Latest)

    /// How long both parties have sent media: the shorter of the two times.
    let private mediaTime (tags: NgTag[]) (stages: Stage[]) (place: int) : TimeSpan =
        let both other = min (NgMediaTime.ofParty tags[0]) (NgMediaTime.ofParty tags[other])

        match stages[place] with
        | Stage.Offered
        | Stage.Early -> TimeSpan.Zero
        | Stage.Answered when place > 0 -> both place
        | Stage.Answered -> Seq.init (tags.Length - 1) (fun i -> both (i + 1)) |> Seq.max

    /// The connections of one call, and how many parties have no usable name.
    let observe
        (mediaAnswers: bool)
        (clock: ClockBounds)
        (key: string)
        (seen: NgSeen)
        : struct (Observation list * int) =
        let callText = displayKey key
        let callId = CallId.tryCreate callText |> ValueOption.ofOption
        let tags = seen.Call.Tags |> Array.filter isParty
        let rings = tags.Length < seen.Call.Tags.Length
        let stages = if tags.Length = 0 then [||] else stagesOf tags

        let observations =
            [ for place in 0 .. tags.Length - 1 do
                  match ConnectionId.tryCreate (callText + ";" + tagText tags[place]) with
                  | None -> ()
                  | Some id ->
                      let struct (low, high) = stampOf place tags[place] seen.Call
                      let setup = GatewayClock.happened low (high + NgClock.Staleness) seen.Heard.Latest clock

                      { Id = id
                        Stamp = ValueSome(string seen.Call.Created)
                        Heard = seen.Heard
                        Setup = ValueSome(Timing.reported setup)
                        Start = ValueSome(startOf setup seen.Heard stages[place] rings)
                        MinimumAge = (if mediaAnswers then mediaTime tags stages place else TimeSpan.Zero)
                        Facts = factsOf callId tags place stages[place] } ]

        struct (observations, tags.Length - observations.Length)

    /// The counters of a party's stream so far. rtpengine counts whole RTP packets, including their headers.
    let countersOf (tag: NgTag) : Counters voption =
        match streamOf tag with
        | ValueNone -> ValueNone
        | ValueSome stream ->
            ValueSome
                { Counters.none with
                    PacketsReceived = ValueSome stream.Packets
                    OctetsReceived = ValueSome stream.Octets
                    PacketsSent = stream.PacketsOut
                    OctetsSent = stream.OctetsOut }

    /// The latest stamp in a call's reply, in microseconds by the gateway's clock.
    let latestStamp (call: NgCall) : int64 =
        let plausible seconds =
            if seconds > 0L && seconds < Int64.MaxValue / second then
                seconds * second
            else
                0L

        let ofStream (tag: NgTag) =
            match streamOf tag with
            | ValueSome { LastPacket = ValueSome seconds } -> plausible seconds
            | _ -> 0L

        let signal = call.LastSignal |> ValueOption.map plausible |> ValueOption.defaultValue 0L
        call.Tags |> Array.fold (fun latest tag -> max latest (ofStream tag)) (max call.Created signal)

    /// When a call's newest packet came, in seconds by the gateway's clock; `ValueNone` if no media has come.
    let lastPacket (call: NgCall) : int64 voption =
        let newer (known: int64 voption) (tag: NgTag) =
            match streamOf tag, known with
            | ValueSome { Packets = packets; LastPacket = ValueSome at }, ValueSome known when packets > 0L ->
                ValueSome(max known at)
            | ValueSome { Packets = packets; LastPacket = at }, ValueNone when packets > 0L -> at
            | _ -> known

        Array.fold newer ValueNone call.Tags

    /// Reads the gateway's clock from two replies: a packet that came between them was stamped between them, in whole seconds.
    let compare (before: NgSeen) (after: NgSeen) (clock: ClockBounds) : ClockBounds =
        let told (clock: ClockBounds) (tag: NgTag) =
            let earlier =
                before.Call.Tags |> Array.tryFind (fun other -> other.Key.Span.SequenceEqual tag.Key.Span)

            match Option.map streamOf earlier, streamOf tag with
            | Some(ValueSome old), ValueSome({ LastPacket = ValueSome seconds } as now) when
                now.Packets > old.Packets && seconds > 0L && seconds < Int64.MaxValue / second - 1L
                ->
                let low = seconds * second

                GatewayClock.read
                    low
                    (low + second + NgClock.Staleness)
                    before.Heard.Earliest
                    after.Heard.Latest
                    clock
            | _ -> clock

        Array.fold told clock after.Call.Tags
