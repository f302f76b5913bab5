namespace CallServer.Protocols.Ari

open System
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// The requests to an Asterisk, by their ids.
[<NoEquality; NoComparison>]
type internal AriLink<'Outcome> =
    {
        Target: AriGateway
        Window: RequestWindow<string, AriQuestion, unit, 'Outcome>
        /// What went wrong last on the way to the gateway.
        Trouble: string
        /// What it said last that it cannot answer yet: the status, and its words.
        Unready: struct (int * string) voption
    }

module internal AriLink =
    /// A limit, in case a gateway answers for ever.
    [<Literal>]
    let private MaxRequests = 400_000

    /// The window begins small: each question about one channel may lock all channels of Asterisk, one after the other.
    let private firstWindow = 2.0

    let start (target: AriGateway) (pace: Pace voption) (given: AuditStart) : AriLink<'Outcome> =
        let pace =
            match pace with
            | ValueSome pace -> Pace.resume 1.0 Pace.Gentle pace
            | ValueNone -> Pace.create firstWindow

        { Target = target
          Window =
            RequestWindow.create target.Timeout target.Attempts MaxRequests pace given.Rng given.At.Steady
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

    let private message (id: string) (question: AriQuestion) (target: AriGateway) : byte[] =
        HttpMessage.encodeRequest
            { Target = target.Prefix + "/ari" + question.Target
              Headers =
                [ HttpMessage.Id, id
                  "Accept", "application/json"
                  match target.Login with
                  | ValueSome(struct (user, password)) -> "Authorization", basic user password
                  | ValueNone -> () ] }

    let private send (now: Instant) (question: AriQuestion) (link: AriLink<'Outcome>) =
        let struct (id, rng) = id link.Window.Rng
        let link = { link with Window = { link.Window with Rng = rng } }
        let struct (deadline, window) = RequestWindow.deadline link.Target.Timeout now 0 link.Window

        { link with
            Window = RequestWindow.send now id question () (message id question link.Target) deadline window }

    /// Sends what waits, as far as there is room.
    let rec fill (now: Instant) (link: AriLink<'Outcome>) : AriLink<'Outcome> =
        match RequestWindow.tryNext (Pace.slots link.Window.Pace) link.Window with
        | ValueSome(struct (question, window)) -> fill now (send now question { link with Window = window })
        | ValueNone -> link

    let repeat now (id: string) (request: InFlight<AriQuestion, unit>) (link: AriLink<'Outcome>) =
        let struct (deadline, window) =
            RequestWindow.deadline link.Target.Timeout now request.Times link.Window

        { link with
            Window = RequestWindow.repeat now id request deadline (RequestWindow.lost now window) }

    /// What a proxy, or Asterisk while it starts, answers in place of an answer: a later attempt may get one.
    let private isUnready (status: int) : bool = status = 502 || status = 503 || status = 504

    /// The words of a response that is no success: Asterisk's own, or those of the status line.
    let words (response: HttpResponse) : string =
        AriReplies.readMessage response.Body
        |> ValueOption.defaultValue (if response.Reason = "" then "no reason" else response.Reason)

    /// The request that a message answers, and the response; nothing if it answers none, or says to ask again: then the request stays in flight, and
    /// is sent again when it is due.
    let receive
        (now: Instant)
        (octets: byte[])
        (link: AriLink<'Outcome>)
        : struct (struct (InFlight<AriQuestion, unit> * HttpResponse) voption * AriLink<'Outcome>) =
        let window = link.Window
        let stray reason = struct (ValueNone, { link with Window = RequestWindow.stray reason window })

        match HttpMessage.decodeResponse octets with
        | Error error -> stray (string error)
        | Ok response ->
            let id = HttpMessage.tryHeader HttpMessage.Id response.Headers |> ValueOption.defaultValue ""

            match Map.tryFind id window.InFlight with
            | None -> stray "an answer to no request of this audit"
            | Some _ when isUnready response.Status ->
                struct (ValueNone, { link with Unready = ValueSome(struct (response.Status, words response)) })
            | Some request ->
                let pace = Pace.answered window.Timeout window.InFlight.Count (now - request.Last) window.Pace

                struct (ValueSome(struct (request, response)),
                        { link with Window = RequestWindow.answered now id pace window })

    let silence (now: Instant) (link: AriLink<'Outcome>) : Shortfall =
        match link.Unready with
        | ValueSome(struct (status, words)) ->
            Refused(RefusalCause.Code status, $"the gateway says: {words} ({status})")
        | ValueNone ->
            let trouble = if link.Trouble = "" then "" else $"; {link.Trouble}"
            RequestWindow.silence now "requests" "Asterisk" trouble link.Window

    let finish (outcome: 'Outcome) (link: AriLink<'Outcome>) =
        { link with Window = RequestWindow.finish outcome link.Window }

    /// The commands of one event in order, and when to wake up.
    let commit (link: AriLink<'Outcome>) : struct (AriLink<'Outcome> * Command<'Outcome> list) =
        let struct (window, commands) = RequestWindow.commit (RequestWindow.due link.Window) link.Window
        struct ({ link with Window = window }, commands)
