namespace CallServer.Wire

open System
open System.Text

/// Reads lines by their offsets in a datagram, so that the memory cost is known before anything is allocated.
module internal MgcpLines =
    /// Codes that share one string across all messages.
    let private codes =
        [| "Z"
           "I"
           "C"
           "N"
           "L"
           "M"
           "P"
           "F"
           "K"
           "PL"
           "B"
           "A"
           "T"
           "D"
           "ES"
           "MD"
           "O"
           "Q"
           "E"
           "R"
           "X"
           "RD"
           "RM"
           "I2"
           "Z2"
           "S"
           "RC"
           "LC"
           "BA/F"
           "BA/SE"
           "BA/NU"
           "BA/Z"
           "BA/X"
           "BA/EL"
           "BA/C"
           "BA/M"
           "BA/S"
           "BA/NE" |]

    let isBlank (octet: byte) = octet = 32uy || octet = 9uy

    let text (octets: byte[]) (start: int) (stop: int) : string =
        if stop <= start then
            ""
        else
            Encoding.Latin1.GetString(octets, start, stop - start)

    let rec skipBlanks (octets: byte[]) (at: int) (stop: int) : int =
        if at < stop && isBlank octets[at] then skipBlanks octets (at + 1) stop else at

    let rec wordEnd (octets: byte[]) (at: int) (stop: int) : int =
        if at < stop && not (isBlank octets[at]) then
            wordEnd octets (at + 1) stop
        else
            at

    let rec private trimEnd (octets: byte[]) (start: int) (stop: int) : int =
        if stop > start && isBlank octets[stop - 1] then
            trimEnd octets start (stop - 1)
        else
            stop

    /// Where the line ends, without its CR, LF and trailing blanks, and where the next one begins.
    let lineFrom (octets: byte[]) (start: int) (limit: int) : struct (int * int) =
        let feed = Array.IndexOf(octets, 10uy, start, limit - start)
        let stop = if feed < 0 then limit else feed
        let next = if feed < 0 then limit else feed + 1
        let stop = if stop > start && octets[stop - 1] = 13uy then stop - 1 else stop
        struct (trimEnd octets start stop, next)

    let isEmpty (octets: byte[]) (start: int) (stop: int) = skipBlanks octets start stop = stop

    let isDigit (octet: byte) = octet >= 48uy && octet <= 57uy

    /// Reads a word that is a number of at most this many digits; -1 if it is anything else.
    let number (digits: int) (octets: byte[]) (start: int) (stop: int) : int =
        let rec read at value =
            if at = stop then value
            elif isDigit octets[at] then read (at + 1) (value * 10 + int octets[at] - 48)
            else -1

        if stop <= start || stop - start > digits then -1 else read start 0

    let private upper (octet: byte) = if octet >= 97uy && octet <= 122uy then octet - 32uy else octet

    let isCode (octets: byte[]) (start: int) (stop: int) (code: string) : bool =
        let rec same index =
            index = code.Length || (byte code[index] = upper octets[start + index] && same (index + 1))

        stop - start = code.Length && same 0

    let rec private knownCode (octets: byte[]) (start: int) (stop: int) (index: int) : int =
        if index = codes.Length then -1
        elif isCode octets start stop codes[index] then index
        else knownCode octets start stop (index + 1)

    /// The offset of the colon that ends the code; -1 if the line is not a parameter.
    let private colonOf (octets: byte[]) (start: int) (stop: int) : int =
        let colon = Array.IndexOf(octets, 58uy, start, stop - start)
        if colon > skipBlanks octets start stop then colon else -1

    /// The most octets that a string of this many characters takes on the heap.
    let stringCost (length: int) = if length <= 0 then 0 else 32 + 2 * length

    /// The octets that the parameter would take on the heap, including 16 for its place in the array.
    let private parameterCost (octets: byte[]) (start: int) (colon: int) (stop: int) : int =
        let codeStart = skipBlanks octets start colon
        let codeStop = trimEnd octets codeStart colon
        let value = skipBlanks octets (colon + 1) stop

        let code =
            if knownCode octets codeStart codeStop 0 >= 0 then
                0
            else
                2 * stringCost (codeStop - codeStart)

        16 + code + stringCost (stop - value)

    let private parameterAt (octets: byte[]) (start: int) (colon: int) (stop: int) : MgcpParameter =
        let codeStart = skipBlanks octets start colon
        let codeStop = trimEnd octets codeStart colon
        let value = skipBlanks octets (colon + 1) stop

        let code =
            match knownCode octets codeStart codeStop 0 with
            | -1 -> (text octets codeStart codeStop).ToUpperInvariant()
            | index -> codes[index]

        { Code = code; Value = text octets value stop }

    /// Where the parameters end, and how many there are. `Cost` covers them and everything after them.
    [<Struct>]
    type Extent = { End: int; Count: int; Cost: int; Bad: int }

    let measure (octets: byte[]) (start: int) (limit: int) : Extent =
        let rec go at count cost bad =
            if at >= limit then
                { End = at; Count = count; Cost = cost; Bad = bad }
            else
                let struct (stop, next) = lineFrom octets at limit

                if isEmpty octets at stop then
                    { End = next; Count = count; Cost = cost + stringCost (limit - next) + 256; Bad = bad }
                else
                    match colonOf octets at stop with
                    | -1 -> go next count cost (if bad < 0 then at else bad)
                    | colon -> go next (count + 1) (cost + parameterCost octets at colon stop) bad

        go start 0 0 -1

    let parameters (octets: byte[]) (start: int) (extent: Extent) : MgcpParameter[] =
        let found = Array.zeroCreate extent.Count
        let mutable at = start
        let mutable index = 0

        while index < extent.Count do
            let struct (stop, next) = lineFrom octets at extent.End

            match colonOf octets at stop with
            | -1 -> ()
            | colon ->
                found[index] <- parameterAt octets at colon stop
                index <- index + 1

            at <- next

        found

    /// The most session descriptions to read. Whatever follows belongs to the last one.
    [<Literal>]
    let private MaxSessions = 8

    /// Reads the session descriptions. Each begins with `v=`, usually after an empty line.
    let sessions (octets: byte[]) (start: int) (limit: int) : string[] =
        let found = ResizeArray<string>()

        let keep from until =
            if not (isEmpty octets from until) then
                found.Add(text octets from until)

        // `from` is where the description begins, `until` where its last line that is not empty ends.
        let rec go at from until =
            if at >= limit then
                keep from until
            else
                let struct (stop, next) = lineFrom octets at limit

                let begins =
                    stop - at >= 2
                    && octets[at] = 118uy
                    && octets[at + 1] = 61uy
                    && found.Count < MaxSessions - 1

                if isEmpty octets at stop then
                    go next from until
                elif begins then
                    keep from until
                    go next at next
                else
                    go next from next

        go start start start
        found.ToArray()
