namespace CallServer.Wire

open System

/// What is wrong with a bencoded value. The sender or the network caused it, not this program.
[<RequireQualifiedAccess>]
type BencodeProblem =
    /// No value begins with this octet.
    | NotValue of found: byte
    /// The key of a dictionary is not a string, or the dictionary ends after a key.
    | KeyDue of found: byte
    | ValueDue
    /// A number that is malformed, or does not fit 64 bits.
    | NumberUnreadable
    /// The length of a string is malformed.
    | LengthUnreadable
    /// A string longer than in any message.
    | StringTooLong of length: int64
    /// Containers nested deeper than in any message.
    | TooDeep
    /// The octets end before the value does.
    | Unfinished
    /// A JSON body that is not JSON.
    | NotJson

/// What is wrong, and at which octet, counted from 0.
type BencodeError =
    { Offset: int
      Problem: BencodeProblem }

    override this.ToString() =
        let problem =
            match this.Problem with
            | BencodeProblem.NotValue found -> $"no value begins with octet 0x{found:X2}"
            | BencodeProblem.KeyDue found -> $"octet 0x{found:X2} where a key is due"
            | BencodeProblem.ValueDue -> "a key without a value"
            | BencodeProblem.NumberUnreadable -> "a number that cannot be read"
            | BencodeProblem.LengthUnreadable -> "a length that cannot be read"
            | BencodeProblem.StringTooLong length -> $"a string of {length} octets"
            | BencodeProblem.TooDeep -> "containers nested too deep"
            | BencodeProblem.Unfinished -> "the value goes on beyond the end"
            | BencodeProblem.NotJson -> "neither bencode nor JSON"

        $"{problem}, at octet {this.Offset}"

/// A bencoded value (BitTorrent's BEP 3) to write. Values that are read stay in their message, as a `BencodeView`.
[<RequireQualifiedAccess>]
type Bencode =
    | Number of int64
    | Text of byte[]
    | Items of Bencode list
    /// In the order in which they are written. BEP 3 wants sorted keys, but rtpengine does not sort them.
    | Members of (string * Bencode) list

/// How far a value has been read. The value may arrive in pieces; each octet is read once.
[<Struct>]
type BencodeScan =
    internal
        {
            At: int
            Depth: int
            /// Bit d: the container at depth d is a dictionary.
            Dictionaries: uint64
            /// Bit d: that dictionary has had a key, and its value comes next.
            Keyed: uint64
        }

/// The result of a scan.
[<Struct>]
[<RequireQualifiedAccess>]
type BencodeProgress =
    /// The value ends before this octet.
    | Ends of at: int
    | NeedsMore
    | Broken of error: BencodeError

