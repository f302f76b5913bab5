namespace CallServer.Exchange

open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger

/// What happens to an audit. Every event carries the time at which it happened: an audit never looks at a clock.
type Event =
    /// A datagram from the gateway's address, or the gateway's answer to a request over HTTP.
    | Received of at: Moment * message: byte[]
    /// The stream that was asked for is open. local is our end of it, HOST:PORT.
    | Connected of at: Moment * local: string
    /// Octets of the stream, in order, cut anywhere.
    | Arrived of at: Moment * octets: byte[]
    /// The stream could not be opened, or it was closed; why, in words.
    | Broken of at: Moment * reason: string
    /// The time of the last WakeAt has passed. A Woke that comes too early or twice changes nothing.
    | Woke of at: Moment
    /// The host gives up: nothing more is asked, and what was learnt becomes a partial snapshot.
    | Stopped of at: Moment

    member this.At =
        match this with
        | Received(at, _)
        | Connected(at, _)
        | Arrived(at, _)
        | Broken(at, _)
        | Woke at
        | Stopped at -> at

/// What an exchange with a gateway asks of its host. One event gives any number of commands; the host carries all of them out
/// before the next event.
type Command<'Outcome> =
    /// Send a datagram to the gateway.
    | Send of message: byte[]
    /// Open a stream to the gateway, in place of one that is open. Connected or Broken follows.
    | Connect
    /// Write octets to the open stream.
    | Write of octets: byte[]
    /// Send Woke at this instant; a later WakeAt replaces an earlier one.
    | WakeAt of Instant
    /// What a standing exchange has learnt so far; the exchange goes on.
    | Told of 'Outcome
    /// The exchange is over; this comes exactly once. Later events change nothing, and the host closes the stream.
    | Finished of 'Outcome

/// What an audit asks of its host.
type Command = Command<Snapshot>

module internal Command =
    /// Puts commands that were noted newest first into their order, and after them when to wake up.
    let inOrder (noted: Command<'Outcome> list) (wake: Instant voption) : Command<'Outcome> list =
        match wake with
        | ValueSome at -> List.rev (WakeAt at :: noted)
        | ValueNone -> List.rev noted

/// What an audit is given at its start.
[<NoComparison; NoEquality>]
type AuditStart =
    {
        At: Moment
        /// For request ids, salts and tags: fresh for every audit, on every server.
        Rng: Rng
        /// Our end of the path that datagrams take to this gateway, HOST:PORT; empty if there is none.
        Local: string
        /// The connections on record for this gateway, sorted by id: some gateways report a connection only when asked for it.
        Known: Connection[]
        /// How much of the gateway's own history has been taken in; ValueNone if no history is to be read.
        History: HistoryMark voption
        /// All facts of the known connections are to be read, whatever the audit before this one read.
        Afresh: bool
    }

/// What became of the release of a connection.
[<RequireQualifiedAccess>]
type Release =
    /// The gateway's own reply says that the connection ended.
    | Ended of Ended
    /// The connection was not released, or it is unknown whether it was (Silent, CutShort).
    | NotReleased of Shortfall

/// Which call agent controls a gateway, as the gateway says.
[<RequireQualifiedAccess>]
type Controller =
    /// As the gateway writes it. In MGCP this is the notified entity of one endpoint, which decides where the endpoint sends
    /// (RFC 3435 §4.1); empty if that is whoever sent the last command.
    | Told of endpoint: string * entity: string
    | NotTold of Shortfall
