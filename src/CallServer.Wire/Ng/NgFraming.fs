namespace CallServer.Wire

open System

/// Reads messages from a stream (rtpengine's TCP port). Only the cookie's space and the end of the dictionary
/// delimit them. It is a value: one may read on from any earlier state again.
[<NoEquality; NoComparison>]
type NgFraming =
    private
        {
            Room: Room
            /// The octets in use: from the beginning of the first message that is not whole.
            From: int
            Until: int
            /// How far the dictionary has been read; `ValueNone` while the cookie is not whole.
            Scan: BencodeScan voption
        }

/// Octets and how many of them are in use. Who has read that far may append in place; others copy.
and [<AllowNullLiteral; Sealed>] private Room(octets: byte[]) =
    member _.Octets = octets
    member val Used = 0 with get, set

/// Splits a stream into messages.
module NgFraming =
    /// Longer messages are refused: 32 MiB.
    [<Literal>]
    let MaxMessage = 33554432

    /// A stream of which nothing has been read.
    let empty: NgFraming = { Room = null; From = 0; Until = 0; Scan = ValueNone }

    /// How many octets belong to a message that is not whole.
    let unread (stream: NgFraming) : int64 = int64 (stream.Until - stream.From)

    /// The least size of the unread message, as the string in which it breaks off announces it. A peer cannot
    /// make us reserve more than a fixed multiple of what it has sent.
    let private announced (needed: int) (stream: NgFraming) : int =
        match stream.Scan with
        | ValueSome scan when scan.At < stream.Until ->
            match BencodeScan.text (ReadOnlySpan(stream.Room.Octets, 0, stream.Until)) scan.At with
            | ValueSome(struct (_, until)) -> int (min (until - int64 stream.From) (16L * int64 needed))
            | ValueNone -> 0
        | ValueSome _
        | ValueNone -> 0

    /// The stream with more octets after the unread ones.
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
                    // Includes what closes the message after the string.
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

    /// Takes in octets of the stream. Returns the messages that are whole now, oldest first, and the stream
    /// after them; or why nothing more can be read from this stream.
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
