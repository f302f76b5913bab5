namespace CallServer.Wire

open System
open System.Text

/// A dialog-info body before it is read as XML: what products write that no XML reader takes is mended, and
/// what would cost too much memory is refused.
module internal DialogInfoText =
    /// Attributes of one element.
    [<Literal>]
    let private MaxAttributes = 64

    /// Elements and attributes that a document of any size may have, and the octets that each one more has to
    /// bring: an honest dialog has some thirty an element.
    [<Literal>]
    let private FreeNames = 400

    [<Literal>]
    let private OctetsPerName = 14

    let private quoteTypo = "&quote;"B

    /// The entity of RFC 4235 §4.1.1's typing error, which some stacks copied, as the one that was meant.
    let private withoutQuote (octets: byte[]) (start: int) : struct (byte[] * int) =
        let next from = ReadOnlySpan<byte>(octets, from, octets.Length - from).IndexOf(ReadOnlySpan quoteTypo)

        if next start < 0 then
            struct (octets, start)
        else
            let mended = Array.zeroCreate (octets.Length - start)
            let mutable from = start
            let mutable length = 0
            let mutable found = next from

            while found >= 0 do
                // `&quot` stays, the `e` goes, the `;` comes with the rest.
                Array.blit octets from mended length (found + 5)
                length <- length + found + 5
                from <- from + found + 6
                found <- next from

            Array.blit octets from mended length (octets.Length - from)
            struct (Array.sub mended 0 (length + octets.Length - from), 0)

    /// UTF-8 without a byte order mark or blanks before the XML declaration, and where it begins. The
    /// declaration's encoding is not believed: UTF-8 bodies declare utf-16 in the field.
    let clean (octets: byte[]) : struct (byte[] * int) =
        let octets =
            if octets.Length >= 2 && octets[0] = 0xFFuy && octets[1] = 0xFEuy then
                Encoding.UTF8.GetBytes(Encoding.Unicode.GetString(octets, 2, octets.Length - 2))
            elif octets.Length >= 2 && octets[0] = 0xFEuy && octets[1] = 0xFFuy then
                Encoding.UTF8.GetBytes(Encoding.BigEndianUnicode.GetString(octets, 2, octets.Length - 2))
            else
                octets

        let isMark = octets.Length >= 3 && octets[0] = 0xEFuy && octets[1] = 0xBBuy && octets[2] = 0xBFuy

        let mutable start = if isMark then 3 else 0

        while start < octets.Length
              && (octets[start] = 32uy || (octets[start] >= 9uy && octets[start] <= 13uy)) do
            start <- start + 1

        withoutQuote octets start

    /// Nothing but blanks.
    let isEmpty (octets: byte[]) : bool =
        let struct (clean, start) = clean octets
        start = clean.Length

    /// The octet from which on the document has too many names; -1 where it has not. No `<` may stand in an
    /// attribute's value, so that what follows one up to the next is one tag and text: an XML reader keeps
    /// something for each attribute of a tag before it looks whether it may be there.
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
