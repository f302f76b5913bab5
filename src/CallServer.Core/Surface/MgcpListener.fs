namespace CallServer.Surface

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Audit

/// What a gateway told of itself by RSIP (RFC 3435 §2.3.12).
[<Sealed; AllowNullLiteral>]
type RestartNotice internal (notice: CallServer.Audit.RestartNotice) =
    /// restart, forced, disconnected, graceful or cancel-graceful.
    member _.Kind = string notice.Kind

    /// restart and forced: the connections of these endpoints are lost.
    member _.ConnectionsLost =
        match notice.Kind with
        | RestartKind.Restart
        | RestartKind.Forced -> true
        | RestartKind.Graceful
        | RestartKind.CancelGraceful
        | RestartKind.Disconnected -> false

    /// The gateway is to be asked at once; after a graceful announcement there is nothing to learn yet.
    member _.AsksForAudit =
        match notice.Kind with
        | RestartKind.Restart
        | RestartKind.Forced
        | RestartKind.Disconnected -> true
        | RestartKind.Graceful
        | RestartKind.CancelGraceful -> false

    /// One endpoint or a wildcard, local@domain in lower case.
    member _.Endpoints = string notice.Endpoints

    /// How long it will be until then.
    member _.Delay: TimeSpan = notice.Delay

    /// HOST:PORT that it came from.
    member _.Source = notice.Source

/// What one datagram to the listener brings about.
[<Sealed; AllowNullLiteral>]
type MgcpArrival
    internal (next: MgcpListener, replies: byte[] list, notices: CallServer.Audit.RestartNotice list) =
    /// The listener that hears the next datagram.
    member _.Next = next

    /// Datagrams to send back to where it came from.
    member _.Replies: IReadOnlyList<byte[]> = List.toArray replies

    member _.Notices: IReadOnlyList<RestartNotice> = [| for notice in notices -> RestartNotice notice |]

/// The call agent's port, on which gateways announce that they restart. Immutable, without clock or socket. It answers as RFC
/// 3435 asks and takes no gateway over.
and [<Sealed; AllowNullLiteral>] MgcpListener private (state: ListenerState) =
    static member Create() = MgcpListener(MgcpListening.empty)

    /// Datagrams so far that held nothing for us.
    member _.Strays = MgcpListening.strays state

    /// Source is HOST:PORT.
    member _.Receive(now: Moment, source: string, datagram: byte[]) : MgcpArrival =
        let struct (next, replies, notices) = MgcpListening.receive now.Steady source datagram state
        MgcpArrival(MgcpListener next, replies, notices)
