namespace CallServer.Surface

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Protocols.Mgcp

/// What a gateway announced about itself by RSIP (RFC 3435 §2.3.12).
[<Sealed; AllowNullLiteral>]
type RestartNotice internal (notice: CallServer.Protocols.Mgcp.RestartNotice) =
    /// restart, forced, disconnected, graceful or cancel-graceful.
    member _.Kind = string notice.Kind

    /// Whether the connections of these endpoints are lost: after restart and forced.
    member _.ConnectionsLost =
        match notice.Kind with
        | RestartKind.Restart
        | RestartKind.Forced -> true
        | RestartKind.Graceful
        | RestartKind.CancelGraceful
        | RestartKind.Disconnected -> false

    /// Whether to audit the gateway at once. After a graceful announcement there is nothing to learn yet.
    member _.AsksForAudit =
        match notice.Kind with
        | RestartKind.Restart
        | RestartKind.Forced
        | RestartKind.Disconnected -> true
        | RestartKind.Graceful
        | RestartKind.CancelGraceful -> false

    /// One endpoint or a wildcard, local@domain in lower case.
    member _.Endpoints = string notice.Endpoints

    /// The time until the restart, at least 0 (MGCP's `RD:`).
    member _.Delay: TimeSpan = notice.Delay

    /// Where it came from, HOST:PORT.
    member _.Source = notice.Source

/// What one datagram to the listener brings about.
[<Sealed; AllowNullLiteral>]
type MgcpArrival
    internal (next: MgcpListener, replies: byte[] list, notices: CallServer.Protocols.Mgcp.RestartNotice list)
    =
    /// The listener that receives the next datagram.
    member _.Next = next

    /// Datagrams to send back to where this one came from.
    member _.Replies: IReadOnlyList<byte[]> = List.toArray replies

    /// What gateways announced in the datagram.
    member _.Notices: IReadOnlyList<RestartNotice> = [| for notice in notices -> RestartNotice notice |]

/// The call agent's port, at which gateways announce that they restart. Immutable, without clock or socket.
/// It answers as RFC 3435 requires and takes no gateway over.
and [<Sealed; AllowNullLiteral>] MgcpListener private (state: ListenerState) =
    /// The name of the protocol whose gateways it hears.
    static member Protocol = MgcpProtocol.value.Name

    /// A listener that has heard nothing.
    static member Create() = MgcpListener(MgcpListening.empty)

    /// How many datagrams so far held nothing for this listener.
    member _.Strays = MgcpListening.strays state

    /// Takes in one datagram from `source`, HOST:PORT. One that cannot be read counts as a stray.
    member _.Receive(now: Moment, source: string, datagram: byte[]) : MgcpArrival =
        let struct (next, replies, notices) = MgcpListening.receive now.Steady source datagram state
        MgcpArrival(MgcpListener next, replies, notices)
