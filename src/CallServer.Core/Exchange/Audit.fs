namespace CallServer.Exchange

open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger

/// What happens to an audit. Every event carries the time at which it happened; an audit never looks at a clock.
type Event =
    /// A datagram from the gateway's address, or the answer to one over HTTP.
    | Received of at: Moment * message: byte[]
    /// The stream that was asked for is open; local is our end of it, HOST:PORT.
    | Connected of at: Moment * local: string
    /// Octets of the stream, in order, cut anywhere.
    | Arrived of at: Moment * octets: byte[]
    /// The stream could not be opened, or is closed: why, in words.
    | Broken of at: Moment * reason: string
    /// The asked wake-up time has passed; one that comes too early or twice changes nothing.
    | Woke of at: Moment
    /// The host gives up: no more sending, what was learnt becomes a partial snapshot.
    | Stopped of at: Moment

    member this.At =
        match this with
        | Received(at, _)
        | Connected(at, _)
        | Arrived(at, _)
        | Broken(at, _)
        | Woke at
        | Stopped at -> at

/// What an exchange with a gateway asks of its host. One event gives any number of commands; all of them are carried out before
/// the next event.
type Command<'Outcome> =
    /// A datagram to the gateway.
    | Send of message: byte[]
    /// Open a stream to the gateway, in place of one that is open: Connected or Broken follows.
    | Connect
    /// Octets into the open stream.
    | Write of octets: byte[]
    /// Send Woke at this instant; a later WakeAt replaces an earlier one.
    | WakeAt of Instant
    /// What a standing exchange has learnt; it goes on.
    | Told of 'Outcome
    /// It is over, exactly once; later events change nothing, and the stream is to be closed.
    | Finished of 'Outcome

/// What an audit asks of its host.
type Command = Command<Snapshot>

module internal Command =
    /// Commands that were noted newest first, in their order, and after them when to wake up.
    let inOrder (noted: Command<'Outcome> list) (wake: Instant voption) : Command<'Outcome> list =
        match wake with
        | ValueSome at -> List.rev (WakeAt at :: noted)
        | ValueNone -> List.rev noted

/// What an audit is told at its start.
[<NoComparison; NoEquality>]
type AuditStart =
    {
        At: Moment
        /// Request ids, salts, tags: fresh for every audit, on every server.
        Rng: Rng
        /// Our end of the way that datagrams take to this gateway, HOST:PORT; empty where there is none.
        Local: string
        /// What the record holds of this gateway, sorted by id: for gateways that tell of a connection only when asked for it.
        Known: Connection[]
        /// What it has taken of the gateway's own history; nothing where none is to be read.
        History: HistoryMark voption
    }

/// How the release of a connection went.
[<RequireQualifiedAccess>]
type Release =
    /// The gateway's own reply ended it.
    | Ended of Ended
    /// It did not happen, or nobody knows whether it did (Silent, CutShort).
    | NotReleased of Shortfall

/// Which call agent a gateway says that it is controlled by.
[<RequireQualifiedAccess>]
type Controller =
    /// As the gateway writes it. MGCP: the notified entity of one endpoint (RFC 3435 §4.1: it decides where the endpoint sends; empty
    /// where that is whoever sent the last command).
    | Told of endpoint: string * entity: string
    | NotTold of Shortfall