/// Finds where a value ends, even while it is still arriving.
module BencodeScan =
    /// The deepest nesting; deeper values are refused. rtpengine's replies are nine deep.
    [<Literal>]
    let MaxDepth = 64

    /// The longest string in octets, 16 MiB; longer ones are refused.
    [<Literal>]
    let MaxString = 16777216L

    /// The most digits of a number, including needless zeros.
    [<Literal>]
    let private MaxDigits = 24

    /// A scan of the value that begins at this octet.
    let start (at: int) : BencodeScan = { At = at; Depth = 0; Dictionaries = 0UL; Keyed = 0UL }

    let private isDigit (octet: byte) = octet >= '0'B && octet <= '9'B

    /// Where a run of digits and the octet that ends it are over. -1 if more octets are needed, -2 if there are no digits or too
    /// many.
    let private digitsEnd (octets: ReadOnlySpan<byte>) (from: int) (ending: byte) : int =
        let mutable at = from

        while at < octets.Length && at - from <= MaxDigits && isDigit octets[at] do
            at <- at + 1

        if at - from > MaxDigits then -2
        elif at = octets.Length then -1
        elif octets[at] = ending && at > from then at
        else -2

    /// The digits as an absolute value; -1 if it does not fit 64 bits.
    let private magnitude (octets: ReadOnlySpan<byte>) (from: int) (until: int) : int64 =
        let mutable value = 0L

        for at in from .. until - 1 do
            let digit = int64 (octets[at] - '0'B)

            if value >= 0L then
                value <- (if value > (Int64.MaxValue - digit) / 10L then -1L else value * 10L + digit)

        value

    /// Reads the number whose `i` is at this octet. Returns it and where it ends; `ValueNone` if it cannot be read.
    let number (octets: ReadOnlySpan<byte>) (at: int) : struct (int64 * int) voption =
        let isNegative = at + 1 < octets.Length && octets[at + 1] = '-'B
        let first = if isNegative then at + 2 else at + 1
        let last = digitsEnd octets first 'e'B

        if last < 0 then
            ValueNone
        else
            match magnitude octets first last with
            | -1L -> ValueNone
            | value -> ValueSome(struct ((if isNegative then -value else value), last + 1))

    /// Where the content of the string at this octet starts and ends; `ValueNone` if it cannot be read.
    let text (octets: ReadOnlySpan<byte>) (at: int) : struct (int * int64) voption =
        let colon = digitsEnd octets at ':'B

        if colon < 0 then
            ValueNone
        else
            match magnitude octets at colon with
            | length when length < 0L || length > MaxString -> ValueNone
            | length -> ValueSome(struct (colon + 1, int64 colon + 1L + length))

    /// Why a string or a number cannot be read; `ValueNone` if it is merely incomplete.
    let private fault (octets: ReadOnlySpan<byte>) (at: int) : BencodeProblem voption =
        if octets[at] = 'i'B then
            let isNegative = at + 1 < octets.Length && octets[at + 1] = '-'B

            match digitsEnd octets (if isNegative then at + 2 else at + 1) 'e'B with
            | -1 -> ValueNone
            | _ -> ValueSome BencodeProblem.NumberUnreadable
        else
            match digitsEnd octets at ':'B with
            | -1 -> ValueNone
            | -2 -> ValueSome BencodeProblem.LengthUnreadable
            | colon ->
                match magnitude octets at colon with
                | -1L -> ValueSome BencodeProblem.LengthUnreadable
                | length when length > MaxString -> ValueSome(BencodeProblem.StringTooLong length)
                | _ -> ValueNone

    /// Continues where the scan stopped, without reading earlier octets again. Keys need not be sorted.
    let resume (octets: ReadOnlySpan<byte>) (scan: BencodeScan) : struct (BencodeScan * BencodeProgress) =
        let mutable at = scan.At
        let mutable depth = scan.Depth
        let mutable dictionaries = scan.Dictionaries
        let mutable keyed = scan.Keyed
        let mutable progress = BencodeProgress.NeedsMore
        let mutable isOver = false

        while not isOver && at < octets.Length do
            let octet = octets[at]
            let bit = if depth > 0 then 1UL <<< (depth - 1) else 0UL
            let inDictionary = dictionaries &&& bit <> 0UL
            let isKeyed = keyed &&& bit <> 0UL

            // Where this token ends; -1 if not yet, or never.
            let mutable next = -1
            let mutable problem = ValueNone
            // True for a whole value or key, false for the beginning of a container.
            let mutable isClosed = true

            if octet = 'e'B && depth > 0 then
                if isKeyed then
                    problem <- ValueSome BencodeProblem.ValueDue
                else
                    depth <- depth - 1
                    next <- at + 1
            elif octet >= '0'B && octet <= '9'B then
                match text octets at with
                | ValueSome(struct (_, until)) when until <= int64 octets.Length -> next <- int until
                | ValueSome _ -> ()
                | ValueNone -> problem <- fault octets at
            elif inDictionary && not isKeyed then
                problem <- ValueSome(BencodeProblem.KeyDue octet)
            elif octet = 'i'B then
                match number octets at with
                | ValueSome(struct (_, until)) -> next <- until
                | ValueNone -> problem <- fault octets at
            elif octet = 'l'B || octet = 'd'B then
                if depth = MaxDepth then
                    problem <- ValueSome BencodeProblem.TooDeep
                else
                    depth <- depth + 1
                    let inner = 1UL <<< (depth - 1)
                    keyed <- keyed &&& ~~~inner

                    dictionaries <-
                        (if octet = 'd'B then dictionaries ||| inner else dictionaries &&& ~~~inner)

                    next <- at + 1
                    isClosed <- false
            else
                problem <- ValueSome(BencodeProblem.NotValue octet)

            if next < 0 then
                isOver <- true

                match problem with
                | ValueSome problem -> progress <- BencodeProgress.Broken { Offset = at; Problem = problem }
                | ValueNone -> ()
            else
                at <- next

                if isClosed then
                    if depth = 0 then
                        progress <- BencodeProgress.Ends at
                        isOver <- true
                    else
                        // In a dictionary keys and values alternate.
                        let outer = 1UL <<< (depth - 1)

                        if dictionaries &&& outer <> 0UL then
                            keyed <- keyed ^^^ outer

        struct ({ At = at; Depth = depth; Dictionaries = dictionaries; Keyed = keyed }, progress)

/// Writes bencoded values.
module Bencode =
    /// A string of this text in UTF-8.
    let ofString (text: string) : Bencode = Bencode.Text(Text.Encoding.UTF8.GetBytes text)

    let private write (text: string) (into: Buffers.ArrayBufferWriter<byte>) : unit =
        let length = Text.Encoding.UTF8.GetByteCount text
        Text.Encoding.UTF8.GetBytes(text.AsSpan(), into.GetSpan length) |> into.Advance

    let private writeText (octets: byte[]) (into: Buffers.ArrayBufferWriter<byte>) : unit =
        write (string octets.Length + ":") into
        octets.CopyTo(into.GetSpan octets.Length)
        into.Advance octets.Length

    let rec private writeValue (value: Bencode) (into: Buffers.ArrayBufferWriter<byte>) : unit =
        match value with
        | Bencode.Number number -> write $"i{number}e" into
        | Bencode.Text octets -> writeText octets into
        | Bencode.Items items ->
            write "l" into

            for item in items do
                writeValue item into

            write "e" into
        | Bencode.Members members ->
            write "d" into

            for key, member' in members do
                writeText (Text.Encoding.UTF8.GetBytes key) into
                writeValue member' into

            write "e" into

    /// Appends the value to a buffer.
    let encodeInto (into: Buffers.ArrayBufferWriter<byte>) (value: Bencode) : unit = writeValue value into

    /// The value as octets.
    let encode (value: Bencode) : byte[] =
        let into = Buffers.ArrayBufferWriter<byte>(256)
        writeValue value into
        into.WrittenSpan.ToArray()
