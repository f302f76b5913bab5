namespace CallServer.Protocols.H248

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What a gateway is asked.
[<RequireQualifiedAccess>]
type internal H248Asked =
    /// Which contexts are there? `Context=*{AuditValue=Root{Audit{}}}`
    | Contexts
    /// The statistics of all terminations in contexts.
    | Everywhere
    /// Those of the terminations in these contexts, and their media.
    | Of of contexts: uint32 list * media: bool
    /// The names of the terminations of a context.
    | Names of context: uint32
    | One of context: uint32 * termination: string * media: bool

    override this.ToString() =
        match this with
        | Contexts -> "the list of contexts"
        | Everywhere -> "all contexts"
        | Of([ context ], _)
        | Names context -> $"context {context}"
        | Of(contexts, _) -> $"{contexts.Length} contexts"
        | One(context, termination, _) -> H248Name.idOf context termination

/// A question, how often the gateway was too busy to answer it, and in which version it was asked; 0 before that.
type internal H248Task = { Asked: H248Asked; Refusals: int; Version: int }

/// What has come of the answer to a request.
[<NoEquality; NoComparison>]
type internal H248Form =
    {
        /// The segments of the reply, by their numbers.
        Segments: Map<int, H248Reply>
        /// How many there are; 0 until the last one came.
        Last: int
    }

[<NoEquality; NoComparison>]
type internal H248Answer =
    {
        Task: H248Task
        /// The reply, or its segments in order.
        Replies: H248Reply list
        /// From the first sending of the question until its answer.
        Heard: Interval
    }

/// What a datagram brought.
[<RequireQualifiedAccess; NoEquality; NoComparison>]
type internal H248News =
    | Answered of H248Answer
    /// Another reply to a question that was answered before, and not the same one: no answer of one piece.
    | More of H248Answer
    /// The answer breaks off.
    | Cut of H248Task
    /// The gateway does not take messages of this version.
    | NotUnderstood of H248Task * H248Fault

/// A reply that was answered, until later ones have made it old.
[<NoEquality; NoComparison>]
type internal H248Past = { Task: H248Task; First: Instant; Mark: uint64 }

/// The asker's part in RFC 3525 §8.2 and annex D.1: at most once, and no more than that.
///
///   event                        transaction pending                            otherwise
///   reply                        done; acknowledged if that is wanted           the same again: acknowledged again, if that is
///                                                                               wanted, and stray; another one: more of the answer
///   a segment of a reply         acknowledged; done when all came, up to the    acknowledged, and stray
///                                last one; sent anew if it came before, and
///                                was another one
///   TransactionPending           waits LONGTRAN for the reply                   stray
///   a reply that breaks off      done: cut                                      stray
///   406 for a whole message      done: not understood, the oldest one           stray
///   another error for a message  stray, and remembered: why nobody answers      the same
///   deadline                     sent again, or anew under another id if some   -
///                                segments came; spent after the last attempt
///   transaction of the gateway   stray: we are not its controller
///
/// Transaction ids begin at a random number and then only rise, also from one audit of a gateway to the next.
[<NoEquality; NoComparison>]
type internal H248Link =
    {
        Sender: string
        Version: int
        /// Versions that the gateway refused.
        Refused: int list
        Window: RequestWindow<uint32, H248Task, H248Form, Snapshot>
        /// The first id of this exchange, and the next one.
        Base: uint32
        Next: uint32
        /// Replies that came, by transaction id.
        Past: Map<uint32, H248Past>
        /// An error for a whole message, whichever it was.
        Complaint: H248Fault voption
        /// Questions that the gateway was too busy to answer, and when to ask them again.
        Later: struct (Instant * H248Task) list
    }

