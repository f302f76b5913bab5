namespace CallServer.Wire

open System
open System.Buffers
open System.Text

/// Prepares a dialog-info body for the XML reader: mends what products write that no XML reader accepts, and
/// refuses what would take too much memory.
module internal DialogInfoText =
    /// The most attributes of one element.
    [<Literal>]
    let private MaxAttributes = 64

    /// Elements and attributes that a document of any size may have; beyond these, each one needs a certain
    /// number of octets. An honest dialog has some thirty octets per element.
    [<Literal>]
    let private FreeNames = 400

    [<Literal>]
    let private OctetsPerName = 14

    /// What Windows-1252 has in the place of ISO-8859-1's control characters, 128 to 159.
    let private windows =
        "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f"
        + "\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178"

    let private isOneOctet (charset: string) : bool voption =
        match charset.Trim().ToLowerInvariant() with
        | "iso-8859-1"
        | "iso8859-1"
        | "iso_8859-1"
        | "latin1"
        | "latin-1" -> ValueSome false
        | "windows-1252"
        | "cp1252" -> ValueSome true
        | _ -> ValueNone

    /// The encoding that the XML declaration names. The declaration is in the first octets, which are ASCII
    /// in all encodings read here.
    let private declared (octets: byte[]) : string voption =
        let head = Encoding.Latin1.GetString(octets, 0, min 200 octets.Length)
        let stop = head.IndexOf "?>"
        let name = if stop < 0 then -1 else head.IndexOf("encoding", 0, stop)

        if name < 0 then
            ValueNone
        else
            match head.Substring(name + 8, stop - name - 8).Split([| '"'; '\'' |]) with
            | parts when parts.Length > 2 && parts[0].Trim() = "=" -> ValueSome parts[1]
            | _ -> ValueNone

    /// From a charset with one octet per character to UTF-8.
    let private widened (isWindows: bool) (octets: byte[]) : byte[] =
        let text = Encoding.Latin1.GetString octets

        Encoding.UTF8.GetBytes(
            if isWindows then
                text
                |> String.map (fun c -> if c >= '\u0080' && c <= '\u009f' then windows[int c - 128] else c)
            else
                text
        )

    /// The document in UTF-8, whatever it declares. We believe a declaration only if it names a charset with
    /// one octet per character: a document that declares utf-16 but has no byte order mark is UTF-8 in practice.
    let private inUtf8 (charset: string voption) (octets: byte[]) : byte[] =
        let isMarked first second = octets.Length > 1 && octets[0] = first && octets[1] = second

        if isMarked 0xFFuy 0xFEuy then
            Encoding.UTF8.GetBytes(Encoding.Unicode.GetString(octets, 2, octets.Length - 2))
        elif isMarked 0xFEuy 0xFFuy then
            Encoding.UTF8.GetBytes(Encoding.BigEndianUnicode.GetString(octets, 2, octets.Length - 2))
        elif isMarked 0xEFuy 0xBBuy then
            octets
        else
            let named = if charset.IsSome then charset else declared octets

            match named |> ValueOption.bind isOneOctet with
            | ValueSome isWindows when octets |> Array.exists (fun octet -> octet > 127uy) ->
                widened isWindows octets
            | ValueSome _
            | ValueNone -> octets

    let private indexOf (wanted: byte[]) (octets: byte[]) (from: int) : int =
        match octets.AsSpan(from).IndexOf(ReadOnlySpan wanted) with
        | -1 -> -1
        | at -> from + at

    let private hexadecimal = SearchValues.Create "0123456789abcdefABCDEF"B
    let private numbered = "#x"B
    let private entities = [| "amp"B; "lt"B; "gt"B; "quot"B; "apos"B |]

    let rec private isEntity (name: ReadOnlySpan<byte>) (known: int) : bool =
        known < entities.Length
        && (name.SequenceEqual(ReadOnlySpan entities[known]) || isEntity name (known + 1))

    /// Whether a reference that any XML reader knows begins at this ampersand (XML 1.0 §4.1, §4.6).
    let private isReference (octets: byte[]) (at: int) : bool =
        let rest = ReadOnlySpan<byte>(octets, at + 1, min 11 (octets.Length - at - 1))

        match rest.IndexOf 59uy with
        | length when length < 2 -> false
        | length ->
            let name = rest.Slice(0, length)

            if name.StartsWith(ReadOnlySpan numbered) then
                length > 2 && name.Slice(2).IndexOfAnyExcept hexadecimal < 0
            elif name[0] = 35uy then
                name.Slice(1).IndexOfAnyExceptInRange(48uy, 57uy) < 0
            else
                isEntity name 0

    let private startsAt (wanted: byte[]) (octets: byte[]) (at: int) : bool =
        octets.AsSpan(at).StartsWith(ReadOnlySpan wanted)

    let private cdata = "<![CDATA["B
    let private cdataEnd = "]]>"B
    let private comment = "<!--"B
    let private commentEnd = "-->"B

    /// Where the CDATA section or comment that begins at this octet ends, or the end of the document if it
    /// does not end; the next octet if none begins here. Nothing within one is a reference.
    let private afterSection (octets: byte[]) (at: int) : int =
        let after (ending: byte[]) =
            match indexOf ending octets at with
            | -1 -> octets.Length
            | stop -> stop + ending.Length

        if startsAt cdata octets at then after cdataEnd
        elif startsAt comment octets at then after commentEnd
        else at + 1

    let private quoteTypo = "&quote;"B
    let private quoteMeant = "&quot;"B
    let private ampersand = "&amp;"B

    /// Where ampersands begin no reference; stops when it has found one more than `most`.
    let private bare (most: int) (octets: byte[]) (start: int) : ResizeArray<int> =
        let found = ResizeArray<int>()
        let mutable at = start

        while at >= 0 && at < octets.Length && found.Count <= most do
            match octets.AsSpan(at).IndexOfAny(38uy, 60uy) with
            | -1 -> at <- -1
            | offset ->
                at <- at + offset

                if octets[at] = 38uy then
                    if not (isReference octets at) then
                        found.Add at

                    at <- at + 1
                else
                    at <- afterSection octets at

        found

    /// Escapes ampersands that begin no reference and so mean themselves: FreeSWITCH writes a display name
    /// unescaped ("AT&T"). `&quote;` is RFC 4235 §4.1.1's typo for `&quot;`, which some stacks
    /// copied. If there are more of them than an honest document of this size has, they stay, and the
    /// document is not well-formed.
    let private withReferences (octets: byte[]) (start: int) : struct (byte[] * int) =
        let most = FreeNames + (octets.Length - start) / OctetsPerName
        let bare = bare most octets start

        if bare.Count = 0 || bare.Count > most then
            struct (octets, start)
        else
            let made = Array.zeroCreate (octets.Length - start + 4 * bare.Count)
            let mutable from = start
            let mutable length = 0

            let inline put (source: byte[]) first count =
                Array.blit source first made length count
                length <- length + count

            for at in bare do
                put octets from (at - from)

                if startsAt quoteTypo octets at then
                    put quoteMeant 0 quoteMeant.Length
                    from <- at + quoteTypo.Length
                else
                    put ampersand 0 ampersand.Length
                    from <- at + 1

            put octets from (octets.Length - from)
            struct (Array.sub made 0 length, 0)

    let private isBlank (octet: byte) = octet = 32uy || (octet >= 9uy && octet <= 13uy)

    /// UTF-8 without a byte order mark or blanks before the XML declaration, and where it begins. The charset
    /// is the one that Content-Type names.
    let clean (charset: string voption) (octets: byte[]) : struct (byte[] * int) =
        let octets = inUtf8 charset octets
        let mutable start = if startsAt [| 0xEFuy; 0xBBuy; 0xBFuy |] octets 0 then 3 else 0

        while start < octets.Length && isBlank octets[start] do
            start <- start + 1

        withReferences octets start

    /// Whether the body holds nothing but blanks.
    let isEmpty (octets: byte[]) : bool =
        let struct (clean, start) = clean ValueNone octets
        start = clean.Length

    /// The octet at which the document has too many names; -1 if it does not. A `<` may not stand in an
    /// attribute's value, so each `<` begins a tag. This is checked first because an XML reader keeps
    /// something for every attribute of a tag before it looks whether the attribute may be there.
    let tooDense (octets: byte[]) (start: int) : int =
        let most = FreeNames + (octets.Length - start) / OctetsPerName
        let mutable names = 0
        let mutable attributes = 0
        let mutable at = start
        let mutable wrong = -1

        while wrong < 0 && at < octets.Length do
            match octets[at] with
            | 60uy ->
                attributes <- 0

                if at + 1 < octets.Length && octets[at + 1] <> 47uy then
                    names <- names + 1
            | 34uy
            | 39uy ->
                let mutable before = at - 1

                while before > start
                      && (octets[before] = 32uy || (octets[before] >= 9uy && octets[before] <= 13uy)) do
                    before <- before - 1

                if before > start && octets[before] = 61uy then
                    names <- names + 1
                    attributes <- attributes + 1
            | _ -> ()

            if names > most || attributes > MaxAttributes then
                wrong <- at

            at <- at + 1

        wrong
