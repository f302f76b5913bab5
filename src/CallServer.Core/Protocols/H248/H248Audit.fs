namespace CallServer.Protocols.H248

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an audit stands.
[<RequireQualifiedAccess>]
type H248Phase =
    /// Which contexts are there?
    | Listing
    /// The statistics of all contexts, in one answer.
    | Telling
    /// Contexts that were not told yet, and the media of what is new.
    | Filling
    /// Asks for the contexts of connections on record that nobody showed.
    | Verifying
    | Over

/// What one audit of a gateway passes on to the next. It saves requests, and proves nothing.
type H248Memory =
    {
        /// The transaction id of the next request; 0 before the first audit.
        NextTransaction: uint32
        Pace: Pace
        /// The version that the gateway understood last; 0 before the first audit.
        Version: int
        /// How many contexts are asked for in one answer at most.
        MostAtOnce: int
        /// How many are asked for with their media.
        Batch: int
        /// Connections whose media were told, by name.
        Read: Set<string>
        /// Audits since all media were asked.
        Since: int
    }

[<NoEquality; NoComparison>]
type H248AuditState =
    internal
        {
            Target: H248Gateway
            Known: Connection[]
            Memory: H248Memory
            Phase: H248Phase
            Survey: H248Survey
            /// This audit asks for all media.
            Afresh: bool
            /// The gateway does not list its contexts by their root termination: their statistics are the list.
            ListsByAll: bool
        }

