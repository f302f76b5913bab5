namespace CallServer.Exchange

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What is particular to the audits of one protocol over HTTP.
[<NoEquality; NoComparison>]
type internal HttpAudit<'State, 'Question, 'Outcome> =
    {
        Link: 'State -> HttpLink<'Question, 'Outcome>
        WithLink: HttpLink<'Question, 'Outcome> -> 'State -> 'State
        IsOver: 'State -> bool
        /// Goes on as far as possible without another answer.
        Settle: Instant -> 'State -> 'State
        /// Takes in the answer to a request, and between which moments the gateway gave it.
        Answered: Instant -> Interval -> 'Question -> HttpResponse -> 'State -> 'State
        /// Whether a request that is late is not sent once more.
        IsSpent: InFlight<'Question, unit> -> 'State -> bool
        /// Takes in that such a request, by its id, has no answer.
        Spent: Instant -> string -> InFlight<'Question, unit> -> 'State -> 'State
        /// Ends it, for these reasons and what else it has found.
        Finish: Instant -> Shortfall list -> 'State -> 'State
    }

/// How an audit over HTTP takes in what happens.
module internal HttpAudit =
    /// Sends what waits. Returns the commands in order.
    let commit
        (audit: HttpAudit<'State, 'Question, 'Outcome>)
        (now: Instant)
        (state: 'State)
        : 'State * Command<'Outcome> list =
        let state = audit.Settle now state
        let link = audit.Link state
        let link = if audit.IsOver state then link else HttpLink.fill now link
        let struct (link, commands) = HttpLink.commit link
        audit.WithLink link state, commands

    let private received
        (audit: HttpAudit<'State, 'Question, 'Outcome>)
        now
        (octets: byte[])
        (state: 'State)
        =
        let struct (answer, link) = HttpLink.receive now octets (audit.Link state)
        let state = audit.WithLink link state

        match answer with
        | ValueSome(struct (request, response)) ->
            audit.Answered now (Interval.create request.First now) request.Purpose response state
        | ValueNone -> state

    let private woke (audit: HttpAudit<'State, 'Question, 'Outcome>) (now: Instant) (state: 'State) =
        (state, RequestWindow.late now (audit.Link state).Window)
        ||> List.fold (fun state (id, request) ->
            let link = audit.Link state

            // One that is given up may take others with it.
            if audit.IsOver state || not (Map.containsKey id link.Window.InFlight) then
                state
            elif audit.IsSpent request state then
                audit.Spent now id request state
            else
                audit.WithLink (HttpLink.repeat now id request link) state)

    let private stopped (audit: HttpAudit<'State, 'Question, 'Outcome>) (now: Instant) (state: 'State) =
        let link = audit.Link state

        if link.Window.LastReply.IsSome then
            audit.Finish now [ Cancelled ] state
        else
            audit.Finish now [ Cancelled; HttpLink.silence now link ] state

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance
        (audit: HttpAudit<'State, 'Question, 'Outcome>)
        (event: Event)
        (state: 'State)
        : 'State * Command<'Outcome> list =
        let now = event.At.Steady

        if audit.IsOver state then
            state, []
        else
            match event with
            | Received(_, octets) -> commit audit now (received audit now octets state)
            | Broken(_, reason) ->
                commit audit now (audit.WithLink { audit.Link state with Trouble = reason } state)
            | Woke _ -> commit audit now (woke audit now state)
            | Stopped _ -> commit audit now (stopped audit now state)
            | Connected _
            | Arrived _ -> state, []
