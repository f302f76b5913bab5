namespace CallServer.Wire

open System
open CallServer.Model

/// Reads rtpengine's replies.
module NgReplies =
    /// Reads the reply to `statistics`. A number that is missing or negative becomes `ValueNone`.
    let readStatistics (body: BencodeView) : NgStatistics =
        let under (name: string) (view: BencodeView voption) =
            view |> ValueOption.bind (BencodeView.tryFind name)

        let statistics = under "statistics" (ValueSome body)
        let total = under "totalstatistics" statistics
        let current = under "currentstatistics" statistics

        let told name view =
            match view |> ValueOption.bind (Ng.number name) with
            | ValueSome value when value >= 0L -> ValueSome value
            | ValueSome _
            | ValueNone -> ValueNone

        { Sessions = told "sessionstotal" current
          Foreign = told "sessionsforeign" current
          Managed = told "managedsessions" total
          UpTime = told "uptime" total }

    /// Folds over the Call-IDs of a reply to `list`, in order. Skips items that are not strings. `ValueNone` if there is no list
    /// of calls.
    let foldCallIds (folder: 'State -> Slice -> 'State) (state: 'State) (body: BencodeView) : 'State voption =
        let take state item =
            match BencodeView.text item with
            | ValueSome id -> folder state id
            | ValueNone -> state

        match BencodeView.tryFind "calls" body with
        | ValueSome calls -> ValueSome(BencodeView.foldItems take state calls)
        | ValueNone -> ValueNone

    let private addressOf (host: string) (port: string) (view: BencodeView) : MediaAddress voption =
        match Ng.word host view, Ng.number port view with
        | ValueSome host, ValueSome port when port >= 0L && port <= 65535L ->
            MediaAddress.ofText host (int port) |> ValueOption.ofOption
        | _ -> ValueNone

    let private countOf (name: string) (stats: BencodeView voption) : int64 voption =
        match stats |> ValueOption.bind (Ng.number name) with
        | ValueSome count when count >= 0L -> ValueSome count
        | ValueSome _
        | ValueNone -> ValueNone

    let private streamOf (view: BencodeView) : NgStream =
        let stats = BencodeView.tryFind "stats" view
        let out = BencodeView.tryFind "stats_out" view

        { Local = addressOf "local address" "local port" view
          Remote = BencodeView.tryFind "endpoint" view |> ValueOption.bind (addressOf "address" "port")
          Packets = countOf "packets" stats |> ValueOption.defaultValue 0L
          Octets = countOf "bytes" stats |> ValueOption.defaultValue 0L
          PacketsOut = countOf "packets" out
          OctetsOut = countOf "bytes" out
          LastPacket = Ng.number "last packet" view }

    let private first (items: BencodeView) : BencodeView voption =
        BencodeView.foldItems
            (fun found item -> if ValueOption.isSome found then found else ValueSome item)
            ValueNone
            items

    /// The usual kinds, as shared strings, so that no copies are needed.
    let private kinds = [| "audio"; "video"; "image"; "message"; "application" |]

    let private kindOf (media: BencodeView) : string =
        match Ng.slice "type" media with
        | ValueNone -> ""
        | ValueSome told ->
            match kinds |> Array.tryFind (fun kind -> Ng.is kind told) with
            | Some kind -> kind
            | None -> Ng.word "type" media |> ValueOption.defaultValue ""

    let private mediaOf (view: BencodeView) : NgMedia =
        let has (flag: string) =
            let found (known: bool) item =
                known
                || match BencodeView.text item with
                   | ValueSome text -> Ng.is flag text
                   | ValueNone -> false

            match BencodeView.tryFind "flags" view with
            | ValueSome flags -> BencodeView.foldItems found false flags
            | ValueNone -> false

        let is (name: string) (word: string) =
            match Ng.slice name view with
            | ValueSome found -> Ng.is word found
            | ValueNone -> false

        { Kind = kindOf view
          IsFax = is "protocol" "UDPTL" || is "protocol" "udptl"
          Codec = Ng.word "codec" view
          IsSecure =
            (match Ng.word "protocol" view with
             | ValueSome protocol -> protocol.Contains("SAVP", StringComparison.OrdinalIgnoreCase)
             | ValueNone -> false)
          Sends = has "send"
          Receives = has "recv"
          Stream = BencodeView.tryFind "streams" view |> ValueOption.bind first |> ValueOption.map streamOf }

    /// The most other media to keep. No real party uses more.
    [<Literal>]
    let private MaxOthers = 8

    let private isInUse (media: NgMedia) : bool =
        match media.Stream with
        | ValueSome { Remote = ValueSome remote } -> remote.Port > 0
        | ValueSome _
        | ValueNone -> false

    /// The rank of a medium. The one with the lowest rank is the call's own.
    let private rank (media: NgMedia) : int =
        match media.Kind, isInUse media with
        | "audio", true -> 0
        | "image", true -> 1
        | "audio", false -> 2
        | "image", false -> 3
        | _ -> 4

    /// The call's own medium, and the other media in use.
    let private mediaOfTag (tag: BencodeView) : struct (NgMedia voption * NgMedia[]) =
        let others = ResizeArray<NgMedia>()

        let keep (media: NgMedia) =
            if isInUse media && others.Count < MaxOthers then
                others.Add media

        let better (found: NgMedia voption) (view: BencodeView) =
            let media = mediaOf view

            match found with
            | ValueNone -> ValueSome media
            | ValueSome known when rank media < rank known ->
                keep known
                ValueSome media
            | ValueSome _ ->
                keep media
                found

        match BencodeView.tryFind "medias" tag with
        | ValueSome medias ->
            let own = BencodeView.foldItems better ValueNone medias
            struct (own, (if others.Count = 0 then [||] else others.ToArray()))
        | ValueNone -> struct (ValueNone, [||])

    /// The longest tag or label to keep. Anything longer could not name a connection: those names have at most 1,024 characters.
    [<Literal>]
    let private MaxName = 1025

    let private tagOf (key: Slice) (view: BencodeView) : NgTag =
        let struct (own, others) = mediaOfTag view

        let key = key.Own MaxName

        { Key = key
          Tag =
            (match Ng.slice "tag" view with
             | ValueSome tag when tag.Span.SequenceEqual key.Span -> key
             | ValueSome tag -> tag.Own MaxName
             | ValueNone -> key)
          Label = Ng.slice "label" view |> ValueOption.map (fun label -> label.Own MaxName)
          Created = Ng.number "created" view
          Media = own
          Others = others }

    /// A reply may have 16 parties plus one per this many octets. rtpengine writes 500 octets about each.
    [<Literal>]
    let private OctetsPerTag = 128

    /// The latest time, in seconds since 1970: the end of the year 9999. Later times are refused.
    [<Literal>]
    let private MaxSeconds = 253402300799L

    /// When the call was created: `created_ts`, otherwise `created` with `created_us`, otherwise `created` alone. In microseconds
    /// since 1970, with the resolution.
    let private createdOf (body: BencodeView) : struct (int64 * int64) voption =
        let isTime limit value = value > 0L && value <= limit

        match Ng.number "created_ts" body, Ng.number "created" body, Ng.number "created_us" body with
        | ValueSome micros, _, _ when isTime (MaxSeconds * 1_000_000L) micros ->
            ValueSome(struct (micros, 1L))
        | _, ValueSome seconds, ValueSome rest when
            isTime MaxSeconds seconds && rest >= 0L && rest < 1_000_000L
            ->
            ValueSome(struct (seconds * 1_000_000L + rest, 1L))
        | _, ValueSome seconds, _ when isTime MaxSeconds seconds ->
            ValueSome(struct (seconds * 1_000_000L, 1_000_000L))
        | _ -> ValueNone

    /// Reads a reply to `query`, or the final statistics in a reply to `delete`.
    let readCall (body: BencodeView) : Result<NgCall, NgError> =
        match createdOf body, BencodeView.tryFind "tags" body with
        | ValueNone, _ -> Ng.wrong body.Start (NgProblem.Lacks "created")
        | _, ValueNone -> Ng.wrong body.Start (NgProblem.Lacks "tags")
        | ValueSome(struct (created, resolution)), ValueSome tags ->
            let count = BencodeView.foldMembers (fun count _ _ -> count + 1) 0 tags

            if count > 16 + (body.Octets.Length - body.Start) / OctetsPerTag then
                Ng.wrong tags.Start NgProblem.TooManyTags
            else
                let found = Array.zeroCreate<NgTag> count

                let fill at key view =
                    found[at] <- tagOf key view
                    at + 1

                BencodeView.foldMembers fill 0 tags |> ignore

                Ok
                    { Created = created
                      Resolution = resolution
                      LastSignal = Ng.number "last signal" body
                      Tags = found }
