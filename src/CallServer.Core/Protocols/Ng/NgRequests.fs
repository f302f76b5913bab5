namespace CallServer.Protocols.Ng

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Wire
open CallServer.Exchange

/// Requests: their cookies, their repeats, and how many are in flight.
module internal NgRequests =
    open NgState

    /// Against gateways that answer for ever.
    [<Literal>]
    let MaxRequests = 2_000_000

    let private backOff = 1.5

    /// 128 random bits in hex: rtpengine remembers cookies whoever sends them, so that no server may ever use
    /// one twice.
    let cookie (rng: Rng) : struct (string * Rng) =
        let struct (high, rng) = Rng.next rng
        let struct (low, rng) = Rng.next rng
        struct (high.ToString "x16" + low.ToString "x16", rng)

    /// The wait for an answer to the so-manieth try, from 0; it differs a little from request to request.
    let private wait (target: NgGateway) (tries: int) (jitter: float) : TimeSpan =
        target.Timeout * (Math.Pow(backOff, float tries) * (1.0 + 0.1 * jitter))

    /// As long as all tries of one request together: what a stream has for it.
    let patience (target: NgGateway) : TimeSpan =
        Seq.init target.Attempts (fun tries -> wait target tries 0.0) |> Seq.fold (+) TimeSpan.Zero

    let deadlineOf (now: Instant) (tries: int) (jitter: float) (target: NgGateway) : Instant =
        match target.Transport with
        | NgTransport.Tcp -> now + patience target
        | NgTransport.Udp
        | NgTransport.Http -> now + wait target tries jitter

    let carry (transport: NgTransport) (message: byte[]) : Command<'Outcome> =
        match transport with
        | NgTransport.Tcp -> Write message
        | NgTransport.Udp
        | NgTransport.Http -> Send message

    let private requestOf (purpose: NgPurpose) : NgRequest =
        match purpose with
        | NgPurpose.Statistics -> NgRequest.Statistics
        | NgPurpose.List(limit, _) -> NgRequest.List limit
        | NgPurpose.Call key -> NgRequest.Query(NgObserving.octetsOf key)

    let private send (now: Instant) (purpose: NgPurpose) (state: NgAuditState) : NgAuditState =
        let struct (cookie, rng) = cookie state.Rng
        let struct (jitter, rng) = Rng.fraction rng
        let message = Ng.encodeRequest cookie (requestOf purpose)

        let job =
            { Purpose = purpose
              Message = message
              First = now
              Last = now
              Tries = 1
              Deadline = deadlineOf now 0 jitter state.Target }

        { state with
            Rng = rng
            Requests = state.Requests + 1
            Jobs = Map.add cookie job state.Jobs
            Outbox = carry state.Target.Transport message :: state.Outbox }

    /// Sends what waits, as far as the window allows.
    let rec pump (now: Instant) (state: NgAuditState) : NgAuditState =
        match state.Queue with
        | next :: rest when
            state.Phase <> NgPhase.Over
            && state.IsOpen
            && state.Jobs.Count < Pace.slots state.Pace
            && state.Requests < MaxRequests
            ->
            pump now (send now next { state with Queue = rest })
        | _ -> state

    let isSpent (job: NgJob) (state: NgAuditState) : bool =
        state.Target.Transport = NgTransport.Tcp
        || job.Tries >= state.Target.Attempts
        || state.Requests >= MaxRequests

    /// The same message again.
    let repeat (now: Instant) (cookie: string) (job: NgJob) (state: NgAuditState) : NgAuditState =
        let struct (jitter, rng) = Rng.fraction state.Rng

        let job =
            { job with
                Last = now
                Tries = job.Tries + 1
                Deadline = deadlineOf now job.Tries jitter state.Target }

        { state with
            Rng = rng
            Requests = state.Requests + 1
            Pace = Pace.lost now state.Target.Timeout state.Pace
            Jobs = Map.add cookie job state.Jobs
            Outbox = carry state.Target.Transport job.Message :: state.Outbox }

    /// What was in flight when the stream broke, on the new one: the same cookies, so that nothing is done
    /// twice.
    let resend (now: Instant) (state: NgAuditState) : NgAuditState =
        (state, state.Jobs)
        ||> Map.fold (fun state cookie job ->
            { state with
                Requests = state.Requests + 1
                Jobs = Map.add cookie { job with Last = now } state.Jobs
                Outbox = carry state.Target.Transport job.Message :: state.Outbox })

    /// The time at which something is due.
    let deadline (state: NgAuditState) : Instant voption =
        let jobs =
            state.Jobs |> Map.fold (fun least _ job -> Instant.min least job.Deadline) Instant.distantFuture

        let due =
            match state.Phase with
            | NgPhase.Over -> Instant.distantFuture
            | NgPhase.Waiting until -> Instant.min jobs until
            | _ when not state.IsOpen -> Instant.min jobs state.OpenBy
            | NgPhase.Connecting
            | NgPhase.Opening
            | NgPhase.Listing
            | NgPhase.Checking
            | NgPhase.Querying
            | NgPhase.Sampling
            | NgPhase.Closing -> jobs

        if due = Instant.distantFuture then ValueNone else ValueSome due