module internal H248Link =
    /// The most messages that one audit sends.
    [<Literal>]
    let private MaxRequests = 400_000

    /// How many replies are remembered, to tell repeated ones from others.
    [<Literal>]
    let private MaxPast = 256u

    /// The most segments of one reply.
    [<Literal>]
    let private MaxSegments = 4096

    /// How long after TransactionPending a reply is waited for.
    let private longTran = TimeSpan.FromSeconds 5.0

    /// How often a question is repeated to a gateway that is busy.
    [<Literal>]
    let private MaxRefusals = 2

    /// How often a question is sent whose answer may be too large to arrive.
    [<Literal>]
    let private LargeAttempts = 2

    let private noForm: H248Form = { Segments = Map.empty; Last = 0 }

    let private after (id: uint32) : uint32 = if id = UInt32.MaxValue then 1u else id + 1u

    /// Our end of the path, as a sender is written: `[ADDRESS]:PORT`.
    let private senderOf (local: string) : string =
        match local.LastIndexOf ':' with
        | colon when colon > 0 ->
            let host = local.Substring(0, colon).Trim('[', ']')
            $"[{host}]:{local.Substring(colon + 1)}"
        | _ -> "<callserver>"

    /// Begins an exchange. If `next` is 0, as the first time, the first id is random.
    let start
        (target: H248Gateway)
        (pace: Pace)
        (next: uint32)
        (version: int)
        (given: AuditStart)
        : H248Link =
        let struct (drawn, rng) = Rng.below Int32.MaxValue given.Rng
        let next = if next > 0u then next else 1u + uint32 drawn

        { Sender = target.Sender |> ValueOption.defaultValue (senderOf given.Local)
          Version = version
          Refused = []
          Window =
            RequestWindow.create
                target.Timeout
                target.Attempts
                MaxRequests
                (H248Pace.start pace)
                rng
                given.At.Steady
          Base = next
          Next = next
          Past = Map.empty
          Complaint = ValueNone
          Later = [] }

    let private style (link: H248Link) : H248Style =
        { Version = link.Version; Sender = link.Sender; IsLong = true; IsPretty = false }

    let private question context termination media statistics isOptional : H248Question =
        { Context = context
          Termination = termination
          Media = media
          Statistics = statistics
          IsOptional = isOptional }

    let private questionsOf (asked: H248Asked) : H248Question list =
        match asked with
        | H248Asked.Contexts -> [ question H248Context.All "Root" false false false ]
        | H248Asked.Everywhere -> [ question H248Context.All "*" false true false ]
        | H248Asked.Of(contexts, media) ->
            // A context that ended meanwhile must not hide the others.
            let several = contexts.Length > 1
            [ for context in contexts -> question (H248Context.Numbered context) "*" media true several ]
        | H248Asked.Names context -> [ question (H248Context.Numbered context) "*" false false false ]
        | H248Asked.One(context, termination, media) ->
            [ question (H248Context.Numbered context) termination media true false ]

    let private withWindow window (link: H248Link) : H248Link = { link with Window = window }

    let private stray (reason: string) (link: H248Link) : H248Link =
        withWindow (RequestWindow.stray reason link.Window) link

    let private send (now: Instant) (task: H248Task) (link: H248Link) : H248Link =
        let octets = H248Writing.request (style link) link.Next (questionsOf task.Asked)
        let struct (deadline, window) = RequestWindow.deadline link.Window.Timeout now 0 link.Window

        { link with
            Window =
                RequestWindow.send
                    now
                    link.Next
                    { task with Version = link.Version }
                    noForm
                    octets
                    deadline
                    window
            Next = after link.Next }

    /// Asks the same under another id, as one more attempt. Of a reply in segments some came: those to the next attempt may be of another reply,
    /// made at another time, and the two together would be none.
    let private sendAnew
        (now: Instant)
        (id: uint32)
        (request: InFlight<H248Task, H248Form>)
        (link: H248Link)
        : H248Link =
        let anew = link.Next
        let link = send now request.Purpose (withWindow (RequestWindow.drop id link.Window) link)
        let counted = Option.map (fun sent -> { sent with Times = request.Times + 1 })
        withWindow { link.Window with InFlight = Map.change anew counted link.Window.InFlight } link

    /// Queues these questions ahead of those that already wait.
    let ask (questions: H248Asked list) (link: H248Link) : H248Link =
        let tasks = questions |> List.map (fun asked -> { Asked = asked; Refusals = 0; Version = 0 })
        withWindow (RequestWindow.enqueue tasks link.Window) link

    /// After an answer that says no more than that the gateway is busy, asks again a little later. `ValueNone` if that was done often enough.
    let tryLater (now: Instant) (task: H248Task) (link: H248Link) : H248Link voption =
        if task.Refusals >= MaxRefusals then
            ValueNone
        else
            let task = { task with Refusals = task.Refusals + 1 }
            let at = now + link.Window.Timeout * (0.5 * float task.Refusals)
            ValueSome { link with Later = struct (at, task) :: link.Later }

    /// Asks the same in another version of the protocol. `ValueNone` if the gateway refused all of them.
    let tryOtherVersion (task: H248Task) (link: H248Link) : H248Link voption =
        let asked = withWindow (RequestWindow.enqueue [ task ] link.Window) link

        if task.Version <> link.Version then
            // Another refusal has changed it since.
            ValueSome asked
        else
            let refused = link.Version :: link.Refused

            match List.except refused [ 1; 2; 3 ] with
            | version :: _ -> ValueSome { asked with Version = version; Refused = refused }
            | [] -> ValueNone

    /// Asks the same in version 3, in which answers may be divided. `ValueNone` if the gateway is asked so already, or refused it.
    let tryDivided (task: H248Task) (link: H248Link) : H248Link voption =
        if link.Version >= 3 || List.contains 3 link.Refused then
            ValueNone
        else
            ValueSome { link with Version = 3; Window = RequestWindow.enqueue [ task ] link.Window }

    /// FNV-1a over what a reply says: a repetition has the same octets.
    let private mark (reply: H248Reply) : uint64 =
        let mutable hash = 14695981039346656037UL

        for octet in reply.Actions.Span do
            hash <- (hash ^^^ uint64 octet) * 1099511628211UL

        hash

    let private past
        (now: Instant)
        id
        (pending: InFlight<H248Task, H248Form>)
        (reply: H248Reply)
        (link: H248Link)
        =
        let window = link.Window

        // The answer to a request that was repeated may be one to any of its sendings.
        let pace =
            if pending.Times = 1 then
                Pace.answered window.Timeout window.InFlight.Count (now - pending.Last) window.Pace
            else
                window.Pace

        { link with
            Window = RequestWindow.answered now id pace window
            Past =
                link.Past
                |> Map.remove (id - MaxPast)
                |> Map.add id { Task = pending.Purpose; First = pending.First; Mark = mark reply } }

    let private transmit octets (link: H248Link) : H248Link =
        withWindow (RequestWindow.transmit octets link.Window) link

    let private acknowledge (reply: H248Reply) (link: H248Link) : H248Link =
        if reply.Segment > 0 then
            transmit
                (H248Writing.segmentArrived (style link) reply.Transaction reply.Segment reply.IsLast)
                link
        elif reply.WantsAcknowledgement then
            transmit (H248Writing.acknowledgement (style link) reply.Transaction) link
        else
            link

    /// Waits on for what was promised.
    let private wait
        (now: Instant)
        (longer: TimeSpan)
        id
        pending
        (form: H248Form)
        (link: H248Link)
        : H248Link =
        let waiting = { pending with Deadline = now + longer; Form = form }

        withWindow
            { link.Window with
                InFlight = Map.add id waiting link.Window.InFlight
                LastReply = ValueSome now }
            link

    /// Whether a request of this exchange had this id.
    let private isOurs (id: uint32) (link: H248Link) : bool =
        if link.Base <= link.Next then
            id >= link.Base && id < link.Next
        else
            id >= link.Base || id < link.Next

    let private answer
        (now: Instant)
        (task: H248Task)
        (first: Instant)
        (replies: H248Reply list)
        : H248Answer =
        { Task = task; Replies = replies; Heard = Interval.create first now }

    /// Whether a segment with its number came already, and was another one.
    let private isOfAnother (reply: H248Reply) (form: H248Form) : bool =
        match Map.tryFind reply.Segment form.Segments with
        | Some held -> mark held <> mark reply
        | None -> false

    let private replied
        (now: Instant)
        (reply: H248Reply)
        (link: H248Link)
        : struct (H248News voption * H248Link) =
        let id = reply.Transaction

        match Map.tryFind id link.Window.InFlight, Map.tryFind id link.Past with
        | Some pending, _ when reply.Segment = 0 ->
            let link = link |> past now id pending reply |> acknowledge reply
            struct (ValueSome(H248News.Answered(answer now pending.Purpose pending.First [ reply ])), link)
        | Some _, _ when reply.Segment > MaxSegments -> struct (ValueNone, stray "a segment too many" link)
        | Some pending, _ when isOfAnother reply pending.Form ->
            let link = link |> stray "a segment of another reply" |> acknowledge reply

            if RequestWindow.isSpent pending link.Window then
                struct (ValueNone, link)
            else
                struct (ValueNone, sendAnew now id pending link)
        | Some pending, _ ->
            let link = acknowledge reply link

            let form =
                { Segments = Map.add reply.Segment reply pending.Form.Segments
                  Last = (if reply.IsLast then reply.Segment else pending.Form.Last) }

            if form.Last > 0 && form.Segments.Count >= form.Last then
                let replies = [ for KeyValue(_, segment) in form.Segments -> segment ]
                let link = past now id pending reply link
                struct (ValueSome(H248News.Answered(answer now pending.Purpose pending.First replies)), link)
            else
                struct (ValueNone, wait now link.Window.Timeout id pending form link)
        | None, Some known when reply.Segment = 0 && known.Mark <> mark reply ->
            struct (ValueSome(H248News.More(answer now known.Task known.First [ reply ])),
                    link |> stray "another reply to the same" |> acknowledge reply)
        | None, _ when isOurs id link ->
            struct (ValueNone, link |> stray "a repeated reply" |> acknowledge reply)
        | None, _ -> struct (ValueNone, stray "a reply to nothing that was asked" link)

    let private took
        now
        (transaction: H248Transaction)
        (link: H248Link)
        : struct (H248News voption * H248Link) =
        match transaction with
        | H248Transaction.Reply reply -> replied now reply link
        | H248Transaction.Pending id ->
            match Map.tryFind id link.Window.InFlight with
            | Some pending -> struct (ValueNone, wait now longTran id pending pending.Form link)
            | None -> struct (ValueNone, stray "a pending of nothing" link)
        | H248Transaction.Request _ -> struct (ValueNone, stray "a transaction of the gateway's" link)
        | H248Transaction.Acknowledgement _
        | H248Transaction.SegmentArrived _ -> struct (ValueNone, stray "an acknowledgement" link)

    let private done' now id (link: H248Link) : H248Link =
        withWindow (RequestWindow.answered now id link.Window.Pace link.Window) link

    /// Takes in one datagram: what it brought, in order.
    let receive (now: Instant) (octets: byte[]) (link: H248Link) : struct (H248News list * H248Link) =
        match H248.decode octets with
        | Ok { Body = H248Body.Transactions transactions } ->
            let struct (news, link) =
                (struct ([], link), transactions)
                ||> Array.fold (fun (struct (news, link)) transaction ->
                    let struct (one, link) = took now transaction link
                    struct (ValueOption.toList one @ news, link))

            struct (List.rev news, link)
        | Ok { Body = H248Body.Fault fault } ->
            // It names no transaction: nobody can know that it is an answer, and to which message.
            let link = link |> stray $"an error, {H248Meaning.words fault}"

            match Seq.tryHead link.Window.InFlight with
            | Some(KeyValue(id, pending)) when H248Meaning.ofCode fault.Code = H248Meaning.Version ->
                struct ([ H248News.NotUnderstood(pending.Purpose, fault) ], done' now id link)
            | Some _
            | None -> struct ([], { link with Complaint = ValueSome fault })
        | Error error ->
            match Map.tryFind error.Transaction link.Window.InFlight with
            | Some pending -> struct ([ H248News.Cut pending.Purpose ], done' now error.Transaction link)
            | None -> struct ([], stray (string error) link)

    /// Whether the answer to it may be larger than what arrives.
    let private mayBeLarge (asked: H248Asked) : bool =
        match asked with
        | H248Asked.Everywhere -> true
        | H248Asked.Of(contexts, _) -> contexts.Length > 1
        | H248Asked.Contexts
        | H248Asked.Names _
        | H248Asked.One _ -> false

    let private isSpent (request: InFlight<H248Task, H248Form>) (link: H248Link) : bool =
        RequestWindow.isSpent request link.Window
        || (mayBeLarge request.Purpose.Asked
            && request.Form.Segments.IsEmpty
            && request.Times >= LargeAttempts
            && link.Window.LastReply.IsSome)

    /// Repeats the requests whose wait is over. Returns those that were sent often enough and never answered.
    let due (now: Instant) (link: H248Link) : struct (InFlight<H248Task, H248Form> list * H248Link) =
        (struct ([], link), RequestWindow.late now link.Window)
        ||> List.fold (fun (struct (spent, link)) (id, request) ->
            let window = RequestWindow.lost now link.Window

            if isSpent request link then
                struct (request :: spent, withWindow (RequestWindow.drop id window) link)
            elif not request.Form.Segments.IsEmpty then
                struct (spent, sendAnew now id request (withWindow window link))
            else
                let struct (deadline, window) =
                    RequestWindow.deadline window.Timeout now request.Times window

                struct (spent, withWindow (RequestWindow.repeat now id request deadline window) link))

    /// Queues the postponed questions whose time has come.
    let recall (now: Instant) (link: H248Link) : H248Link =
        let ready, later = link.Later |> List.partition (fun (struct (at, _)) -> at <= now)

        { link with
            Later = later
            Window = RequestWindow.enqueue [ for struct (_, task) in ready -> task ] link.Window }

    /// Sends waiting questions, as many as the gateway can take; one until it has answered.
    let rec pump (now: Instant) (link: H248Link) : H248Link =
        let slots = if link.Window.LastReply.IsNone then 1 else Pace.slots link.Window.Pace

        match RequestWindow.tryNext slots link.Window with
        | ValueSome(struct (task, window)) -> pump now (send now task (withWindow window link))
        | ValueNone -> link

    /// Nothing waits, and nothing is in flight.
    let isIdle (link: H248Link) : bool =
        link.Window.Queue.IsEmpty && link.Later.IsEmpty && Map.isEmpty link.Window.InFlight

    let silence (now: Instant) (link: H248Link) : Shortfall =
        RequestWindow.silence now "datagrams" "the gateway" "" link.Window

    let finish (snapshot: Snapshot) (link: H248Link) : H248Link =
        withWindow (RequestWindow.finish snapshot link.Window) { link with Later = [] }

    /// The commands that follow from one event, and when to wake up.
    let commit (link: H248Link) : struct (H248Link * Command list) =
        let wake =
            (RequestWindow.due link.Window, link.Later)
            ||> List.fold (fun least (struct (at, _)) -> Instant.min least at)

        let struct (window, commands) = RequestWindow.commit wake link.Window
        struct (withWindow window link, commands)
