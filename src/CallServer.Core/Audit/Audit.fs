namespace CallServer.Audit

open CallServer.Model
open CallServer.Ledger

/// What happens to an audit. Every event carries the time at which it happened; an audit never looks at a clock.
type Event =
    /// A datagram (or a whole message of a stream) from the gateway's address.
    | Received of at: Moment * message: byte[]
    /// The asked wake-up time has passed; one that comes too early or twice changes nothing.
    | Woke of at: Moment
    /// The host gives up: no more sending, what was learnt becomes a partial snapshot.
    | Stopped of at: Moment

    member this.At =
        match this with
        | Received(at, _)
        | Woke at
        | Stopped at -> at

/// What an audit asks of its host. One event gives any number of commands; all of them are carried out before the next event.
type Command =
    | Send of message: byte[]
    /// Send Woke at this instant; a later WakeAt replaces an earlier one.
    | WakeAt of Instant
    /// The audit is over, exactly once; later events change nothing.
    | Finished of Snapshot
