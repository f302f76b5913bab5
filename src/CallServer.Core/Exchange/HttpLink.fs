namespace CallServer.Exchange

open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// Requests to a gateway that are whole requests of HTTP, by their ids.
[<NoEquality; NoComparison>]
type internal HttpLink<'Question, 'Outcome> =
    {
        /// What answers there, in words.
        Speaker: string
        /// Writes the request of that id that asks the question.
        Write: string -> 'Question -> byte[]
        /// The gateway's own words in the body of a response that is no success; nothing where there are none.
        Read: JsonView -> string voption
        Window: RequestWindow<string, 'Question, unit, 'Outcome>
        /// What went wrong last on the way to the gateway.
        Trouble: string
        /// What it said last that it cannot answer yet: the status, and its words.
        Unready: struct (int * string) voption
    }

module internal HttpLink =
    let start speaker write read (window: RequestWindow<string, 'Question, unit, 'Outcome>) =
        { Speaker = speaker
          Write = write
          Read = read
          Window = window
          Trouble = ""
          Unready = ValueNone }

    /// 64 random bits in hex.
    let private id (rng: Rng) : struct (string * Rng) =
        let struct (bits, rng) = Rng.next rng
        struct (bits.ToString "x16", rng)

    let private send (now: Instant) (question: 'Question) (link: HttpLink<'Question, 'Outcome>) =
        let struct (id, rng) = id link.Window.Rng
        let link = { link with Window = { link.Window with Rng = rng } }
        let struct (deadline, window) = RequestWindow.deadline link.Window.Timeout now 0 link.Window

        { link with
            Window = RequestWindow.send now id question () (link.Write id question) deadline window }

    /// Sends what waits, as far as there is room.
    let rec fill (now: Instant) (link: HttpLink<'Question, 'Outcome>) : HttpLink<'Question, 'Outcome> =
        match RequestWindow.tryNext (Pace.slots link.Window.Pace) link.Window with
        | ValueSome(struct (question, window)) -> fill now (send now question { link with Window = window })
        | ValueNone -> link

    let repeat now (id: string) (request: InFlight<'Question, unit>) (link: HttpLink<'Question, 'Outcome>) =
        let struct (deadline, window) =
            RequestWindow.deadline link.Window.Timeout now request.Times link.Window

        { link with
            Window = RequestWindow.repeat now id request deadline (RequestWindow.lost now window) }

    /// What a proxy, or a gateway while it starts, answers in place of an answer: a later attempt may get one.
    let private isUnready (status: int) : bool = status = 502 || status = 503 || status = 504

    /// The words of a response that is no success: the gateway's own, or those of the status line.
    let words (response: HttpResponse) (link: HttpLink<'Question, 'Outcome>) : string =
        link.Read response.Body
        |> ValueOption.defaultValue (if response.Reason = "" then "no reason" else response.Reason)

    /// The request that a message answers, and the response; nothing if it answers none, or says to ask again: then the request stays in flight, and
    /// is sent again when it is due.
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
            | Some _ when isUnready response.Status ->
                struct (ValueNone,
                        { link with Unready = ValueSome(struct (response.Status, words response link)) })
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
            RequestWindow.silence now "requests" link.Speaker trouble link.Window

    let finish (outcome: 'Outcome) (link: HttpLink<'Question, 'Outcome>) =
        { link with Window = RequestWindow.finish outcome link.Window }

    /// The commands of one event in order, and when to wake up.
    let commit
        (link: HttpLink<'Question, 'Outcome>)
        : struct (HttpLink<'Question, 'Outcome> * Command<'Outcome> list) =
        let struct (window, commands) = RequestWindow.commit (RequestWindow.due link.Window) link.Window
        struct ({ link with Window = window }, commands)
