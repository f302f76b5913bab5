namespace CallServer.Exchange

open System
open System.Globalization
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// How one gateway is asked by requests of HTTP.
[<NoEquality; NoComparison>]
type internal HttpAsking<'Question> =
    {
        /// Who answers, in words.
        Speaker: string
        /// Path and query of a question, with their escapes.
        Target: 'Question -> string
        /// The media type of what is wanted.
        Accept: string
        /// What is sent along with a question, by the request's id: its media type and octets. Then the request is a POST.
        Body: string -> 'Question -> struct (string * byte[]) voption
        /// The user, and the password (RFC 7617).
        Login: struct (string * Secret) voption
        /// How long the first attempt of a request waits for its answer. Each repeat waits half as long again.
        Timeout: TimeSpan
        /// How often a request is sent before it is given up; at least 1.
        Attempts: int
        /// Whether the gateway, or a proxy in its place, says by this status that a later attempt may get an answer.
        IsUnready: int -> bool
        /// Why it refuses, by its own words; nothing where the body does not say.
        Words: JsonView -> string voption
    }

/// The requests to one gateway over HTTP, by their ids.
[<NoEquality; NoComparison>]
type internal HttpLink<'Question, 'Outcome> =
    {
        Asking: HttpAsking<'Question>
        Window: RequestWindow<string, 'Question, unit, 'Outcome>
        /// What went wrong last on the way to the gateway.
        Trouble: string
        /// What it said last that it cannot answer yet: the status, and its words.
        Unready: struct (int * string) voption
    }

