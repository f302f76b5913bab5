namespace CallServer.Gateway

open System

/// Writes the numbers of an SNMPv2c message as careless agents do: net-snmp accepts them, a strict reader does not. INTEGERs
/// begin with needless 0x00 or 0xFF octets, and unsigned numbers of 2^31 and more lack their leading zero.
module internal OddNumbers =
    let private withLength (tag: byte) (content: byte[]) : byte[] =
        let length = content.Length

        let header =
            if length < 0x80 then [| tag; byte length |]
            elif length < 0x100 then [| tag; 0x81uy; byte length |]
            else [| tag; 0x82uy; byte (length >>> 8); byte length |]

        Array.append header content

    /// Where an element's content begins, and its length. We wrote the message, so it is well-formed.
    let private extent (octets: byte[]) (at: int) : struct (int * int) =
        match int octets[at + 1] with
        | length when length < 0x80 -> struct (at + 2, length)
        | form ->
            let count = form &&& 0x7F
            let mutable length = 0

            for place in 1..count do
                length <- (length <<< 8) ||| int octets[at + 1 + place]

            struct (at + 2 + count, length)

    let private integer (content: byte[]) : byte[] =
        let sign = if content[0] >= 0x80uy then 0xFFuy else 0uy
        if content.Length <= 6 then Array.append [| sign; sign |] content else content

    let private unsigned (content: byte[]) : byte[] =
        if content.Length > 1 && content[0] = 0uy then Array.tail content
        elif content.Length < 4 then Array.append [| 0uy |] content
        else content

    /// The elements from this octet to the end, rewritten.
    let rec private elements (octets: byte[]) (from: int) (until: int) : byte[] =
        let written = Collections.Generic.List<byte>()
        let mutable at = from

        while at < until do
            let struct (content, length) = extent octets at
            written.AddRange(element octets[at] octets content length)
            at <- content + length

        written.ToArray()

    and private element (tag: byte) (octets: byte[]) (content: int) (length: int) : byte[] =
        match tag with
        | 0x30uy
        | 0xA2uy
        | 0xA8uy -> withLength tag (elements octets content (content + length))
        | 0x02uy -> withLength tag (integer (Array.sub octets content length))
        | 0x41uy
        | 0x42uy
        | 0x43uy
        | 0x46uy -> withLength tag (unsigned (Array.sub octets content length))
        | _ -> withLength tag (Array.sub octets content length)

    /// Rewrites a whole message of SNMPv2c, at most 64 KiB.
    let rewrite (message: byte[]) : byte[] = elements message 0 message.Length
