namespace CallServer.Wire

open System

/// Messages of a stream (rtpengine's TCP port). Nothing delimits them but the cookie's space and the end of
/// the dictionary. A value: the same stream may be read on from any state more than once.
[<NoEquality; NoComparison>]
type NgFraming =
    private
        {
            Room: Room
            /// Octets that hold something, from the beginning of the first message that is not whole.
            From: int
            Until: int
            /// Where the dictionary is being read; nothing while the cookie is not whole.
            Scan: BencodeScan voption
        }

/// Octets and how many of them are in use. Whoever has read as far as that may write on behind; others copy.
and [<AllowNullLiteral; Sealed>] private Room(octets: byte[]) =
    member _.Octets = octets
    member val Used = 0 with get, set

module NgFraming =
    /// No message is longer: 32 MiB.
    [<Literal>]
    let MaxMessage = 33554432

    let empty: NgFraming = { Room = null; From = 0; Until = 0; Scan = ValueNone }

    /// Octets that belong to a message that is not whole.
    let unread (stream: NgFraming) : int64 = int64 (stream.Until - stream.From)

    /// How many octets the unread message has at least, as the string in which it breaks off announces it. No stranger's
    /// word makes room for more than so many times what has come.
    let private announced (needed: int) (stream: NgFraming) : int =
        match stream.Scan with
        | ValueSome scan when scan.At < stream.Until ->
            match BencodeScan.text (ReadOnlySpan(stream.Room.Octets, 0, stream.Until)) scan.At with
            | ValueSome(struct (_, until)) -> int (min (until - int64 stream.From) (16L * int64 needed))
            | ValueNone -> 0
        | ValueSome _
        | ValueNone -> 0

    /// The stream with more octets behind what is unread.
    let private append (more: byte[]) (stream: NgFraming) : NgFraming =
        let unread = stream.Until - stream.From
        let room = stream.Room

        if
            not (isNull room) && room.Used = stream.Until && stream.Until + more.Length <= room.Octets.Length
        then
            Array.Copy(more, 0, room.Octets, stream.Until, more.Length)
            room.Used <- stream.Until + more.Length
            { stream with Until = room.Used }
        else
            let needed = unread + more.Length

            let size =
                if unread = 0 then
                    needed
                else
                    match announced needed stream with
                    // And what closes the message behind the string.
                    | least when least > needed -> least + more.Length
                    | _ -> 2 * needed

            let fresh = Room(Array.zeroCreate size)

            if unread > 0 then
                Array.Copy(room.Octets, stream.From, fresh.Octets, 0, unread)

            Array.Copy(more, 0, fresh.Octets, unread, more.Length)
            fresh.Used <- needed

            let moved (scan: BencodeScan) = { scan with At = scan.At - stream.From }

            { Room = fresh; From = 0; Until = needed; Scan = stream.Scan |> ValueOption.map moved }

    let private isSpace (octet: byte) = octet = ' 'B || octet = '\r'B || octet = '\n'B

    /// Takes in octets of the stream: the messages that are whole now, oldest first, and the stream after
    /// them; or why nothing that comes on this stream can be read any more.
    let feed (octets: byte[]) (stream: NgFraming) : Result<struct (NgFraming * byte[] list), NgError> =
        let stream = append octets stream
        let all = stream.Room.Octets

        let rec read (from: int) (scan: BencodeScan voption) (whole: byte[] list) =
            let stop scan = Ok(struct ({ stream with From = from; Scan = scan }, List.rev whole))
            let span = ReadOnlySpan(all, 0, stream.Until)

            match scan with
            | ValueNone ->
                if from < stream.Until && isSpace all[from] then
                    read (from + 1) ValueNone whole
                else
                    match Ng.cookieEnd span from with
                    | -1 -> stop ValueNone
                    | -2 -> Error { Offset = 0; Problem = NgProblem.NoCookie }
                    | space when space + 1 = stream.Until -> stop ValueNone
                    | space when all[space + 1] <> 'd'B ->
                        Error { Offset = space + 1 - from; Problem = NgProblem.NotDictionary }
                    | space -> read from (ValueSome(BencodeScan.start (space + 1))) whole
            | ValueSome scan ->
                match BencodeScan.resume span scan with
                | struct (_, BencodeProgress.Ends until) ->
                    read until ValueNone (ReadOnlySpan(all, from, until - from).ToArray() :: whole)
                | struct (scan, BencodeProgress.NeedsMore) when stream.Until - from <= MaxMessage ->
                    stop (ValueSome scan)
                | struct (_, BencodeProgress.NeedsMore) ->
                    Error
                        { Offset = MaxMessage
                          Problem = NgProblem.Unreadable(BencodeProblem.StringTooLong(int64 MaxMessage)) }
                | struct (_, BencodeProgress.Broken error) ->
                    Error { Offset = error.Offset - from; Problem = NgProblem.Unreadable error.Problem }

        read stream.From stream.Scan []
