namespace CallServer.Exchange

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger

/// A request until its answer. Repeats have the same octets, so that the gateway recognizes a repeat by its id.
type internal InFlight<'Purpose, 'Form> =
    {
        /// Why it was sent.
        Purpose: 'Purpose
        /// What the protocol has to know about how it was sent.
        Form: 'Form
        Octets: byte[]
        /// When it was sent first. Its answer may be that old, because gateways repeat the answer that they gave then.
        First: Instant
        /// When it was sent last.
        Last: Instant
        /// How many times it was sent.
        Times: int
        Deadline: Instant
    }

/// The requests of one exchange with one gateway: those that wait, those in flight, and how fast the gateway answers.
///
///   event      request in flight                            otherwise
///   answer     done                                         stray: counted and dropped
///   deadline   sent again, or spent after the last attempt  -
///   room       -                                            the next one that waits is sent
///
/// The protocol gives each request its key, its octets and its deadline.
type internal RequestWindow<'Key, 'Purpose, 'Form, 'Outcome when 'Key: comparison> =
    {
        /// How long to wait for the answer to the first sending.
        Timeout: TimeSpan
        /// How many times a request is sent at most.
        Attempts: int
        /// The most messages that are ever sent, whatever the gateway answers.
        MaxRequests: int
        /// Requests go into a stream, where they are not repeated.
        IsStream: bool
        Began: Instant
        Rng: Rng
        Pace: Pace
        Queue: 'Purpose list
        InFlight: Map<'Key, InFlight<'Purpose, 'Form>>
        /// Messages sent, repeats and acknowledgements included.
        Requests: int
        /// Messages that answered nothing.
        Strays: int
        LastStray: string
        LastReply: Instant voption
        /// Commands of the present event, newest first.
        Outbox: Command<'Outcome> list
    }

module internal RequestWindow =
    /// Before the first message. Datagrams are the default.
    let create timeout attempts maxRequests (pace: Pace) (rng: Rng) (now: Instant) =
        { Timeout = timeout
          Attempts = attempts
          MaxRequests = maxRequests
          IsStream = false
          Began = now
          Rng = rng
          Pace = pace
          Queue = []
          InFlight = Map.empty
          Requests = 0
          Strays = 0
          LastStray = ""
          LastReply = ValueNone
          Outbox = [] }

    let put (command: Command<'Outcome>) window = { window with Outbox = command :: window.Outbox }

    /// Sends a message of any kind.
    let transmit (octets: byte[]) (window: RequestWindow<'K, 'P, 'F, 'Outcome>) =
        { window with Requests = window.Requests + 1 }
        |> put (if window.IsStream then Write octets else Send octets)

    /// A random number from 0 to 1. Waits vary by it, so that the requests to many gateways do not come at once.
    let jitter (window: RequestWindow<'K, 'P, 'F, 'Outcome>) =
        let struct (jitter, rng) = Rng.fraction window.Rng
        struct (jitter, { window with Rng = rng })

    /// Each repeat waits half as long again.
    let private backOff = 1.5

    /// How long attempt number `tries`, counted from 0, of a request that first waits this long waits for its answer: up to a tenth longer by
    /// `jitter`, from 0 to 1.
    let wait (timeout: TimeSpan) (tries: int) (jitter: float) : TimeSpan =
        timeout * (Math.Pow(backOff, float tries) * (1.0 + 0.1 * jitter))

    /// How long all attempts of such a request take together.
    let patience (timeout: TimeSpan) (attempts: int) : TimeSpan =
        Seq.init attempts (fun tries -> wait timeout tries 0.0) |> Seq.fold (+) TimeSpan.Zero

    /// When that attempt is given up. Waits vary a little from request to request.
    let deadline
        (timeout: TimeSpan)
        (now: Instant)
        (tries: int)
        (window: RequestWindow<'K, 'P, 'F, 'Outcome>)
        =
        let struct (jitter, window) = jitter window
        struct (now + wait timeout tries jitter, window)

    /// Puts these before the requests that wait already: a gateway is asked about what it reported soon after it reported it.
    let enqueue (purposes: 'P list) window = { window with Queue = purposes @ window.Queue }

    let isExhausted window : bool = window.Requests >= window.MaxRequests

    /// The next request that waits, if fewer than this many are in flight.
    let tryNext (slots: int) window =
        match window.Queue with
        | next :: rest when window.InFlight.Count < slots && not (isExhausted window) ->
            ValueSome(struct (next, { window with Queue = rest }))
        | _ -> ValueNone

    let private transmitAs key request window =
        transmit request.Octets { window with InFlight = Map.add key request window.InFlight }

    let send (now: Instant) key (purpose: 'P) (form: 'F) (octets: byte[]) (deadline: Instant) window =
        let request =
            { Purpose = purpose
              Form = form
              Octets = octets
              First = now
              Last = now
              Times = 1
              Deadline = deadline }

        transmitAs key request window

    let repeat (now: Instant) key request (deadline: Instant) window =
        transmitAs key { request with Last = now; Times = request.Times + 1; Deadline = deadline } window

    /// Stops waiting for the answer.
    let drop key window = { window with InFlight = Map.remove key window.InFlight }

    /// The answer came within half of the first wait.
    let isPrompt (now: Instant) request window : bool = now - request.Last <= window.Timeout * 0.5

    let answered (now: Instant) key (pace: Pace) window =
        { drop key window with LastReply = ValueSome now; Pace = pace }

    /// The gateway has answered something since this request was sent first.
    let hasAnsweredSince request window : bool =
        window.LastReply |> ValueOption.exists (fun reply -> reply > request.First)

    let stray (reason: string) window = { window with Strays = window.Strays + 1; LastStray = reason }

    /// A request was not answered in time.
    let lost (now: Instant) window = { window with Pace = Pace.lost now window.Timeout window.Pace }

    /// The requests that should have been answered by now, in the order of their keys.
    let late (now: Instant) window =
        [ for KeyValue(key, request) in window.InFlight do
              if request.Deadline <= now then
                  key, request ]

    /// The request is not sent again: it was sent often enough, or goes over a stream.
    let isSpent request window : bool = window.IsStream || request.Times >= window.Attempts

    /// The next deadline; the distant future if nothing is in flight.
    let due window : Instant =
        window.InFlight
        |> Map.fold (fun least _ request -> Instant.min least request.Deadline) Instant.distantFuture

    /// The gateway does not answer, or no longer answers. what: what it was sent, such as datagrams; who: what may be down; trouble:
    /// what else went wrong.
    let silence (now: Instant) (what: string) (who: string) (trouble: string) window : Shortfall =
        let asked = Silence.asked window.Requests what window.Began now
        let strays = Silence.strays window.Strays window.LastStray

        if window.LastReply.IsNone then
            Silent $"{asked}: wrong address or port, or {who} is down{trouble}{strays}"
        else
            CutShort $"{asked}, of which some were answered{trouble}{strays}"

    /// Ends the exchange: no request waits, and no answer is awaited.
    let finish (outcome: 'Outcome) window =
        put (Finished outcome) { window with Queue = []; InFlight = Map.empty }

    /// The commands of one event in the order in which they came up, then when to wake up; no wake-up for the distant future.
    let commit (wake: Instant) window =
        let wake = if wake = Instant.distantFuture then ValueNone else ValueSome wake
        struct ({ window with Outbox = [] }, Command.inOrder window.Outbox wake)
