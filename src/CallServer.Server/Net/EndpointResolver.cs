using System.Net;
using System.Net.Sockets;

namespace CallServer.Server.Net;

/// <summary>Resolves a gateway's host name to its address.</summary>
public interface IEndpointResolver
{
    /// <summary>Throws SocketException if the name has no address.</summary>
    ValueTask<IPEndPoint> ResolveAsync(string host, int port, CancellationToken cancel);
}

/// <summary>
/// Returns literal addresses at once and resolves names with the system's resolver. Never call it inside a loop that
/// others wait for.
/// </summary>
public sealed class EndpointResolver : IEndpointResolver
{
    /// <inheritdoc/>
    public ValueTask<IPEndPoint> ResolveAsync(string host, int port, CancellationToken cancel) =>
        IPAddress.TryParse(host, out var literal)
            ? ValueTask.FromResult(new IPEndPoint(literal, port))
            : new ValueTask<IPEndPoint>(LookUpAsync(host, port, cancel));

    private static async Task<IPEndPoint> LookUpAsync(string host, int port, CancellationToken cancel)
    {
        var found = await Dns.GetHostAddressesAsync(host, cancel);
        return found.Length > 0
            ? new IPEndPoint(found[0], port)
            : throw new SocketException((int)SocketError.HostNotFound);
    }
}
