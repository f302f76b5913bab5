using System.Net;
using System.Net.Sockets;

namespace CallServer.Server.Net;

/// <summary>The system's socket errors in words that are the same on every system.</summary>
internal static class SocketWords
{
    public const string Refused = "connection refused";

    /// <summary>Describes a socket error in lower-case words.</summary>
    public static string Of(SocketError fault) =>
        fault switch
        {
            SocketError.ConnectionRefused => Refused,
            SocketError.ConnectionReset => "connection reset by the gateway",
            SocketError.ConnectionAborted => "connection aborted",
            SocketError.TimedOut => "connection timed out",
            SocketError.HostUnreachable => "no route to the host",
            SocketError.HostDown => "the host is down",
            SocketError.NetworkUnreachable => "the network is unreachable",
            SocketError.NetworkDown => "the network is down",
            SocketError.AddressFamilyNotSupported => "this machine does not have that kind of address",
            SocketError.AccessDenied => "this machine's firewall forbids it",
            SocketError.TooManyOpenSockets => "this machine has too many open sockets",
            SocketError.AddressNotAvailable => "this machine has no free local port",
            _ => $"the connection failed ({fault})",
        };

    /// <summary>HOST:PORT, with brackets around IPv6; empty if not known.</summary>
    public static string Name(EndPoint? end) => end is IPEndPoint known ? known.ToString() : "";
}
