namespace CallServer.Gateway

open System
open System.Text
open CallServer.Model
open CallServer.Wire

/// What kind of H.248 gateway to simulate.
type H248Options =
    {
        /// Its own name, as messages write it.
        Sender: string
        /// How long after TransactionPending the reply follows.
        Execution: TimeSpan
        Vices: H248Vices
    }

module H248Options =
    let standard: H248Options =
        { Sender = "<gw.example.net>"
          Execution = TimeSpan.FromMilliseconds 300.0
          Vices = H248Vices.none }

/// A reply that is repeated until it is acknowledged.
[<NoComparison>]
type private Awaited = { Peer: string; Datagrams: byte[] list; Due: Instant; Sent: int }

[<NoComparison; ReferenceEquality>]
type private H248State =
    {
        Options: H248Options
        /// The answers of the last 30 s by transaction id.
        Answered: Map<uint32, struct (Instant * byte[] list)>
        Awaited: Map<uint32, Awaited>
        /// The numbers of datagrams, transactions and answers so far.
        Datagrams: int
        Heard: int
        Answers: int
    }

// What comes in                            What the gateway does
// a transaction with an unknown id         carries it out; answers; remembers the answer for 30 s
//   if it is slow                          TransactionPending now, the reply later, repeated until it is acknowledged
// a transaction with a remembered id       the same answer again
// TransactionResponseAck                   stops repeating those replies
// a message that cannot be read            400 for the message
// anything else                            nothing
// Tick                                     repeats what is due
// Restarted                                forgets everything

