namespace CallServer.Protocols.Ng

open System
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What a gateway told of one call, and when.
[<NoEquality; NoComparison>]
type internal NgSeen = { Call: NgCall; Heard: Interval }

/// From rtpengine's words to observations: each party of a call is a connection.
module internal NgObserving =
    /// Call-IDs as keys of our own: each octet a character.
    let keyOf (slice: Slice) : string = Encoding.Latin1.GetString slice.Span

    let octetsOf (key: string) : byte[] = Encoding.Latin1.GetBytes key

    /// The key of a call that the record knows by its text.
    let keyOfCall (call: CallId) : string = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(string call))

    /// Text where octets are printable UTF-8, else lower-case hex.
    let display (octets: ReadOnlySpan<byte>) : string =
        if Unicode.Utf8.IsValid octets then
            let text = Encoding.UTF8.GetString octets
            if Seq.exists Char.IsControl text then Convert.ToHexStringLower octets else text
        else
            Convert.ToHexStringLower octets

    let displayKey (key: string) : string = display (ReadOnlySpan(octetsOf key))

    let private textOf (slice: Slice) : string = display slice.Span

    /// A party that was offered the call and has not answered stands under a key that is no tag (`<untagged 1>`, in older versions
    /// an empty one). It is no connection: it has no name yet, though rtpengine counts packets that it sends early.
    let isParty (tag: NgTag) : bool = tag.Tag.Length > 0

    let tagText (tag: NgTag) : string = textOf tag.Tag

    let private streamOf (tag: NgTag) : NgStream voption = tag.Media |> ValueOption.bind _.Stream

    /// What a party is called: its label, else where its media comes from.
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

    /// When a party came in by the gateway's clock, from and to. The first two come in with the call's offer;
    /// the others' second alone is told.
    let private stampOf (place: int) (tag: NgTag) (call: NgCall) : struct (int64 * int64) =
        let own = tag.Created |> ValueOption.defaultValue 0L

        if own > call.Created / second && own < Int64.MaxValue / second - 1L then
            struct (own * second, own * second + second)
        elif place < 2 then
            struct (call.Created, call.Created + call.Resolution - 1L)
        else
            struct (call.Created, (call.Created / second + 1L) * second)

    /// Of a fax rtpengine tells none: it is no RTP.
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

    /// How far a call has come. rtpengine is told of offers and answers (of session descriptions), and not of SIP's replies.
    [<RequireQualifiedAccess>]
    type private Stage =
        /// Nobody has answered.
        | Offered
        /// Only the answering party has sent anything yet, though the offering one may: an announcement or a ringing tone whose
        /// description came in a provisional reply (183), or a caller who is silent.
        | Early
        | Answered

    let private packets (tag: NgTag) : int64 =
        match streamOf tag with
        | ValueSome stream -> stream.Packets
        | ValueNone -> 0L

    /// Whether packets would come from a party if it spoke.
    let private maySend (tag: NgTag) : bool =
        match tag.Media with
        | ValueSome media -> media.Receives
        | ValueNone -> false

    let private stageOf (offering: NgTag) (answering: NgTag) : Stage =
        if packets answering > 0L && packets offering = 0L && maySend offering then
            Stage.Early
        else
            Stage.Answered

    /// That of each party: the offering one has been answered where any other one has.
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
        // The offering party's counterpart is the first that answered.
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

    /// rtpengine stamps no answer. It lies between the setup and the moment when it was heard to be answered; where it rings, that
    /// moment is still to come, and where it may ring, so may the moment. A party whose counterpart is not listed may be either.
    let private startOf (setup: Interval) (heard: Interval) (stage: Stage) (rings: bool) : Timing =
        match stage with
        | Stage.Offered when rings -> Timing.reported (Interval.from heard.Earliest)
        | Stage.Offered
        | Stage.Early -> Timing.bounded (Interval.from setup.Earliest)
        | Stage.Answered ->
            Timing.bounded (Interval.create (Instant.min setup.Earliest heard.Latest) heard.Latest)

    /// Media that both sent: what the shorter of the two says.
    let private mediaTime (tags: NgTag[]) (stages: Stage[]) (place: int) : TimeSpan =
        let both other = min (NgMediaTime.ofParty tags[0]) (NgMediaTime.ofParty tags[other])

        match stages[place] with
        | Stage.Offered
        | Stage.Early -> TimeSpan.Zero
        | Stage.Answered when place > 0 -> both place
        | Stage.Answered -> Seq.init (tags.Length - 1) (fun i -> both (i + 1)) |> Seq.max

    /// The connections of one call; and how many parties have no usable name.
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
                      let setup = GatewayClock.happened low high seen.Heard.Latest clock

                      { Id = id
                        Stamp = ValueSome(string seen.Call.Created)
                        Heard = seen.Heard
                        Setup = ValueSome(Timing.reported setup)
                        Start = ValueSome(startOf setup seen.Heard stages[place] rings)
                        MinimumAge = (if mediaAnswers then mediaTime tags stages place else TimeSpan.Zero)
                        Facts = factsOf callId tags place stages[place] } ]

        struct (observations, tags.Length - observations.Length)

    /// What a party's stream counted so far. rtpengine counts whole RTP packets, their headers included.
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

    /// The newest packet of a call by the gateway's clock, in seconds; nothing where no media has come.
    let lastPacket (call: NgCall) : int64 voption =
        let newer (known: int64 voption) (tag: NgTag) =
            match streamOf tag, known with
            | ValueSome { Packets = packets; LastPacket = ValueSome at }, ValueSome known when packets > 0L ->
                ValueSome(max known at)
            | ValueSome { Packets = packets; LastPacket = at }, ValueNone when packets > 0L -> at
            | _ -> known

        Array.fold newer ValueNone call.Tags

    /// Media that came between two replies was stamped between them, with a second of the gateway's clock.
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
                    (low + second + GatewayClock.Staleness)
                    before.Heard.Earliest
                    after.Heard.Latest
                    clock
            | _ -> clock

        Array.fold told clock after.Call.Tags
