using System.Net;
using System.Net.Sockets;

namespace CallServer.Host.Cli.Simulation;

/// <summary>
/// A port on which a simulated gateway speaks one protocol: UDP, plus TCP with the same number if the
/// protocol uses streams.
/// </summary>
public sealed class GatewayPort : IDisposable
{
    // The system picks a free UDP port, and the TCP port of the same number must be free too. It usually is.
    private const int Attempts = 50;

    private GatewayPort(string protocol, Socket datagrams, Socket? streams)
    {
        Protocol = protocol;
        Datagrams = datagrams;
        Streams = streams;
    }

    public string Protocol { get; }
    public Socket Datagrams { get; }

    /// <summary>The listening socket; null if the protocol has datagrams only.</summary>
    public Socket? Streams { get; }

    public IPEndPoint Address => (IPEndPoint)Datagrams.LocalEndPoint!;

    /// <summary>
    /// Opens a port; 0 takes any free one. A port that cannot be opened is a mistake of the command line.
    /// </summary>
    /// <param name="protocol">What is spoken there.</param>
    /// <param name="port">Its number.</param>
    /// <param name="withStreams">Whether TCP is wanted, too.</param>
    /// <param name="at">The address of this machine; null is loopback.</param>
    public static GatewayPort Open(string protocol, int port, bool withStreams, IPAddress? at = null)
    {
        at ??= IPAddress.Loopback;
        for (var attempt = 1; ; attempt++)
        {
            var datagrams = Listen(protocol, SocketType.Dgram, at, port);
            if (!withStreams)
                return new GatewayPort(protocol, datagrams, null);
            try
            {
                var streams = Listen(
                    protocol,
                    SocketType.Stream,
                    at,
                    ((IPEndPoint)datagrams.LocalEndPoint!).Port
                );
                return new GatewayPort(protocol, datagrams, streams);
            }
            catch (CommandFailedException) when (port == 0 && attempt < Attempts)
            {
                datagrams.Dispose();
            }
            catch (CommandFailedException)
            {
                datagrams.Dispose();
                throw;
            }
        }
    }

    public void Dispose()
    {
        Datagrams.Dispose();
        Streams?.Dispose();
    }

    private static Socket Listen(string protocol, SocketType type, IPAddress at, int port)
    {
        var kind = type == SocketType.Stream ? "TCP" : "UDP";
        var socket = new Socket(
            at.AddressFamily,
            type,
            type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp
        );
        try
        {
            socket.ReceiveBufferSize = 4 * 1024 * 1024;
            socket.Bind(new IPEndPoint(at, port));
            if (type == SocketType.Stream)
                socket.Listen();
            return socket;
        }
        catch (SocketException fault)
        {
            socket.Dispose();
            var why = fault.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => "something else listens there",
                SocketError.AddressNotAvailable => $"this machine has no address {at}",
                SocketError.AccessDenied => "ports below 1024 are not for everybody",
                var code => code.ToString(),
            };
            throw new CommandFailedException(
                ExitCode.Usage,
                $"callserver: --{protocol}: {kind} port {port} cannot be opened: {why}"
            );
        }
    }
}

/// <summary>Ports that are opened one by one and closed together, even if one of them cannot be opened.</summary>
internal sealed class GatewayPorts : IDisposable
{
    private readonly List<GatewayPort> open = [];

    public GatewayPorts(IEnumerable<GatewayPort> opening)
    {
        try
        {
            foreach (var port in opening)
                open.Add(port);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IReadOnlyList<GatewayPort> All => open;

    public void Dispose() => open.ForEach(port => port.Dispose());
}
