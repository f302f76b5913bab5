namespace CallServer.Wire

open System
open System.Buffers
open System.Text
open System.Text.Json

/// The other notation of ng: a JSON object instead of a dictionary. It is translated to bencode and then read as such.
module BencodeJson =
    let private options =
        JsonReaderOptions(MaxDepth = BencodeScan.MaxDepth, CommentHandling = JsonCommentHandling.Disallow)

    /// Room for the digits of a length and its colon.
    [<Literal>]
    let private HeadRoom = 12

    /// Writes the string at the reader's position. Its length is known only after its escapes are undone.
    let private putText (reader: byref<Utf8JsonReader>) (into: byte[]) (at: int) : int =
        let length = reader.CopyString(Span(into, at + HeadRoom, into.Length - at - HeadRoom))
        let mutable digits = 0
        Buffers.Text.Utf8Formatter.TryFormat(length, Span(into, at, HeadRoom - 1), &digits) |> ignore
        into[at + digits] <- ':'B
        Array.Copy(into, at + HeadRoom, into, at + digits + 1, length)
        at + digits + 1 + length

    let private putRaw (reader: byref<Utf8JsonReader>) (into: byte[]) (at: int) : int =
        let raw = reader.ValueSpan
        let mutable digits = 0
        Buffers.Text.Utf8Formatter.TryFormat(raw.Length, Span(into, at, HeadRoom - 1), &digits) |> ignore
        into[at + digits] <- ':'B
        raw.CopyTo(Span(into, at + digits + 1, raw.Length))
        at + digits + 1 + raw.Length

    let private putNumber (number: int64) (into: byte[]) (at: int) : int =
        let mutable digits = 0
        into[at] <- 'i'B
        Buffers.Text.Utf8Formatter.TryFormat(number, Span(into, at + 1, 20), &digits) |> ignore
        into[at + 1 + digits] <- 'e'B
        at + digits + 2

    let private put (octet: byte) (into: byte[]) (at: int) : int =
        into[at] <- octet
        at + 1

    /// Reads a JSON object. True and false become 1 and 0, a fraction becomes its text, and members that are null are left out.
    /// Neither notation is much longer than the other, so the size of the buffer is known beforehand.
    let read (octets: byte[]) (start: int) : Result<BencodeView, BencodeError> =
        let into = Array.zeroCreate<byte> (2 * (octets.Length - start) + 64)
        let mutable reader = Utf8JsonReader(ReadOnlySpan(octets, start, octets.Length - start), options)
        let mutable at = 0
        // Where the key is whose value comes next; -1 if there is none.
        let mutable key = -1

        try
            while reader.Read() do
                let pending = key
                key <- -1

                match reader.TokenType with
                | JsonTokenType.PropertyName ->
                    key <- at
                    at <- putText &reader into at
                | JsonTokenType.StartObject -> at <- put 'd'B into at
                | JsonTokenType.StartArray -> at <- put 'l'B into at
                | JsonTokenType.EndObject
                | JsonTokenType.EndArray -> at <- put 'e'B into at
                | JsonTokenType.String -> at <- putText &reader into at
                | JsonTokenType.Number ->
                    let mutable number = 0L

                    at <-
                        (if reader.TryGetInt64 &number then
                             putNumber number into at
                         else
                             putRaw &reader into at)
                | JsonTokenType.True -> at <- putNumber 1L into at
                | JsonTokenType.False -> at <- putNumber 0L into at
                | JsonTokenType.Null when pending >= 0 -> at <- pending
                | JsonTokenType.Null
                | _ ->
                    at <- put '0'B into at
                    at <- put ':'B into at

            BencodeView.read into 0
        with
        | :? JsonException
        | :? InvalidOperationException ->
            Error { Offset = start + int reader.BytesConsumed; Problem = BencodeProblem.NotJson }

    let rec private writeValue (value: Bencode) (writer: Utf8JsonWriter) : unit =
        match value with
        | Bencode.Number number -> writer.WriteNumberValue number
        | Bencode.Text octets -> writer.WriteStringValue(Encoding.UTF8.GetString octets)
        | Bencode.Items items ->
            writer.WriteStartArray()

            for item in items do
                writeValue item writer

            writer.WriteEndArray()
        | Bencode.Members members ->
            writer.WriteStartObject()

            for key, member' in members do
                writer.WritePropertyName key
                writeValue member' writer

            writer.WriteEndObject()

    /// Appends the value as JSON. Octets of a string that are not UTF-8 are lost.
    let encodeInto (into: ArrayBufferWriter<byte>) (value: Bencode) : unit =
        use writer = new Utf8JsonWriter(into)
        writeValue value writer
        writer.Flush()