/// A media gateway that speaks H.248 in text (RFC 3525 and H.248.1 version 3), over a table that it does not own. It answers AuditValue.
module H248Responder =
    /// How long answers are remembered: LONG-TIMER (RFC 3525 annex D.1.1).
    let private history = TimeSpan.FromSeconds 30.0

    /// How long after a reply it is repeated, and how often it is sent.
    let private repetition = TimeSpan.FromSeconds 4.0

    [<Literal>]
    let private MostSent = 3

    let private style (version: int) (state: H248State) : H248Style =
        { Version = version
          Sender = state.Options.Sender
          IsLong = not state.Options.Vices.Short
          IsPretty = state.Options.Vices.Pretty }

    let private fault (code: int) : H248Fault = { Code = code; Text = "" }

    let private failed (context: H248Context) (code: int) : H248ContextText =
        { Context = context; Terminations = []; Fault = ValueSome(fault code) }

    let private contextText vices (command: H248Command) now (connection: SimConnection) : H248ContextText =
        let terminations =
            H248Terminations.terminations vices command.WantsMedia command.WantsStatistics now connection

        { Context = H248Context.Numbered(H248Terminations.contextOf vices connection)
          Terminations = terminations
          Fault = ValueNone }

    let private rootText vices (connection: SimConnection) : H248ContextText =
        { Context = H248Context.Numbered(H248Terminations.contextOf vices connection)
          Terminations = [ H248Terminations.root ]
          Fault = ValueNone }

    /// What it says to one command, and whether that succeeds.
    let private execute
        (vices: H248Vices)
        (now: Instant)
        (table: Table)
        (context: H248Context)
        (command: H248Command)
        : H248ContextText list =
        let all = table.Connections
        let isRoot = H248Part.is "Root" command.Termination
        let isAny = H248Part.is "*" command.Termination

        match context with
        | _ when not command.IsAuditValue -> [ failed context 443 ]
        | H248Context.Choose -> [ failed context 421 ]
        | H248Context.Null -> [ failed context (if isAny then 431 else 430) ]
        | H248Context.All when isRoot && vices.NoRoot -> [ failed context 430 ]
        | H248Context.All when all.Length = 0 -> [ failed context vices.Idle ]
        | H248Context.All when isRoot ->
            all
            |> Array.mapi (fun place one -> struct (place, one))
            |> Array.filter (fun (struct (place, _)) -> not (Words.isNth vices.HidesEvery place))
            |> Array.map (fun (struct (_, one)) -> rootText vices one)
            |> List.ofArray
        | H248Context.All when isAny -> all |> Array.map (contextText vices command now) |> List.ofArray
        | H248Context.All -> [ failed context 431 ]
        | H248Context.Numbered number ->
            match all |> Array.tryFind (fun one -> H248Terminations.contextOf vices one = number) with
            | None -> [ failed context 411 ]
            | Some one when isRoot -> [ rootText vices one ]
            | Some one ->
                let told = contextText vices command now one

                let matching =
                    told.Terminations
                    |> List.filter (fun termination ->
                        isAny || H248Part.is termination.Id command.Termination)

                if matching.IsEmpty then
                    [ failed context 435 ]
                else
                    [ { told with Terminations = matching } ]

    let private isFailed (told: H248ContextText list) : bool = told |> List.exists _.Fault.IsSome

    /// The contexts of the whole reply. What fails ends it, unless it was optional.
    let private carryOut
        (now: Instant)
        (table: Table)
        (vices: H248Vices)
        (actions: H248Part)
        : H248ContextText list =
        let step (struct (told, isOver)) (action: H248Action) =
            let one (struct (told, isOver)) (command: H248Command) =
                if isOver then
                    struct (told, true)
                else
                    let more = execute vices now table action.Context command
                    let ends = isFailed more && (vices.StopsAtError || not command.IsOptional)
                    struct (told @ more, ends)

            H248Actions.foldCommands one (struct (told, isOver)) action
            |> ValueOption.defaultValue (struct (told, isOver))

        let struct (told, _) =
            H248Actions.fold step (struct ([], false)) actions
            |> ValueOption.defaultValue (struct ([], false))

        told

    let private whole number wants (contexts: H248ContextText list) : H248ReplyText =
        { Transaction = number
          Segment = 0
          IsLast = false
          WantsAcknowledgement = wants
          Fault = ValueNone
          Contexts = contexts }

    /// Groups of contexts whose replies have at most so many octets each, if one context fits.
    let private groups
        (style: H248Style)
        (most: int)
        (contexts: H248ContextText list)
        : H248ContextText list list =
        let size (context: H248ContextText) = (H248Writing.reply style (whole 1u false [ context ])).Length

        let step (struct (done': H248ContextText list list, current: H248ContextText list, length)) context =
            let own = size context

            if current.IsEmpty || length + own <= most then
                struct (done', context :: current, length + own)
            else
                struct (List.rev current :: done', [ context ], own)

        let struct (before, last, _) = List.fold step (struct ([], [], 0)) contexts
        List.rev (List.rev last :: before)

    /// The datagrams of a reply.
    let private datagrams (style: H248Style) (vices: H248Vices) (reply: H248ReplyText) : byte[] list =
        let octets = H248Writing.reply style reply
        let isAbove (limit: int voption) = limit |> ValueOption.exists (fun limit -> octets.Length > limit)

        if style.Version >= 3 && isAbove vices.SegmentsAt then
            let parts = groups style vices.SegmentsAt.Value reply.Contexts

            parts
            |> List.mapi (fun place contexts ->
                H248Writing.reply
                    style
                    { reply with
                        Segment = place + 1
                        IsLast = place = parts.Length - 1
                        Contexts = contexts })
        elif isAbove vices.TooLargeAt then
            [ H248Writing.reply style { reply with Contexts = []; Fault = ValueSome(fault 533) } ]
        elif isAbove vices.PiecesAt then
            groups style vices.PiecesAt.Value reply.Contexts
            |> List.map (fun contexts -> H248Writing.reply style { reply with Contexts = contexts })
        else
            [ octets ]

    let private written (vices: H248Vices) (number: uint32) : uint32 =
        if vices.WrongTransactions then (number ^^^ 0x155u) ||| 1u else number

    /// Sends these datagrams, as far as it sends any.
    let private send peer (after: TimeSpan) (octets: byte[] list) (state: H248State) =
        let vices = state.Options.Vices

        if vices.AnswersOnly |> ValueOption.exists (fun most -> state.Answers >= most) then
            struct (state, [])
        else
            let cut (datagram: byte[]) =
                match vices.TruncatesAt with
                | ValueSome most -> Array.truncate most datagram
                | ValueNone -> datagram

            let arrives (datagram: byte[]) =
                match vices.SilentAbove with
                | ValueSome most -> datagram.Length <= most
                | ValueNone -> true

            let delay = vices.DelayPerRequest + after

            struct ({ state with Answers = state.Answers + 1 },
                    [ if vices.Garbage then
                          SendTo(peer, delay, Encoding.Latin1.GetBytes "\000\001 no H.248 {")
                      if vices.Talks then
                          SendTo(
                              peer,
                              delay,
                              Encoding.Latin1.GetBytes
                                  $"!/1 {state.Options.Sender} T=7{{C=-{{SC=ROOT{{SV{{MT=DC,RE=\"900 Service Restored\"}}}}}}}}"
                          )
                      for datagram in octets do
                          for _ in 1 .. (if vices.AnswersTwice then 2 else 1) do
                              if arrives datagram then
                                  SendTo(peer, delay, cut datagram) ])

    let private remember now number octets (state: H248State) : H248State =
        let fresh =
            if state.Answered.Count < 1000 then
                state.Answered
            else
                state.Answered |> Map.filter (fun _ (struct (at, _)) -> now - at <= history)

        { state with Answered = Map.add number (struct (now, octets)) fresh }

    let private actionCount (actions: H248Part) : int =
        H248Actions.fold (fun count _ -> count + 1) 0 actions |> ValueOption.defaultValue 0

    let private transaction now (table: Table) peer version number (actions: H248Part) (state: H248State) =
        let vices = state.Options.Vices

        let known =
            if vices.Forgets then
                None
            else
                Map.tryFind number state.Answered
                |> Option.filter (fun (struct (at, _)) -> now - at <= history)

        match known with
        | Some(struct (_, octets)) -> send peer TimeSpan.Zero octets state
        | None ->
            let state = { state with Heard = state.Heard + 1 }
            let style = style version state
            let isSlow = Words.isNth vices.PendingEvery state.Heard
            let number' = written vices number

            let reply =
                let refusing code = { whole number' false [] with Fault = ValueSome(fault code) }

                match vices.Refuses, vices.Speaks with
                | ValueSome code, _ -> refusing code
                | ValueNone, ValueSome only when only <> version -> refusing 406
                | ValueNone, _ when Words.isNth vices.BusyEvery state.Heard -> refusing 502
                | ValueNone, _ when vices.OneAction && actionCount actions > 1 -> refusing 421
                | ValueNone, _ -> whole number' isSlow (carryOut now table vices actions)

            let octets = datagrams style vices reply
            let state = remember now number octets state

            if isSlow then
                let struct (state, first) =
                    send peer TimeSpan.Zero [ H248Writing.pending style number' ] state

                let struct (state, later) = send peer state.Options.Execution octets state

                let awaited =
                    { Peer = peer
                      Datagrams = octets
                      Due = now + state.Options.Execution + repetition
                      Sent = 1 }

                struct ({ state with Awaited = Map.add number' awaited state.Awaited }, first @ later)
            else
                send peer TimeSpan.Zero octets state

    let private datagram now table peer (octets: byte[]) (state: H248State) =
        let vices = state.Options.Vices
        let state = { state with Datagrams = state.Datagrams + 1 }

        if Words.isNth vices.SwallowsEvery state.Datagrams then
            struct (state, [])
        else
            match H248.decode octets, vices.RefusesMessages with
            | Ok { Version = version }, ValueSome code ->
                let error = H248Writing.fault' (style version state) (fault code)
                send peer TimeSpan.Zero [ error ] { state with Heard = state.Heard + 1 }
            | Ok { Body = H248Body.Fault _ }, _ -> struct (state, [])
            | Error _, _ -> send peer TimeSpan.Zero [ H248Writing.fault' (style 1 state) (fault 400) ] state
            | Ok { Version = version; Body = H248Body.Transactions all }, ValueNone ->
                (struct (state, []), all)
                ||> Array.fold (fun (struct (state, sent)) one ->
                    match one with
                    | H248Transaction.Request(number, actions) ->
                        let struct (state, more) = transaction now table peer version number actions state

                        struct (state, sent @ more)
                    | H248Transaction.Acknowledgement numbers ->
                        let awaited =
                            state.Awaited
                            |> Map.filter (fun number _ -> not (H248Actions.acknowledges number numbers))

                        struct ({ state with Awaited = awaited }, sent)
                    | H248Transaction.Reply _
                    | H248Transaction.Pending _
                    | H248Transaction.SegmentArrived _ -> struct (state, sent))

    /// Repeats the replies that nobody acknowledged.
    let private tick now (state: H248State) =
        (struct (state, []), state.Awaited)
        ||> Map.fold (fun (struct (state, sent)) number awaited ->
            if awaited.Due > now then
                struct (state, sent)
            else
                let next =
                    if awaited.Sent + 1 < MostSent then
                        Map.add
                            number
                            { awaited with Due = now + repetition; Sent = awaited.Sent + 1 }
                            state.Awaited
                    else
                        Map.remove number state.Awaited

                let struct (state, more) =
                    send awaited.Peer TimeSpan.Zero awaited.Datagrams { state with Awaited = next }

                struct (state, sent @ more))

    let private nextTick (state: H248State) : Instant =
        (Instant.distantFuture, state.Awaited)
        ||> Map.fold (fun first _ awaited -> Instant.min first awaited.Due)

    let rec private responder (state: H248State) : Responder =
        { Protocol = "h248"
          Advance =
            fun now table event ->
                let struct (state, asked) =
                    match event with
                    | Datagram(peer, octets) -> datagram now table peer octets state
                    | Tick -> tick now state
                    | Restarted -> struct ({ state with Answered = Map.empty; Awaited = Map.empty }, [])
                    | Happened _
                    | Octets _
                    | StreamCame _
                    | StreamClosed _ -> struct (state, [])

                struct (responder state, asked @ [ TickAt(nextTick state) ])
          Identify = H248Terminations.identify state.Options.Vices
          Heard = state.Heard }

    let create (options: H248Options) : Responder =
        responder
            { Options = options
              Answered = Map.empty
              Awaited = Map.empty
              Datagrams = 0
              Heard = 0
              Answers = 0 }
