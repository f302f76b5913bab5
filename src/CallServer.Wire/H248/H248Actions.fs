namespace CallServer.Wire

open System

/// What a transaction asks of one context, or what its reply says of one.
[<Struct; NoEquality; NoComparison>]
type H248Action = { Context: H248Context; Commands: H248Part }

/// A command of a request.
[<Struct; NoEquality; NoComparison>]
type H248Command =
    {
        /// AuditValue; any other command is not told apart.
        IsAuditValue: bool
        /// If it fails, the commands after it are carried out all the same: `O-`.
        IsOptional: bool
        /// A termination's id, with wildcards, or `Root`.
        Termination: H248Part
        /// The descriptors that it wants.
        WantsMedia: bool
        WantsStatistics: bool
    }

/// Statistics of a termination that CallServer reads (RFC 3525 annexes E.11 and E.12). What it does not tell, or tells in a way that is no
/// number, is ValueNone.
[<Struct; NoEquality; NoComparison>]
type H248Statistics =
    {
        /// nt/dur, in milliseconds: how long the termination has been in its context.
        Duration: float voption
        /// nt/os and nt/or.
        OctetsSent: float voption
        OctetsReceived: float voption
        /// rtp/ps and rtp/pr.
        PacketsSent: float voption
        PacketsReceived: float voption
        /// rtp/pl, in per cent.
        PacketLoss: float voption
        /// rtp/jit and rtp/delay, in milliseconds.
        Jitter: float voption
        Delay: float voption
    }

/// What a reply says of one termination in a context.
[<Struct; NoEquality; NoComparison>]
type H248Termination =
    {
        Id: H248Part
        /// The code of an error in place of descriptors; 0 if there is none.
        Fault: int
        Statistics: H248Statistics
        /// The body of its Media descriptor, for `H248Media`; empty if it has none.
        Media: H248Part
    }