/// One audit of one gateway in H.248 (RFC 3525 §7.2.5).
///
///   phase      requests in flight                when all are answered                     a request is given up
///   Listing    AuditValue of Root in all         -> Telling, or Filling where all media    over: Silent
///              contexts                          are asked or there are few contexts
///   Telling    statistics of all terminations    -> Filling                                -> Filling, in parts; a fault if
///              in all contexts                                                             this is the list
///   Filling    contexts that were not told, a    -> the same for what is left; Verifying   each context alone, then its
///              few at a time; with their media                                             terminations; a fault *
///              those of new connections
///   Verifying  contexts of connections on        -> over                                   as above
///              record that nobody showed
///   Over       none; every event changes nothing
///
/// * If nothing else was answered since then, the audit is over at once. In every phase: 411 for a context means that it ended. 510, 533 and an
/// answer that breaks off are too large: asked for in parts. After 500, 502, 503, 506 and 530 the question is asked again, twice at most; after
/// 406 in another version. Other errors are faults and are named. Stopped ends the audit. Messages that answer nothing are counted and
/// dropped. A Woke that comes too early changes nothing.
module H248Audit =
    type State = H248AuditState
    type Memory = H248Memory

    /// How many contexts with their media fit into a datagram of 1,500 octets or few of them, as a rule.
    [<Literal>]
    let private MostInBatch = 4

    /// Fewer contexts than these are asked for by their numbers at once.
    [<Literal>]
    let private Few = 5

    module Memory =
        let none: Memory =
            { NextTransaction = 0u
              Pace = H248Pace.none
              Version = 0
              MostAtOnce = 256
              Batch = MostInBatch
              Read = Set.empty
              Since = 0 }

    /// What to pass on to the next audit of this gateway.
    let memory (state: State) : Memory = state.Memory

    /// Messages so far that answered nothing.
    let strays (state: State) : int = state.Survey.Link.Window.Strays

    /// Messages sent so far.
    let requests (state: State) : int = state.Survey.Link.Window.Requests

    /// How far it has come, in contexts.
    let internal progress (state: State) : Progress =
        { Told = state.Survey.Contexts.Told.Count
          Of = state.Survey.Contexts.ListedAt |> ValueOption.map (fun _ -> state.Survey.Contexts.Listed.Count) }

    let private withSurvey change (state: State) : State = { state with Survey = change state.Survey }
    let private withLink link = withSurvey (fun survey -> { survey with Link = link })
    let private fault (shortfall: Shortfall) = withSurvey (H248Survey.fault shortfall)
    let private ask (questions: H248Asked list) = withSurvey (H248Survey.ask questions)
    let private withContexts change = withSurvey (H248Survey.withContexts change)

    let private memoryAt (state: State) : Memory =
        { state.Memory with
            NextTransaction = state.Survey.Link.Next
            Pace = state.Survey.Link.Window.Pace
            Version =
                (if state.Survey.Link.Window.LastReply.IsSome then
                     state.Survey.Link.Version
                 else
                     state.Memory.Version)
            Batch = min MostInBatch (state.Survey.Batch + 1)
            Read = H248Contexts.readNow state.Memory.Read state.Survey.Contexts
            Since = (if state.Afresh then 0 else state.Memory.Since + 1) }

    /// Ends the audit. Without reasons it is complete.
    let private finish (now: Instant) (reasons: Shortfall list) (state: State) : State =
        let struct (observations, nameless) = H248Contexts.observations state.Known state.Survey.Contexts

        let reasons =
            [ yield! reasons
              yield! Faults.toList (H248Survey.untold state.Survey)
              if nameless > 0 then
                  Unreadable $"{nameless} terminations without a usable name" ]
            |> List.distinct

        let window = state.Survey.Link.Window

        let undated =
            state.Survey.Contexts.Told.Values
            |> Seq.exists (fun told -> told.Values |> Seq.exists _.Duration.IsNone)

        let snapshot: Snapshot =
            { Gateway = state.Target.Gateway
              Protocol = "h248"
              Profile = ""
              // A gateway numbers its contexts as it likes; how long they have lasted tells the uses of a number apart.
              Traits = { Traits.plain with ReusesIds = true; DriftPpm = Traits.usualDriftPpm }
              Asked = window.Began
              Answered = ValueOption.defaultValue now window.LastReply
              Boot = Boot.untold now
              Completeness = (if reasons.IsEmpty then Complete [ EndOfTable ] else Partial reasons)
              Observations = observations
              Ended = [||]
              History = ValueNone
              Denied = H248Contexts.denied state.Known observations state.Survey.Contexts
              Total = ValueNone
              Standing = ValueNone
              Remarks =
                [ if undated then
                      "it does not tell how long every termination has been in its context (nt/dur): audits bound their starts" ]
              Requests = window.Requests }

        { state with Phase = H248Phase.Over; Memory = memoryAt state }
        |> withLink (H248Link.finish snapshot state.Survey.Link)

    let private refusal (why: H248Fault) : Shortfall =
        Refused(RefusalCause.Code why.Code, $"the gateway says: {H248Meaning.words why}")

    let private refused (now: Instant) (why: H248Fault) (state: State) : State =
        finish now [ refusal why ] state

    /// Nothing answers; perhaps because it understands nothing.
    let private unanswered (now: Instant) (link: H248Link) : Shortfall =
        match link.Complaint with
        | ValueSome why when link.Window.LastReply.IsNone -> refusal why
        | ValueSome _
        | ValueNone -> H248Link.silence now link

    let private silent (now: Instant) (state: State) : State =
        finish now [ unanswered now state.Survey.Link ] state

    /// Asks for what is not known yet of the contexts, each once.
    let private fill (state: State) : State =
        withSurvey H248Survey.fill { state with Phase = H248Phase.Filling }

    /// The statistics of all contexts where that is one answer, and most of what is to be asked.
    let private tell (state: State) : State =
        let count = state.Survey.Contexts.Listed.Count
        let most = state.Memory.MostAtOnce

        if state.ListsByAll then
            ask [ H248Asked.Everywhere ] { state with Phase = H248Phase.Telling }
        elif count > most then
            { state with Memory = { state.Memory with MostAtOnce = most + 1 + most / 8 } } |> fill
        elif
            count >= Few
            && not (
                Set.isEmpty (
                    Set.intersect (H248Survey.readContexts state.Survey) state.Survey.Contexts.Listed
                )
            )
        then
            ask [ H248Asked.Everywhere ] { state with Phase = H248Phase.Telling }
        else
            fill state

    /// The answer for all contexts does not arrive.
    let private tooLarge (state: State) : State =
        if state.ListsByAll then
            fault
                (TooLarge "the statistics of all contexts, and it does not list its contexts otherwise")
                state
        else
            { state with
                Memory = { state.Memory with MostAtOnce = max Few (state.Survey.Contexts.Listed.Count / 2) } }

    let private verify (now: Instant) (state: State) : State =
        match H248Contexts.doubtful state.Known state.Survey.Contexts with
        | [] -> finish now [] state
        | contexts ->
            { state with Phase = H248Phase.Verifying } |> withSurvey (H248Survey.askOf false contexts)

    /// When nothing is in flight and nothing waits, the phase is done.
    let rec private settle (now: Instant) (state: State) : State =
        let window = state.Survey.Link.Window

        if state.Phase = H248Phase.Over then
            state
        elif Map.isEmpty window.InFlight && RequestWindow.isExhausted window then
            finish now [ CutShort $"more than {window.MaxRequests} requests" ] state
        elif not (H248Link.isIdle state.Survey.Link) then
            state
        else
            match state.Phase with
            | H248Phase.Listing -> settle now (tell state)
            | H248Phase.Telling -> settle now (fill state)
            | H248Phase.Filling ->
                let state = fill state

                if H248Link.isIdle state.Survey.Link then
                    settle now (verify now state)
                else
                    state
            | H248Phase.Verifying -> finish now [] state
            | H248Phase.Over -> state

    /// The error for a whole answer: for the transaction, or for all contexts at once.
    let private overall found (fault: H248Fault voption) : H248Fault voption =
        let ofAll =
            found
            |> List.tryPick (fun (struct (context, _: H248Told list, fault: H248Fault voption)) ->
                match context with
                | H248Context.All -> ValueOption.toOption fault
                | H248Context.Null
                | H248Context.Choose
                | H248Context.Numbered _ -> None)
            |> ValueOption.ofOption

        if fault.IsSome then fault else ofAll

    /// The list came, or a part of it.
    let private listed (answer: H248Answer) found (state: State) : State =
        let numbers = H248Survey.numbered found |> List.map (fun (struct (number, _, _)) -> number)
        withContexts (H248Contexts.listed answer numbers) state

    let private toldAll (answer: H248Answer) found (state: State) : State =
        let state = if state.ListsByAll then listed answer found state else state

        (state, H248Survey.numbered found)
        ||> List.fold (fun state (struct (context, told, fault)) ->
            match fault with
            | ValueSome { Code = 411 } -> withContexts (H248Contexts.gone context) state
            // What could not be told is asked for again.
            | ValueSome _ -> state
            | ValueNone ->
                withContexts (H248Contexts.tell context told) state
                |> withSurvey (H248Survey.checkListed context))

    /// An answer to a question that is a list: an error for all of it means that there is nothing, or that it cannot be told so.
    let private listing
        (now: Instant)
        (answer: H248Answer)
        found
        (why: H248Fault voption)
        (state: State)
        : State =
        let isAll = answer.Task.Asked = H248Asked.Everywhere

        match why |> ValueOption.map (fun why -> struct (why, H248Meaning.ofCode why.Code)) with
        | ValueSome(struct (_, H248Meaning.TooLarge)) when isAll -> tooLarge state
        | ValueSome(struct (_, H248Meaning.TooLarge)) -> fault (TooLarge "the list of contexts") state
        | ValueSome(struct (why, H248Meaning.NotOurs))
        | ValueSome(struct (why, H248Meaning.Busy))
        | ValueSome(struct (why, H248Meaning.Version)) -> refused now why state
        // It has no contexts, says one answer; the other one has to say the same.
        | ValueSome(struct (_, (H248Meaning.Nothing | H248Meaning.Other))) when not isAll ->
            { state with ListsByAll = true }
        | ValueSome(struct (_, H248Meaning.Nothing)) when state.ListsByAll ->
            withContexts (H248Contexts.listed answer []) state
        | ValueSome(struct (why, H248Meaning.Other)) when state.ListsByAll -> refused now why state
        | ValueSome _ -> state
        | ValueNone when isAll -> toldAll answer found state
        | ValueNone ->
            let state = listed answer found state

            // A list that names no context is no answer.
            if state.Survey.Contexts.Listed.IsEmpty then
                { state with ListsByAll = true }
            else
                state

    /// What follows if the answer is only that it cannot be given now, or not so.
    let private again
        (now: Instant)
        (task: H248Task)
        (why: H248Fault voption)
        (link: H248Link)
        : H248Link voption =
        match why |> ValueOption.map (fun why -> H248Meaning.ofCode why.Code) with
        | ValueSome H248Meaning.Busy -> H248Link.tryLater now task link
        | ValueSome H248Meaning.Version -> H248Link.tryOtherVersion task link
        | ValueSome H248Meaning.TooLarge when task.Asked = H248Asked.Contexts -> H248Link.tryDivided task link
        | ValueSome _
        | ValueNone -> ValueNone

    let private mediaOf (asked: H248Asked) : bool =
        match asked with
        | H248Asked.Of(_, media)
        | H248Asked.One(_, _, media) -> media
        | H248Asked.Contexts
        | H248Asked.Everywhere
        | H248Asked.Names _ -> false

    let private take (now: Instant) (answer: H248Answer) (state: State) : State =
        let asked = answer.Task.Asked

        match H248Contexts.readAnswer (mediaOf asked) answer with
        | ValueNone -> withSurvey (H248Survey.unreadable asked) state
        | ValueSome(struct (found, fault)) ->
            let why = overall found fault

            match again now answer.Task why state.Survey.Link, asked with
            | ValueSome link, _ -> withLink link state
            | ValueNone, (H248Asked.Contexts | H248Asked.Everywhere) -> listing now answer found why state
            | ValueNone, asked -> withSurvey (H248Survey.take asked found why) state

    /// One more reply to a question that was answered: the answer came in pieces, of which nobody says how many there are.
    let private more (answer: H248Answer) (state: State) : State =
        let asked = answer.Task.Asked

        let inPieces (next: State) =
            if next.Survey.Contexts.Listed.Count > state.Survey.Contexts.Listed.Count then
                fault
                    (CutShort "the list of contexts came in pieces, whose number the gateway does not say")
                    next
            else
                next

        match H248Contexts.readAnswer (mediaOf asked) answer with
        | ValueSome(struct (found, ValueNone)) ->
            match asked with
            | H248Asked.Contexts -> listed answer found state |> inPieces
            | H248Asked.Everywhere -> toldAll answer found state |> inPieces
            | asked -> withSurvey (H248Survey.takeMore asked found) state
        | ValueSome _
        | ValueNone -> state

    /// No whole answer came to it.
    let private inParts (words: string) (asked: H248Asked) (state: State) : State =
        match asked with
        | H248Asked.Contexts -> fault (CutShort $"{asked}: {words}") state
        | H248Asked.Everywhere -> tooLarge state
        | asked -> withSurvey (H248Survey.inParts words asked) state

    let private notUnderstood (now: Instant) (task: H248Task) (why: H248Fault) (state: State) : State =
        match H248Link.tryOtherVersion task state.Survey.Link with
        | ValueSome link -> withLink link state
        | ValueNone when task.Asked = H248Asked.Contexts -> refused now why state
        | ValueNone -> inParts (H248Meaning.words why) task.Asked state

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        let struct (news, link) = H248Link.receive now octets state.Survey.Link

        (withLink link state, news)
        ||> List.fold (fun state one ->
            match one with
            | _ when state.Phase = H248Phase.Over -> state
            | H248News.Answered answer -> take now answer state
            | H248News.More answer -> more answer state
            | H248News.Cut task -> inParts "an answer that breaks off" task.Asked state
            | H248News.NotUnderstood(task, why) -> notUnderstood now task why state)

    /// Handles a request that got no answer to any of its attempts.
    let private spent (now: Instant) (state: State) (request: InFlight<H248Task, H248Form>) : State =
        let hasAnswered = RequestWindow.hasAnsweredSince request state.Survey.Link.Window

        match request.Purpose.Asked with
        | _ when state.Phase = H248Phase.Over -> state
        | H248Asked.Contexts -> silent now state
        | H248Asked.Names _
        | H248Asked.One _ when not hasAnswered -> silent now state
        | asked -> inParts $"no answer to {request.Times} attempts" asked state

    let private woke (now: Instant) (state: State) : State =
        let struct (gone, link) = H248Link.due now state.Survey.Link
        (withLink link state, gone) ||> List.fold (spent now)

    let private stopped (now: Instant) (state: State) : State =
        if state.Survey.Link.Window.LastReply.IsSome then
            finish now [ Cancelled ] state
        else
            finish now [ Cancelled; unanswered now state.Survey.Link ] state

    /// Goes on as far as possible without another answer.
    let private commit (now: Instant) (state: State) : State * Command list =
        let state =
            withSurvey (fun survey -> { survey with Link = H248Link.recall now survey.Link }) state
            |> settle now

        let link =
            if state.Phase = H248Phase.Over then
                state.Survey.Link
            else
                H248Link.pump now state.Survey.Link

        let struct (link, commands) = H248Link.commit link
        withLink link state, commands

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | H248Phase.Over, _
        // Datagrams only.
        | _, (Connected _ | Arrived _ | Broken _) -> state, []
        | _, Received(_, octets) -> commit now (received now octets state)
        | _, Woke _ -> commit now (woke now state)
        | _, Stopped _ -> commit now (stopped now state)

    /// Begins an audit. Returns the first request, and when to wake up.
    let start (target: H248Gateway) (memory: Memory) (given: AuditStart) : State * Command list =
        let afresh = given.Afresh || memory.Since + 1 >= target.FactsEvery
        let version = if memory.Version > 0 then memory.Version else target.Version

        let memory = { memory with Read = (if afresh then Set.empty else memory.Read) }

        let link = H248Link.start target memory.Pace memory.NextTransaction version given

        { Target = target
          Known = given.Known
          Memory = memory
          Phase = H248Phase.Listing
          Survey = H248Survey.start link memory.Read memory.Batch
          Afresh = afresh
          ListsByAll = false }
        |> ask [ H248Asked.Contexts ]
        |> commit given.At.Steady
