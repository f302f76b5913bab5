namespace CallServer.Gateway

open System
open CallServer.Model

/// An event for a responder. Its host names peers and streams; a peer is HOST:PORT.
[<NoComparison>]
type ResponderEvent =
    | Datagram of peer: string * octets: byte[]
    /// A peer opened a stream. The number of a stream is never reused.
    | StreamCame of stream: int
    /// Octets of a stream that a peer opened, in order, split anywhere.
    | Octets of stream: int * octets: byte[]
    | StreamClosed of stream: int
    /// The requested time has come; a tick that comes too early or twice changes nothing.
    | Tick
    /// What happened to the table since the last event.
    | Happened of TruthEvent list
    /// The gateway is back after it was down with all its calls.
    | Restarted

/// What a responder asks its host to do.
[<NoComparison>]
type ResponderCommand =
    | SendTo of peer: string * after: TimeSpan * datagram: byte[]
    | WriteTo of stream: int * after: TimeSpan * octets: byte[]
    | HangUp of stream: int
    /// Send Tick at this instant; replaces an earlier instant.
    | TickAt of Instant
    /// The peer ended the connection with this serial number.
    | EndConnection of serial: int64

/// The gateway's side of one protocol, over a table that it does not own. Its state is in the closure. Never throws, whatever the
/// octets.
[<NoComparison; NoEquality>]
type Responder =
    {
        /// snmp, mgcp, h248, sip, ng, jsonrpc, esl, ari, mi, restconf.
        Protocol: string
        Advance: Instant -> Table -> ResponderEvent -> struct (Responder * ResponderCommand list)
        /// The names that audits give a connection. There is one identity for each connection that an audit lists for it; an ng
        /// call has two tags.
        Identify: SimConnection -> Identity list
        /// Requests received and understood, answered or not.
        Heard: int
    }