/// Reads what transactions hold, in place. A reader gives ValueNone where what it reads is no list of items.
module H248Actions =
    open H248Items

    let private contextOf (value: H248Part) : H248Context voption =
        if H248Part.is "-" value then ValueSome H248Context.Null
        elif H248Part.is "$" value then ValueSome H248Context.Choose
        elif H248Part.is "*" value then ValueSome H248Context.All
        else H248Part.tryNumber value |> ValueOption.map H248Context.Numbered

    /// Reads items one after the other. Inlined, so that nothing is made for what is only looked at.
    let inline internal foldItems
        ([<InlineIfLambda>] take: 'State -> H248Item -> 'State)
        (state: 'State)
        (body: H248Part)
        : 'State voption =
        let mutable item = Unchecked.defaultof<H248Item>
        let mutable at = next body.Octets body.Start body.Stop &item
        let mutable state = state

        while at >= 0 do
            state <- take state item
            at <- next body.Octets at body.Stop &item

        if at = End then ValueSome state else ValueNone

    /// The contexts of a request, or of a reply.
    let fold (take: 'State -> H248Action -> 'State) (state: 'State) (actions: H248Part) : 'State voption =
        let takeItem state (item: H248Item) =
            if item.HasBody && H248Part.isToken "Context" "C" item.Name then
                match contextOf item.Value with
                | ValueSome context -> take state { Context = context; Commands = item.Body }
                | ValueNone -> state
            else
                state

        foldItems takeItem state actions

    /// The command without the marks before it: `O-` and `W-`.
    let private bare (name: H248Part) : struct (H248Part * bool) =
        let isMark (letter: byte) (name: H248Part) =
            name.Length > 2
            && (name.Octets[name.Start] ||| 32uy) = letter
            && name.Octets[name.Start + 1] = 45uy

        let isOptional = isMark 111uy name
        let name = if isOptional then { name with Start = name.Start + 2 } else name
        let name = if isMark 119uy name then { name with Start = name.Start + 2 } else name
        struct (name, isOptional)

    let private wanted (command: H248Command) (item: H248Item) : H248Command =
        if H248Part.isToken "Media" "M" item.Name then
            { command with WantsMedia = true }
        elif H248Part.isToken "Statistics" "SA" item.Name then
            { command with WantsStatistics = true }
        else
            command

    /// The commands of one context of a request.
    let foldCommands
        (take: 'State -> H248Command -> 'State)
        (state: 'State)
        (action: H248Action)
        : 'State voption =
        let descriptors (command: H248Command) (item: H248Item) =
            if H248Part.isToken "Audit" "AT" item.Name then
                foldItems wanted command item.Body |> ValueOption.defaultValue command
            else
                command

        let takeItem state (item: H248Item) =
            let struct (name, isOptional) = bare item.Name

            let command =
                { IsAuditValue = H248Part.isToken "AuditValue" "AV" name
                  IsOptional = isOptional
                  Termination = item.Value
                  WantsMedia = false
                  WantsStatistics = false }

            take state (foldItems descriptors command item.Body |> ValueOption.defaultValue command)

        foldItems takeItem state action.Commands

    /// The code of an error that does not say one, or that cannot be read.
    [<Literal>]
    let private Unsaid = 999

    let private noStatistics: H248Statistics =
        { Duration = ValueNone
          OctetsSent = ValueNone
          OctetsReceived = ValueNone
          PacketsSent = ValueNone
          PacketsReceived = ValueNone
          PacketLoss = ValueNone
          Jitter = ValueNone
          Delay = ValueNone }

    let private statistic (known: H248Statistics) (item: H248Item) : H248Statistics =
        let is name = H248Part.is name item.Name

        match H248Part.tryReal item.Value with
        | ValueNone -> known
        | value when is "nt/dur" -> { known with Duration = value }
        | value when is "nt/os" -> { known with OctetsSent = value }
        | value when is "nt/or" -> { known with OctetsReceived = value }
        | value when is "rtp/ps" -> { known with PacketsSent = value }
        | value when is "rtp/pr" -> { known with PacketsReceived = value }
        | value when is "rtp/pl" -> { known with PacketLoss = value }
        | value when is "rtp/jit" -> { known with Jitter = value }
        | value when is "rtp/delay" -> { known with Delay = value }
        | ValueSome _ -> known

    let internal statistics (known: H248Statistics) (body: H248Part) : H248Statistics =
        foldItems statistic known body |> ValueOption.defaultValue known

    /// In version 3 a stream of the Media descriptor may have statistics of its own.
    let private ofStreams (known: H248Statistics) (media: H248Part) : H248Statistics =
        let ofStream (known: H248Statistics) (item: H248Item) =
            if H248Part.isToken "Statistics" "SA" item.Name then
                statistics known item.Body
            else
                known

        let ofMedia (known: H248Statistics) (item: H248Item) =
            if H248Part.isToken "Stream" "ST" item.Name then
                foldItems ofStream known item.Body |> ValueOption.defaultValue known
            else
                ofStream known item

        foldItems ofMedia known media |> ValueOption.defaultValue known

    let private descriptor (told: H248Termination) (item: H248Item) : H248Termination =
        if H248Part.isToken "Statistics" "SA" item.Name then
            { told with Statistics = statistics told.Statistics item.Body }
        elif H248Part.isToken "Media" "M" item.Name then
            { told with Media = item.Body; Statistics = ofStreams told.Statistics item.Body }
        elif H248Part.isToken "Error" "ER" item.Name then
            { told with
                Fault =
                    (match H248Part.tryNumber item.Value with
                     | ValueSome code when code > 0u && code < 1000u -> int code
                     | ValueSome _
                     | ValueNone -> Unsaid) }
        else
            told

    let private named (id: H248Part) : H248Termination =
        { Id = id; Fault = 0; Statistics = noStatistics; Media = { id with Stop = id.Start } }

    /// The names in a contextTerminationAudit.
    let private foldNames
        (take: 'State -> H248Termination -> 'State)
        (state: 'State)
        (body: H248Part)
        : 'State =
        foldItems
            (fun state name ->
                if H248Part.isToken "Error" "ER" name.Name then
                    state
                else
                    take state (named name.Name))
            state
            body
        |> ValueOption.defaultValue state

    let private terminationOf (item: H248Item) : H248Termination =
        foldItems descriptor (named item.Value) item.Body
        |> ValueOption.defaultValue { named item.Value with Fault = Unsaid }

    /// What one context of a reply says: its terminations, and the error that stands in place of them, or after them.
    let foldTerminations
        (take: 'State -> H248Termination -> 'State)
        (state: 'State)
        (action: H248Action)
        : struct ('State * H248Fault voption) voption =
        let mutable failed = Unchecked.defaultof<H248Item>
        let mutable hasFailed = false

        let told =
            foldItems
                (fun state item ->
                    if H248Part.isToken "Error" "ER" item.Name then
                        failed <- item
                        hasFailed <- true
                        state
                    elif not (H248Part.isToken "AuditValue" "AV" item.Name) then
                        state
                    elif H248Part.isToken "Context" "C" item.Value && item.HasBody then
                        foldNames take state item.Body
                    else
                        take state (terminationOf item))
                state
                action.Commands

        match told with
        | ValueSome state ->
            ValueSome(struct (state, (if hasFailed then H248.tryFault &failed else ValueNone)))
        | ValueNone -> ValueNone

    /// Whether the acknowledgement is of this transaction: NUMBER or NUMBER-NUMBER.
    let acknowledges (number: uint32) (numbers: H248Part) : bool =
        let covers acknowledged (item: H248Item) =
            let dash = item.Name.Span.IndexOf 45uy

            let struct (first, last) =
                if dash < 0 then
                    struct (item.Name, item.Name)
                else
                    struct ({ item.Name with Stop = item.Name.Start + dash },
                            { item.Name with Start = item.Name.Start + dash + 1 })

            match H248Part.tryNumber first, H248Part.tryNumber last with
            | ValueSome first, ValueSome last -> acknowledged || (first <= number && number <= last)
            | _ -> acknowledged

        foldItems covers false numbers |> ValueOption.defaultValue false
