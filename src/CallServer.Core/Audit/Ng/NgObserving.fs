namespace CallServer.Audit

open System
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

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

    /// A party that has not answered yet stands under a key that is no tag.
    let private isNamed (tag: NgTag) = tag.Tag.Length > 0

    /// A party without a name, an address and media is no connection yet.
    let isParty (tag: NgTag) : bool =
        isNamed tag
        || match tag.Media with
           | ValueSome { Stream = ValueSome stream } -> stream.Remote.IsSome || stream.Packets > 0L
           | _ -> false

    let tagText (tag: NgTag) : string = textOf (if isNamed tag then tag.Tag else tag.Key)

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

    let private factsOf (callId: CallId voption) (tags: NgTag[]) (place: int) : Facts =
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
            Codec =
                (match tag.Media with
                 | ValueSome { Codec = ValueSome codec } -> ValueSome(Codec.ofRtpMap codec)
                 | _ -> ValueNone)
            Mode = tag.Media |> ValueOption.map modeOf
            State = ValueSome(if tags.Length > 1 then "active" else "offered")
            LocalMedia = stream |> ValueOption.bind _.Local
            RemoteMedia = stream |> ValueOption.bind _.Remote }

    /// The connections of one call; and how many parties have no usable name.
    let observe (clock: ClockBounds) (key: string) (seen: NgSeen) : struct (Observation list * int) =
        let callText = displayKey key
        let callId = CallId.tryCreate callText |> ValueOption.ofOption
        let tags = seen.Call.Tags |> Array.filter isParty

        let observations =
            [ for place in 0 .. tags.Length - 1 do
                  match ConnectionId.tryCreate (callText + ";" + tagText tags[place]) with
                  | None -> ()
                  | Some id ->
                      let struct (low, high) = stampOf place tags[place] seen.Call

                      { Id = id
                        Stamp = ValueSome(string seen.Call.Created)
                        Heard = seen.Heard
                        Setup = ValueNone
                        Start =
                          ValueSome(Timing.reported (GatewayClock.happened low high seen.Heard.Latest clock))
                        // Packets count, but nothing tells how much speech each of them holds.
                        MinimumAge = TimeSpan.Zero
                        Facts = factsOf callId tags place } ]

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
