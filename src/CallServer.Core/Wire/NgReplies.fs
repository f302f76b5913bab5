namespace CallServer.Wire

open System
open CallServer.Model

/// What rtpengine's replies tell.
module NgReplies =
    let readStatistics (body: BencodeView) : NgStatistics =
        let under (name: string) (view: BencodeView voption) =
            view |> ValueOption.bind (BencodeView.tryFind name)

        let statistics = under "statistics" (ValueSome body)
        let total = under "totalstatistics" statistics

        let told name view =
            match view |> ValueOption.bind (Ng.number name) with
            | ValueSome value when value >= 0L -> ValueSome value
            | ValueSome _
            | ValueNone -> ValueNone

        { Sessions = told "sessionstotal" (under "currentstatistics" statistics)
          Managed = told "managedsessions" total
          UpTime = told "uptime" total }

    /// Over the Call-IDs of a reply to `list`, in its order; nothing where it tells no calls. What is no
    /// string is left out.
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

        { Codec = Ng.word "codec" view
          Sends = has "send"
          Receives = has "recv"
          Stream = BencodeView.tryFind "streams" view |> ValueOption.bind first |> ValueOption.map streamOf }

    /// The first audio, else the first of all.
    let private mainMedia (tag: BencodeView) : NgMedia voption =
        let isAudio (media: BencodeView) =
            match Ng.slice "type" media with
            | ValueSome kind -> Ng.is "audio" kind
            | ValueNone -> false

        let better (found: BencodeView voption) (media: BencodeView) =
            match found with
            | ValueNone -> ValueSome media
            | ValueSome known when not (isAudio known) && isAudio media -> ValueSome media
            | ValueSome _ -> found

        match BencodeView.tryFind "medias" tag with
        | ValueSome medias -> BencodeView.foldItems better ValueNone medias |> ValueOption.map mediaOf
        | ValueNone -> ValueNone

    let private tagOf (key: Slice) (view: BencodeView) : NgTag =
        { Key = key
          Tag = Ng.slice "tag" view |> ValueOption.defaultValue key
          Label = Ng.slice "label" view
          Created = Ng.number "created" view
          Media = mainMedia view }

    /// One party in so many octets of the reply, and some besides: rtpengine tells 500 octets of each.
    [<Literal>]
    let private OctetsPerTag = 128

    /// Times beyond the year 9999 are none.
    [<Literal>]
    let private MaxSeconds = 253402300799L

    /// When the call was created: `created_ts`, else `created` with `created_us`, else the second alone.
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

    /// A reply to `query`, or the statistics that one to `delete` carries.
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
