namespace CallServer.Wire

open System

/// An item: NAME[=VALUE][{BODY}]. All of the text encoding is made of these.
[<Struct; NoEquality; NoComparison>]
type internal H248Item =
    {
        Name: H248Part
        /// Empty if there is none. With its quotation marks or brackets.
        Value: H248Part
        /// What stands between the braces; empty if there are none.
        Body: H248Part
        HasBody: bool
    }

/// Reads items in place.
module internal H248Items =
    let inline private isBlank (octet: byte) = H248Part.isBlank octet

    let rec private lineEnd (octets: byte[]) (at: int) (stop: int) : int =
        if at >= stop || octets[at] = 10uy || octets[at] = 13uy then
            at
        else
            lineEnd octets (at + 1) stop

    /// LWSP = *( WSP / COMMENT / EOL ): a comment goes from a semicolon to the end of the line.
    let rec skip (octets: byte[]) (at: int) (stop: int) : int =
        if at >= stop then stop
        elif isBlank octets[at] then skip octets (at + 1) stop
        elif octets[at] = 59uy then skip octets (lineEnd octets at stop) stop
        else at

    /// LWSP and commas. Transactions stand side by side without any.
    let rec private skipCommas (octets: byte[]) (at: int) (stop: int) : int =
        let next = skip octets at stop

        if next < stop && octets[next] = 44uy then
            skipCommas octets (next + 1) stop
        else
            next

    /// Whether the octet ends a name: blank ; " { } = ,
    let private endsName (octet: byte) : bool =
        isBlank octet
        || octet = 59uy
        || octet = 34uy
        || octet = 123uy
        || octet = 125uy
        || octet = 61uy
        || octet = 44uy

    let rec private nameEnd (octets: byte[]) (at: int) (stop: int) : int =
        if at < stop && not (endsName octets[at]) then
            nameEnd octets (at + 1) stop
        else
            at

    /// A value may hold equals signs.
    let rec private valueEnd (octets: byte[]) (at: int) (stop: int) : int =
        if at < stop && (octets[at] = 61uy || not (endsName octets[at])) then
            valueEnd octets (at + 1) stop
        else
            at

    let part (octets: byte[]) (start: int) (stop: int) : H248Part =
        { Octets = octets; Start = start; Stop = stop }

    /// Local and Remote hold an octet string: session descriptions, in which quotation marks and semicolons mean nothing here.
    let private holdsText (name: H248Part) : bool =
        H248Part.isToken "Local" "L" name || H248Part.isToken "Remote" "R" name

    /// Where the octet string from here on ends: nonEscapeChar = ( "\}" / %x01-7C / %x7E-FF ). -1 if nothing ends it.
    let rec private textEnd (octets: byte[]) (at: int) (stop: int) : int =
        if at >= stop then
            -1
        elif octets[at] = 125uy then
            at
        elif octets[at] = 92uy && at + 1 < stop && octets[at + 1] = 125uy then
            textEnd octets (at + 2) stop
        else
            textEnd octets (at + 1) stop

    /// Past the quoted string that begins here; -1 if nothing ends it.
    let private quotedEnd (octets: byte[]) (at: int) (stop: int) : int =
        match Array.IndexOf(octets, 34uy, at + 1, stop - at - 1) with
        | -1 -> -1
        | quote -> quote + 1

    /// Where the braces close whose body begins here; -1 if they do not.
    let private bodyEnd (octets: byte[]) (start: int) (stop: int) : int =
        // The name before the next brace; none after an equals sign.
        let rec go at depth (from: int) (until: int) (isName: bool) =
            if at < 0 || at >= stop then
                -1
            else
                match octets[at] with
                | 34uy -> go (quotedEnd octets at stop) depth at at false
                | 59uy -> go (lineEnd octets at stop) depth from until isName
                | 44uy -> go (at + 1) depth (at + 1) (at + 1) true
                | 61uy -> go (at + 1) depth at at false
                | 125uy -> if depth = 0 then at else go (at + 1) (depth - 1) (at + 1) (at + 1) true
                | 123uy when isName && holdsText (part octets from until) ->
                    match textEnd octets (at + 1) stop with
                    | -1 -> -1
                    | close -> go (close + 1) depth (close + 1) (close + 1) true
                | 123uy -> go (at + 1) (depth + 1) (at + 1) (at + 1) true
                | octet when isBlank octet -> go (at + 1) depth from until isName
                // A name ends where a blank follows it: another one begins here.
                | _ when until < at -> go (at + 1) depth at (at + 1) isName
                | _ -> go (at + 1) depth from (at + 1) isName

        go start 0 start start true

    /// Past the brackets that open here; -1 if they do not close.
    let private bracketEnd (octets: byte[]) (at: int) (stop: int) : int =
        match Array.IndexOf(octets, 93uy, at, stop - at) with
        | -1 -> -1
        | close -> close + 1

    /// Where a value ends that begins here; -1 if nothing closes it.
    let private tryValueEnd (octets: byte[]) (at: int) (stop: int) : int =
        if at >= stop then
            at
        else
            match octets[at] with
            | 34uy -> quotedEnd octets at stop
            | 91uy -> bracketEnd octets at stop
            | 123uy ->
                match bodyEnd octets (at + 1) stop with
                | -1 -> -1
                | close -> close + 1
            | _ -> valueEnd octets at stop

    /// No item follows.
    [<Literal>]
    let End = -1

    /// What follows is no item, or nothing closes it.
    [<Literal>]
    let NoItem = -2

    /// Reads the next item between these offsets. Returns where to go on, or `End`, or `NoItem`.
    let next (octets: byte[]) (at: int) (stop: int) (item: byref<H248Item>) : int =
        let start = skipCommas octets at stop

        if start >= stop then
            End
        else
            let nameStop = nameEnd octets start stop
            let name = part octets start nameStop
            let after = skip octets nameStop stop
            let hasValue = after < stop && octets[after] = 61uy
            let valueStart = if hasValue then skip octets (after + 1) stop else after
            let valueStop = if hasValue then tryValueEnd octets valueStart stop else after

            if nameStop = start || valueStop < 0 then
                NoItem
            else
                let opening = skip octets valueStop stop
                let hasBody = opening < stop && octets[opening] = 123uy

                let close =
                    if not hasBody then valueStop
                    elif not hasValue && holdsText name then textEnd octets (opening + 1) stop
                    else bodyEnd octets (opening + 1) stop

                if close < 0 then
                    NoItem
                else
                    item <-
                        { Name = name
                          Value = part octets valueStart valueStop
                          Body =
                            (if hasBody then part octets (opening + 1) close else part octets close close)
                          HasBody = hasBody }

                    if hasBody then close + 1 else valueStop
