namespace CallServer.Wire

open System

/// Reads messages from a stream (rtpengine's TCP port). Only the cookie's space and the end of the dictionary delimit messages.
/// It is an immutable value, so reading can resume from any earlier state.
[<NoEquality; NoComparison>]
type NgFraming =
    private
        {
            Room: Room
            /// The range of octets in use. It begins with the first message that is not whole.
            From: int
            Until: int
            /// How far the dictionary has been read; `ValueNone` while the cookie is incomplete.
            Scan: BencodeScan voption
        }

/// A buffer, and how many of its octets are in use. A state that ends there may append in place; any other state copies the
/// buffer.
and [<AllowNullLiteral; Sealed>] private Room(octets: byte[]) =
    member _.Octets = octets
    member val Used = 0 with get, set

/// Splits a stream into messages.
module NgFraming =
    /// The longest message in octets, 32 MiB; longer ones are refused.
    [<Literal>]
    let MaxMessage = 33554432

    /// A stream before anything has been read.
    let empty: NgFraming = { Room = null; From = 0; Until = 0; Scan = ValueNone }

    /// How many octets of an incomplete message have arrived.
    let unread (stream: NgFraming) : int64 = int64 (stream.Until - stream.From)

    /// The least size of the incomplete message, according to the length of the string in which it breaks off. The result has a
    /// limit, so that a peer cannot make us reserve more than a fixed multiple of what it has sent.
    let private announced (needed: int) (stream: NgFraming) : int =
        match stream.Scan with
        | ValueSome scan when scan.At < stream.Until ->
            match BencodeScan.text (ReadOnlySpan(stream.Room.Octets, 0, stream.Until)) scan.At with
            | ValueSome(struct (_, until)) -> int (min (until - int64 stream.From) (16L * int64 needed))
            | ValueNone -> 0
        | ValueSome _
        | ValueNone -> 0

    /// Appends octets to the stream.
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
                    // Leaves room for what closes the message after the string.
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

    /// Takes in octets of the stream. Returns the stream and the messages that are now whole, oldest first; or why nothing more
    /// can be read from this stream.
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
