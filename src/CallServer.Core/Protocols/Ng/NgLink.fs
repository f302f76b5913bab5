namespace CallServer.Protocols.Ng

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// The connection to an rtpengine and the requests on it.
[<NoEquality; NoComparison>]
type internal NgLink<'Purpose, 'Outcome> =
    {
        Target: NgGateway
        /// By cookie.
        Window: RequestWindow<string, 'Purpose, unit, 'Outcome>
        /// Waits for answers vary a little from request to request.
        Jitters: bool
        /// The octets of the stream that do not form a whole message yet.
        Stream: NgFraming
        IsOpen: bool
        /// When to give up the stream if it is not open by then.
        OpenBy: Instant
        /// How often the stream was reopened.
        Reopened: int
        /// Why the connection to the gateway broke last.
        Trouble: string
    }

/// Each request has its own cookie. rtpengine answers a cookie that it remembers with the same reply, so that a repeat must be
/// the very same message. On a stream nothing is repeated until the stream breaks and is reopened.
module internal NgLink =
    /// A limit, in case a gateway answers for ever.
    [<Literal>]
    let private MaxRequests = 2_000_000

    /// How often a stream that worked is reopened.
    [<Literal>]
    let private MaxReopened = 2

    /// A request on a stream waits once for as long as all attempts of a datagram together.
    let private patience (target: NgGateway) : TimeSpan =
        RequestWindow.patience target.Timeout target.Attempts

    /// Begins a link. Datagrams need no opening.
    let start
        (target: NgGateway)
        (jitters: bool)
        (pace: Pace)
        (given: AuditStart)
        : NgLink<'Purpose, 'Outcome> =
        let now = given.At.Steady
        let isStream = target.Transport = NgTransport.Tcp
        let window = RequestWindow.create target.Timeout target.Attempts MaxRequests pace given.Rng now

        { Target = target
          Window = { window with IsStream = isStream }
          Jitters = jitters
          Stream = NgFraming.empty
          IsOpen = not isStream
          OpenBy = now + patience target
          Reopened = 0
          Trouble = "" }

    /// Requests the stream, if there is to be one and it is not open.
    let connect (link: NgLink<'P, 'Outcome>) : NgLink<'P, 'Outcome> =
        if link.IsOpen then
            link
        else
            { link with Window = RequestWindow.put Connect link.Window }

    let isDatagrams (link: NgLink<'P, 'Outcome>) : bool = link.Target.Transport = NgTransport.Udp

    /// 128 random bits in hex. rtpengine remembers a cookie whoever sent it, so no server may ever use one twice.
    let private cookie (rng: Rng) : struct (string * Rng) =
        let struct (high, rng) = Rng.next rng
        let struct (low, rng) = Rng.next rng
        struct (high.ToString "x16" + low.ToString "x16", rng)

    let private deadline (now: Instant) (tries: int) (link: NgLink<'P, 'Outcome>) =
        let struct (jitter, window) =
            if link.Jitters then
                RequestWindow.jitter link.Window
            else
                struct (0.0, link.Window)

        let wait =
            if window.IsStream then
                patience link.Target
            else
                RequestWindow.wait link.Target.Timeout tries jitter

        struct (now + wait, window)

    let send (now: Instant) (purpose: 'P) (request: NgRequest) (link: NgLink<'P, 'Outcome>) =
        let struct (cookie, rng) = cookie link.Window.Rng
        let message = Ng.encodeRequest cookie request
        let struct (deadline, window) = deadline now 0 { link with Window = { link.Window with Rng = rng } }
        { link with Window = RequestWindow.send now cookie purpose () message deadline window }

    /// Sends waiting requests, as many as the gateway can take.
    let rec pump (now: Instant) (requestOf: 'P -> NgRequest) (link: NgLink<'P, 'Outcome>) =
        let slots = if link.IsOpen then Pace.slots link.Window.Pace else 0

        match RequestWindow.tryNext slots link.Window with
        | ValueSome(struct (next, window)) ->
            pump now requestOf (send now next (requestOf next) { link with Window = window })
        | ValueNone -> link

    /// No answer will come.
    let isSpent (request: InFlight<'P, unit>) (link: NgLink<'P, 'Outcome>) : bool =
        RequestWindow.isSpent request link.Window || RequestWindow.isExhausted link.Window

    let repeat (now: Instant) (cookie: string) (request: InFlight<'P, unit>) (link: NgLink<'P, 'Outcome>) =
        let struct (deadline, window) = deadline now request.Times link
        let window = RequestWindow.repeat now cookie request deadline window
        { link with Window = RequestWindow.lost now window }

    /// Finds the request that a message answers, and completes it.
    let receive (now: Instant) (octets: byte[]) (link: NgLink<'P, 'Outcome>) =
        let window = link.Window

        match Ng.peek octets with
        | ValueNone ->
            struct (ValueNone, { link with Window = RequestWindow.stray "without a cookie" window })
        | ValueSome cookie ->
            match Map.tryFind cookie window.InFlight with
            | None ->
                let window = RequestWindow.stray "an answer to no request of this audit" window
                struct (ValueNone, { link with Window = window })
            | Some request ->
                let isPrompt = RequestWindow.isPrompt now request window
                let pace = if isPrompt then NgPace.prompt window.Pace else window.Pace

                struct (ValueSome request,
                        { link with Window = RequestWindow.answered now cookie pace window })

    /// The messages that these octets of the stream complete.
    let feed (octets: byte[]) (link: NgLink<'P, 'Outcome>) =
        NgFraming.feed octets link.Stream
        |> Result.map (fun (struct (stream, messages)) -> struct ({ link with Stream = stream }, messages))

    /// The stream is open. Requests that were in flight when it broke are sent again with the same cookies, so that nothing is
    /// done twice.
    let connected (now: Instant) (link: NgLink<'P, 'Outcome>) : NgLink<'P, 'Outcome> =
        let again window cookie request =
            RequestWindow.transmit
                request.Octets
                { window with InFlight = Map.add cookie { request with Last = now } window.InFlight }

        if link.IsOpen then
            link
        else
            { link with IsOpen = true; Window = Map.fold again link.Window link.Window.InFlight }

    /// Reopens the stream, if it ever answered; otherwise `ValueNone`.
    let tryReopen (now: Instant) (link: NgLink<'P, 'Outcome>) : NgLink<'P, 'Outcome> voption =
        if link.IsOpen && link.Window.LastReply.IsSome && link.Reopened < MaxReopened then
            { link with
                IsOpen = false
                OpenBy = now + patience link.Target
                Reopened = link.Reopened + 1
                Stream = NgFraming.empty }
            |> connect
            |> ValueSome
        else
            ValueNone

    /// The stream did not open in time.
    let isOverdue (now: Instant) (link: NgLink<'P, 'Outcome>) : bool = not link.IsOpen && link.OpenBy <= now

    /// When an answer or the stream is overdue; the distant future if neither is awaited.
    let due (link: NgLink<'P, 'Outcome>) : Instant =
        let requests = RequestWindow.due link.Window
        if link.IsOpen then requests else Instant.min requests link.OpenBy

    let silence (now: Instant) (link: NgLink<'P, 'Outcome>) : Shortfall =
        let trouble = if link.Trouble = "" then "" else $"; {link.Trouble}"
        RequestWindow.silence now "requests" "rtpengine" trouble link.Window

    /// Ends the exchange: nothing is in flight, and no stream is awaited.
    let finish (outcome: 'Outcome) (link: NgLink<'P, 'Outcome>) : NgLink<'P, 'Outcome> =
        { link with
            Window = RequestWindow.finish outcome link.Window
            OpenBy = Instant.distantFuture }

    /// The commands of one event in order, and when to wake up.
    let commit (wake: Instant) (link: NgLink<'P, 'Outcome>) =
        let struct (window, commands) = RequestWindow.commit wake link.Window
        struct ({ link with Window = window }, commands)
