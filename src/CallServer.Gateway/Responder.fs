namespace CallServer.Gateway

open System
open CallServer.Model

/// What happens to a responder. Peers and streams are named by whoever hosts it; a peer is HOST:PORT.
[<NoComparison>]
type ResponderEvent =
    | Datagram of peer: string * octets: byte[]
    /// Octets of a stream that somebody opened, in order, cut anywhere. Numbers are never used again.
    | Octets of stream: int * octets: byte[]
    | StreamClosed of stream: int
    /// The time that was asked for has come; one too early or twice changes nothing.
    | Tick
    /// What became of the table since the last event.
    | Happened of TruthEvent list
    /// The gateway is back after it was down with all its calls.
    | Restarted

/// What a responder asks of its host.
[<NoComparison>]
type ResponderCommand =
    | SendTo of peer: string * after: TimeSpan * datagram: byte[]
    | WriteTo of stream: int * after: TimeSpan * octets: byte[]
    | HangUp of stream: int
    /// Tick at this instant; replaces an earlier one.
    | TickAt of Instant
    /// The peer had the connection of this serial number ended.
    | EndConnection of serial: int64

/// The other end of one protocol over a table that it does not own, with its state closed over. Never throws, whatever the octets.
[<NoComparison; NoEquality>]
type Responder =
    {
        /// snmp, mgcp, sip, ng.
        Protocol: string
        Advance: Instant -> Table -> ResponderEvent -> struct (Responder * ResponderCommand list)
        /// What audits call a connection: once for each connection that they list of it (an ng call has two tags).
        Identify: SimConnection -> Identity list
        /// Requests that it heard and understood, answered or not.
        Heard: int
    }