module internal HttpLink =
    /// What a proxy, or a gateway while it starts, answers in place of an answer: a later attempt may get one.
    let isUnready (status: int) : bool = status = 502 || status = 503 || status = 504

    let start (asking: HttpAsking<'Question>) (most: int) (pace: Pace) (given: AuditStart) =
        { Asking = asking
          Window = RequestWindow.create asking.Timeout asking.Attempts most pace given.Rng given.At.Steady
          Trouble = ""
          Unready = ValueNone }

    /// 64 random bits in hex.
    let private id (rng: Rng) : struct (string * Rng) =
        let struct (bits, rng) = Rng.next rng
        struct (bits.ToString "x16", rng)

    /// RFC 7617: user and password, with a colon between them, in UTF-8.
    let private basic (user: string) (password: Secret) : string =
        "Basic "
        + Convert.ToBase64String(Array.append (Encoding.UTF8.GetBytes(user + ":")) (Secret.octets password))

    let private message (id: string) (question: 'Question) (asking: HttpAsking<'Question>) : byte[] =
        let body = asking.Body id question

        HttpMessage.encodeRequest
            { Target = asking.Target question
              Headers =
                [ HttpMessage.Id, id
                  "Accept", asking.Accept
                  match body with
                  | ValueSome(struct (kind, _)) -> "Content-Type", kind
                  | ValueNone -> ()
                  match asking.Login with
                  | ValueSome(struct (user, password)) -> "Authorization", basic user password
                  | ValueNone -> () ]
              Body =
                match body with
                | ValueSome(struct (_, octets)) -> octets
                | ValueNone -> [||] }

    let private send (now: Instant) (question: 'Question) (link: HttpLink<'Question, 'Outcome>) =
        let struct (id, rng) = id link.Window.Rng
        let link = { link with Window = { link.Window with Rng = rng } }
        let struct (deadline, window) = RequestWindow.deadline link.Asking.Timeout now 0 link.Window

        { link with
            Window = RequestWindow.send now id question () (message id question link.Asking) deadline window }

    /// Puts these before the questions that wait already.
    let enqueue (questions: 'Question list) (link: HttpLink<'Question, 'Outcome>) =
        { link with Window = RequestWindow.enqueue questions link.Window }

    /// Sends what waits, as far as there is room.
    let rec fill (now: Instant) (link: HttpLink<'Question, 'Outcome>) : HttpLink<'Question, 'Outcome> =
        match RequestWindow.tryNext (Pace.slots link.Window.Pace) link.Window with
        | ValueSome(struct (question, window)) -> fill now (send now question { link with Window = window })
        | ValueNone -> link

    let repeat now (id: string) (request: InFlight<'Question, unit>) (link: HttpLink<'Question, 'Outcome>) =
        let struct (deadline, window) =
            RequestWindow.deadline link.Asking.Timeout now request.Times link.Window

        { link with
            Window = RequestWindow.repeat now id request deadline (RequestWindow.lost now window) }

    /// The words of a response that is no success: the gateway's own, or those of the status line.
    let words (link: HttpLink<'Question, 'Outcome>) (response: HttpResponse) : string =
        link.Asking.Words response.Body
        |> ValueOption.defaultValue (if response.Reason = "" then "no reason" else response.Reason)

    /// No answer makes us wait longer than this.
    let private longestWait = TimeSpan.FromMinutes 1.0

    /// What Retry-After asks for, in whole seconds (RFC 9110 section 10.2.3); a date there is not looked at.
    let private retryAfter (response: HttpResponse) : TimeSpan =
        match HttpMessage.tryHeader "Retry-After" response.Headers with
        | ValueSome text ->
            match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, seconds -> min longestWait (TimeSpan.FromSeconds(float seconds))
            | _ -> TimeSpan.Zero
        | ValueNone -> TimeSpan.Zero

    /// The request stays in flight, and is sent again when it is due, but no sooner than the gateway wants.
    let private postpone (now: Instant) (id: string) request response (link: HttpLink<'Question, 'Outcome>) =
        let until = Instant.max request.Deadline (now + retryAfter response)

        { link with
            Window =
                { link.Window with
                    InFlight = Map.add id { request with Deadline = until } link.Window.InFlight }
            Unready = ValueSome(struct (response.Status, words link response)) }

    /// The request that a message answers, and the response; nothing if it answers none, or says to ask again.
    let receive
        (now: Instant)
        (octets: byte[])
        (link: HttpLink<'Question, 'Outcome>)
        : struct (struct (InFlight<'Question, unit> * HttpResponse) voption * HttpLink<'Question, 'Outcome>) =
        let window = link.Window
        let stray reason = struct (ValueNone, { link with Window = RequestWindow.stray reason window })

        match HttpMessage.decodeResponse octets with
        | Error error -> stray (string error)
        | Ok response ->
            let id = HttpMessage.tryHeader HttpMessage.Id response.Headers |> ValueOption.defaultValue ""

            match Map.tryFind id window.InFlight with
            | None -> stray "an answer to no request of this audit"
            | Some request when link.Asking.IsUnready response.Status ->
                struct (ValueNone, postpone now id request response link)
            | Some request ->
                let pace = Pace.answered window.Timeout window.InFlight.Count (now - request.Last) window.Pace

                struct (ValueSome(struct (request, response)),
                        { link with Window = RequestWindow.answered now id pace window })

    let silence (now: Instant) (link: HttpLink<'Question, 'Outcome>) : Shortfall =
        match link.Unready with
        | ValueSome(struct (status, words)) ->
            Refused(RefusalCause.Code status, $"the gateway says: {words} ({status})")
        | ValueNone ->
            let trouble = if link.Trouble = "" then "" else $"; {link.Trouble}"
            RequestWindow.silence now "requests" link.Asking.Speaker trouble link.Window

    let finish (outcome: 'Outcome) (link: HttpLink<'Question, 'Outcome>) =
        { link with Window = RequestWindow.finish outcome link.Window }

    /// The commands of one event in order, and when to wake up.
    let commit
        (link: HttpLink<'Question, 'Outcome>)
        : struct (HttpLink<'Question, 'Outcome> * Command<'Outcome> list) =
        let struct (window, commands) = RequestWindow.commit (RequestWindow.due link.Window) link.Window
        struct ({ link with Window = window }, commands)
