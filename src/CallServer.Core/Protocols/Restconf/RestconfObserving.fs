namespace CallServer.Protocols.Restconf

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What an audit knows when it makes an observation of a leg.
type internal RestconfContext =
    {
        /// When the leg was told.
        Heard: Interval
        /// What is known of the clock that stamped it.
        Clock: StampClock
        /// Durations of this gateway include ringing.
        CountsRinging: bool
        /// The stamp that the record has of the leg; ValueNone where the leg's own is to be taken.
        Stamp: string voption
    }

/// Makes observations from the call legs of an IOS-XE. A leg is one connection.
module internal RestconfObserving =
    let private text (words: string) : string voption = if words = "" then ValueNone else ValueSome words

    /// `active-state` is `active`.
    let private without (ending: string) (word: string) : string =
        if word.EndsWith(ending, StringComparison.Ordinal) then
            word.Substring(0, word.Length - ending.Length)
        else
            word

    let private isActive (leg: VoiceLeg) : bool = leg.State = "active-state"
    let private isConnecting (leg: VoiceLeg) : bool = leg.State = "connecting-state"

    /// How long it has lasted, in milliseconds; nothing where that is not told, or is zero.
    let private durationOf (leg: VoiceLeg) : int64 voption =
        leg.Duration |> ValueOption.filter (fun lasted -> lasted > 0L)

    /// Its duration counts though nobody has answered it: so durations include ringing.
    let countsRinging (leg: VoiceLeg) : bool = isConnecting leg && (durationOf leg).IsSome

    let private setupOf (context: RestconfContext) (leg: VoiceLeg) : Interval voption =
        leg.Setup
        |> ValueOption.bind (fun stamp ->
            StampClock.happened
                context.Heard.Latest
                stamp.Micros
                (stamp.Micros + stamp.Unit - 1L)
                context.Clock)

    /// A duration has 32 bits: it is 0 again after 49.7 days.
    let private period = TimeSpan.FromMilliseconds 4294967296.0

    let private startOf (context: RestconfContext) (setup: Interval voption) (leg: VoiceLeg) : Timing =
        let heard = context.Heard

        let since =
            match setup with
            | ValueSome setup -> Instant.min setup.Earliest heard.Latest
            | ValueNone -> Instant.distantPast

        let mayHaveWrapped =
            setup |> ValueOption.exists (fun setup -> heard.Latest - setup.Earliest >= period)

        match durationOf leg with
        | _ when isConnecting leg -> Timing.reported (Interval.from heard.Earliest)
        | ValueSome _ when mayHaveWrapped -> Timing.bounded (Interval.create since heard.Latest)
        | ValueSome lasted when not context.CountsRinging -> Timing.reported (Ago.ofMilliseconds heard lasted)
        | ValueSome lasted when isActive leg ->
            Timing.bounded (
                Interval.create
                    (Instant.min heard.Latest (Ago.ofMilliseconds heard lasted).Earliest)
                    heard.Latest
            )
        | _ when isActive leg -> Timing.bounded (Interval.create since heard.Latest)
        | _ -> Timing.bounded (Interval.create since Instant.distantFuture)

    let private directionOf (leg: VoiceLeg) : CallDirection voption =
        match leg.Direction with
        | "incoming-leg" -> ValueSome Incoming
        | "outgoing-leg" -> ValueSome Outgoing
        | _ -> ValueNone

    /// The names of `voip-codec-type` after their prefix, as IANA has them; those of no codec are empty.
    let private codecs =
        Map
            [ "none", ""
              "no-audio", ""
              "max", ""
              "g711ulaw", "PCMU"
              "g711alaw", "PCMA"
              "g722-64", "G722"
              "g722-56", "G722"
              "g722-48", "G722"
              "g722-124", "G7221"
              "g722-132", "G7221"
              "g7231r", "G723"
              "g7231ar", "G723"
              "g723r63", "G723"
              "g723r53", "G723"
              // So they are called; their descriptions say G.723.
              "g729ar63", "G723"
              "g729ar53", "G723"
              "g726r16", "G726-16"
              "g726r24", "G726-24"
              "g726r32", "G726-32"
              "g726r40", "G726-40"
              "g728", "G728"
              "g729r8", "G729"
              "g729ar8", "G729"
              "g729br8", "G729"
              "g729abr8", "G729"
              "g729ietf", "G729"
              "gsm", "GSM"
              "gsmefr", "GSM-EFR"
              "gsmamr-nb", "AMR"
              "amr-wb", "AMR-WB"
              "ilbc", "iLBC"
              "isac", "iSAC"
              "aacld", "mpeg4-generic"
              "mp4-alatm", "MP4A-LATM"
              "clearchannel", "CLEARMODE"
              "t38", "t38" ]

    [<Literal>]
    let private CodecPrefix = "voip-codec-"

    let codecOf (word: string) : Codec voption =
        let own =
            if word.StartsWith(CodecPrefix, StringComparison.Ordinal) then
                word.Substring CodecPrefix.Length
            else
                word

        codecs |> Map.tryFind own |> Option.defaultValue own |> text |> ValueOption.map Codec.ofName

    /// Where it sends its media; nothing before that is agreed.
    let private mediaOf (leg: VoiceLeg) : MediaAddress voption =
        match leg.RemotePort with
        | ValueSome port when port > 0L && port <= 65535L ->
            MediaAddress.ofText leg.RemoteHost (int port) |> ValueOption.ofOption
        | _ -> ValueNone

    /// The stamp of a leg in its raw form, in UTC: the offset with which it is written may change.
    let stampOf (leg: VoiceLeg) : string voption =
        leg.Setup |> ValueOption.map (fun stamp -> string (Instant.ofMicros stamp.Micros))

    let private isKnown (number: int64) : bool = number > 0L

    let observe (context: RestconfContext) (leg: VoiceLeg) : Observation =
        let stamped = setupOf context leg
        let start = startOf context stamped leg
        // Nobody is answered before the call began: then the stamp is not of the clock that was read.
        let setup = stamped |> ValueOption.filter (fun setup -> setup.Earliest <= start.Within.Latest)
        let direction = directionOf leg

        { Id = ConnectionId.create (string leg.CallId)
          Stamp = context.Stamp |> ValueOption.orElse (stampOf leg)
          Heard = context.Heard
          Setup = setup |> ValueOption.map Timing.reported
          Start = ValueSome start
          MinimumAge = TimeSpan.Zero
          Facts =
            { Facts.none with
                Call =
                    leg.Bridge
                    |> ValueOption.filter isKnown
                    |> ValueOption.bind (string >> CallId.tryCreate >> ValueOption.ofOption)
                Endpoint =
                    leg.Peer |> ValueOption.filter isKnown |> ValueOption.map (fun tag -> $"dial-peer {tag}")
                Originator = (if direction = ValueSome Incoming then text leg.Number else ValueNone)
                Remote = (if direction = ValueSome Outgoing then text leg.Number else ValueNone)
                Direction = direction
                Codec = codecOf leg.Codec
                State = leg.State |> without "-state" |> text
                RemoteMedia = mediaOf leg } }
