namespace CallServer.Wire

open System

/// Reads H.248 messages in the text encoding, versions 1 to 3 (RFC 3525 annex B; H.248.1 annex B). What stands in transactions is read in
/// place by `H248Actions`, so that a message takes hardly more memory than its octets.
module H248 =
    open H248Items

    /// The most transactions in one message. No real sender reaches this.
    [<Literal>]
    let private MaxTransactions = 256

    let private fail offset problem transaction : Result<'T, H248Error> =
        Error { Offset = offset; Problem = problem; Transaction = transaction }

    let private is long short (item: inref<H248Item>) : bool = H248Part.isToken long short item.Name

    /// NUMBER[/SEGMENT[/END]], as one value.
    let private numbersOf (value: H248Part) : struct (uint32 voption * int * bool) =
        let slash = value.Span.IndexOf 47uy

        if slash < 0 then
            struct (H248Part.tryNumber value, 0, false)
        else
            let number = H248Part.tryNumber { value with Stop = value.Start + slash }
            let rest = { value with Start = value.Start + slash + 1 }
            let second = rest.Span.IndexOf 47uy

            let segment = if second < 0 then rest else { rest with Stop = rest.Start + second }

            let isLast =
                second >= 0 && H248Part.isToken "END" "&" { rest with Start = rest.Start + second + 1 }

            match H248Part.tryNumber segment with
            | ValueSome segment when segment >= 1u && segment <= 65535u ->
                struct (number, int segment, isLast)
            | ValueSome _
            | ValueNone -> struct (ValueNone, 0, false)

    /// What stands between the quotation marks in a body; all of it if there are none.
    let private quotedIn (body: H248Part) : H248Part =
        let start = skip body.Octets body.Start body.Stop

        if start < body.Stop && body.Octets[start] = 34uy then
            match Array.IndexOf(body.Octets, 34uy, start + 1, body.Stop - start - 1) with
            | -1 -> { body with Start = start + 1 }
            | stop -> { body with Start = start + 1; Stop = stop }
        else
            H248Part.trim body

    /// errorDescriptor = ErrorToken EQUAL ErrorCode LBRKT [quotedString] RBRKT
    let private faultOf (item: inref<H248Item>) : H248Fault =
        { Code =
            (match H248Part.tryNumber item.Value with
             | ValueSome code when code <= 65535u -> int code
             | ValueSome _
             | ValueNone -> 0)
          Text = string (quotedIn item.Body) }

    /// The error descriptor of an item, if it is one.
    let internal tryFault (item: inref<H248Item>) : H248Fault voption =
        if is "Error" "ER" &item then ValueSome(faultOf &item) else ValueNone

    /// What stands at the beginning of a reply: whether it is to be acknowledged, and whether it is nothing but an error.
    let private beginningOf (body: H248Part) : struct (bool * H248Fault voption) =
        let mutable item = Unchecked.defaultof<H248Item>
        let mutable at = next body.Octets body.Start body.Stop &item

        let wants = at >= 0 && is "ImmAckRequired" "IA" &item

        if wants then
            at <- next body.Octets at body.Stop &item

        struct (wants, (if at >= 0 then tryFault &item else ValueNone))

    let private transactionOf (item: inref<H248Item>) : H248Transaction voption =
        let struct (number, segment, isLast) = numbersOf item.Value

        match number with
        | _ when is "TransactionResponseAck" "K" &item && item.HasBody ->
            ValueSome(H248Transaction.Acknowledgement item.Body)
        | ValueNone
        | ValueSome 0u -> ValueNone
        | ValueSome number when is "Transaction" "T" &item && item.HasBody ->
            ValueSome(H248Transaction.Request(number, item.Body))
        | ValueSome number when is "Reply" "P" &item && item.HasBody ->
            let struct (wants, fault) = beginningOf item.Body

            ValueSome(
                H248Transaction.Reply
                    { Transaction = number
                      Segment = segment
                      IsLast = isLast
                      WantsAcknowledgement = wants
                      Fault = fault
                      Actions = item.Body }
            )
        | ValueSome number when is "Pending" "PN" &item -> ValueSome(H248Transaction.Pending number)
        | ValueSome number when is "Segment" "SM" &item ->
            ValueSome(H248Transaction.SegmentArrived(number, segment, isLast))
        | ValueSome _ -> ValueNone

    /// The number that the transaction says which begins here, whole or not.
    let private numberAt (octets: byte[]) (at: int) : uint32 =
        let equals = Array.IndexOf(octets, 61uy, at, min 64 (octets.Length - at))

        if equals < 0 then
            0u
        else
            let start = skip octets (equals + 1) octets.Length
            let mutable stop = start

            while stop < octets.Length && octets[stop] >= 48uy && octets[stop] <= 57uy do
                stop <- stop + 1

            H248Part.tryNumber (part octets start stop) |> ValueOption.defaultValue 0u

    let private transactions (octets: byte[]) (start: int) : Result<H248Body, H248Error> =
        let found = ResizeArray<H248Transaction>()
        let mutable item = Unchecked.defaultof<H248Item>

        let mutable at = next octets start octets.Length &item
        let mutable from = start
        let mutable outcome = ValueNone

        while outcome.IsNone do
            if at = End && found.Count = 0 then
                outcome <- ValueSome(fail from H248Problem.NoBody 0u)
            elif at = End then
                outcome <- ValueSome(Ok(H248Body.Transactions(found.ToArray())))
            elif at < 0 then
                outcome <- ValueSome(fail from H248Problem.Unclosed (numberAt octets from))
            elif found.Count = MaxTransactions then
                outcome <- ValueSome(fail from H248Problem.TooManyTransactions 0u)
            else
                match tryFault &item, transactionOf &item with
                | ValueSome fault, _ when found.Count = 0 -> outcome <- ValueSome(Ok(H248Body.Fault fault))
                | _, ValueSome transaction ->
                    found.Add transaction
                    from <- at
                    at <- next octets at octets.Length &item
                | _, ValueNone -> outcome <- ValueSome(fail from H248Problem.BadTransaction 0u)

        outcome.Value

    /// Past `MEGACO/` or `!/`, and past an authentication header before it; -1 if there is none.
    let rec private pastName (octets: byte[]) (at: int) (mayBeSigned: bool) : int =
        let start = skip octets at octets.Length
        let slash = Array.IndexOf(octets, 47uy, start, min 16 (octets.Length - start))

        if slash > start && H248Part.isToken "MEGACO" "!" (part octets start slash) then
            slash + 1
        elif mayBeSigned then
            // Authentication = 0xSPI:0xSEQ:0xDATA
            let mutable item = Unchecked.defaultof<H248Item>
            let after = next octets start octets.Length &item

            if after > 0 && is "Authentication" "AU" &item then
                pastName octets after false
            else
                -1
        else
            -1

    /// Where the sender's name ends: at a blank, or at what cannot be a part of it.
    let private senderEnd (octets: byte[]) (start: int) : int =
        let mutable at = start

        while at < octets.Length && not (H248Part.isBlank octets[at]) && octets[at] <> 59uy do
            at <- at + 1

        at

    /// Reads a message, or says where it cannot be read.
    let decode (octets: byte[]) : Result<H248Message, H248Error> =
        let version = pastName octets 0 true
        let mutable digits = version

        while digits > 0 && digits < octets.Length && octets[digits] >= 48uy && octets[digits] <= 57uy do
            digits <- digits + 1

        match
            (if version < 0 then
                 ValueNone
             else
                 H248Part.tryNumber (part octets version digits))
        with
        | ValueSome number when number >= 1u && number <= 99u ->
            let sender = skip octets digits octets.Length
            let stop = senderEnd octets sender

            if stop = sender || stop - sender > 512 || sender = digits then
                fail sender H248Problem.NoSender 0u
            else
                transactions octets stop
                |> Result.map (fun body ->
                    { Version = int number; Sender = string (part octets sender stop); Body = body })
        | ValueSome _
        | ValueNone -> fail 0 H248Problem.NotMegaco 0u
