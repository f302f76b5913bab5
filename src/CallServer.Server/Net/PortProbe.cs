using System.Net;
using System.Net.Sockets;

namespace CallServer.Server.Net;

/// <summary>
/// Tells a closed port from a silent gateway: a connected socket gets the ICMP message that the fleet's shared
/// sockets do not. For people who look once; polling does not need it.
/// </summary>
public static class PortProbe
{
    /// <summary>Whether the system says that nothing listens there for streams.</summary>
    public static async Task<bool> RefusesAsync(IPEndPoint peer, TimeSpan patience, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(peer);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        giveUp.CancelAfter(patience);
        try
        {
            using var socket = new Socket(peer.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(peer, giveUp.Token);
            return false;
        }
        catch (SocketException fault)
        {
            return fault.SocketErrorCode == SocketError.ConnectionRefused;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>The error if the system says that nothing listens there or that there is no route; else null.</summary>
    public static async Task<SocketError?> FindFaultAsync(
        IPEndPoint peer,
        ReadOnlyMemory<byte> message,
        TimeSpan patience,
        CancellationToken cancel
    )
    {
        ArgumentNullException.ThrowIfNull(peer);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        giveUp.CancelAfter(patience);
        try
        {
            using var socket = new Socket(peer.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            await socket.ConnectAsync(peer, giveUp.Token);
            await socket.SendAsync(message, SocketFlags.None, giveUp.Token);
            await socket.ReceiveAsync(new byte[1], SocketFlags.None, giveUp.Token);
            return null;
        }
        catch (SocketException fault) when (fault.SocketErrorCode != SocketError.MessageSize)
        {
            return fault.SocketErrorCode;
        }
        catch (SocketException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return null;
        }
    }
}
