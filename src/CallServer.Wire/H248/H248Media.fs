namespace CallServer.Wire

open System

/// A stream of a termination (RFC 3525 §7.1.4).
[<NoEquality; NoComparison>]
type H248Stream =
    {
        /// 1 if the descriptor names no streams.
        Number: int
        /// SendReceive, SendOnly, …, in whatever form and case it was written; empty if it is not told.
        Mode: H248Part
        /// ds/dscp (H.248.52).
        Dscp: int voption
        /// What the gateway receives, as a session description; empty if there is none. Braces in it are escaped.
        Local: H248Part
        /// What the other side receives.
        Remote: H248Part
    }

/// Reads Media descriptors.
module H248Media =
    open H248Items

    /// The most streams of a termination that are read.
    [<Literal>]
    let private MaxStreams = 8

    let private nothing (body: H248Part) : H248Part = { body with Stop = body.Start }

    let private create (number: int) (body: H248Part) : H248Stream =
        { Number = number
          Mode = nothing body
          Dscp = ValueNone
          Local = nothing body
          Remote = nothing body }

    let private control (stream: H248Stream) (item: H248Item) : H248Stream =
        if H248Part.isToken "Mode" "MO" item.Name then
            { stream with Mode = item.Value }
        elif H248Part.is "ds/dscp" item.Name then
            { stream with
                Dscp = H248Part.tryOctet item.Value |> ValueOption.filter (fun value -> value <= 63) }
        else
            stream

    let private parameter (stream: H248Stream) (item: H248Item) : H248Stream =
        if H248Part.isToken "Local" "L" item.Name then
            { stream with Local = H248Part.trimStart item.Body }
        elif H248Part.isToken "Remote" "R" item.Name then
            { stream with Remote = H248Part.trimStart item.Body }
        elif H248Part.isToken "LocalControl" "O" item.Name then
            H248Actions.foldItems control stream item.Body |> ValueOption.defaultValue stream
        else
            stream

    let private isParameter (item: H248Item) : bool =
        H248Part.isToken "Local" "L" item.Name
        || H248Part.isToken "Remote" "R" item.Name
        || H248Part.isToken "LocalControl" "O" item.Name

    /// The streams of a Media descriptor's body, in the order in which they stand there.
    let streams (media: H248Part) : H248Stream[] =
        let numberOf (value: H248Part) =
            match H248Part.tryNumber value with
            | ValueSome number -> int (min 65535u number)
            | ValueNone -> 0

        let take (found: ResizeArray<H248Stream>) (item: H248Item) : ResizeArray<H248Stream> =
            if H248Part.isToken "Stream" "ST" item.Name then
                if found.Count < MaxStreams then
                    let stream = create (numberOf item.Value) item.Body

                    H248Actions.foldItems parameter stream item.Body
                    |> ValueOption.defaultValue stream
                    |> found.Add
            elif isParameter item then
                // Without Stream descriptors all parameters are those of one stream.
                if found.Count = 0 then
                    found.Add(create 1 media)

                found[0] <- parameter found[0] item

            found

        let found = ResizeArray<H248Stream>()
        H248Actions.foldItems take found media |> ignore
        found.ToArray()

    /// ServiceStates of the TerminationState descriptor, as written; empty if it is not told.
    let serviceState (media: H248Part) : H248Part =
        let state known (item: H248Item) =
            if H248Part.isToken "ServiceStates" "SI" item.Name then item.Value else known

        let take known (item: H248Item) =
            if H248Part.isToken "TerminationState" "TS" item.Name then
                H248Actions.foldItems state known item.Body |> ValueOption.defaultValue known
            else
                known

        H248Actions.foldItems take (nothing media) media |> ValueOption.defaultValue (nothing media)
