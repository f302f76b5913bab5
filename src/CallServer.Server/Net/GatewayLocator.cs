using System.Net;
using CallServer.Surface;

namespace CallServer.Server.Net;

/// <summary>Finds the addresses where a gateway is asked and where it answers from, given its URI.</summary>
public static class GatewayLocator
{
    /// <summary>The address if no name has to be resolved; else null.</summary>
    public static GatewayAddress? Literal(GatewayUri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (!IPAddress.TryParse(uri.Host, out var host))
            return null;
        var asked = new IPEndPoint(host, uri.Port);
        if (uri.RepliesFrom is not { } other)
            return new GatewayAddress(asked, HttpForm.Of(uri), uri.RepliesFromAnyPort ? host : null);
        return IPAddress.TryParse(other, out var from)
            ? new GatewayAddress(asked, HttpForm.Of(uri), from)
            : null;
    }

    /// <summary>Resolves whatever is a name. Throws SocketException if a name has no address.</summary>
    public static async Task<GatewayAddress> FindAsync(
        IEndpointResolver resolver,
        GatewayUri uri,
        CancellationToken cancel
    )
    {
        ArgumentNullException.ThrowIfNull(resolver);
        ArgumentNullException.ThrowIfNull(uri);
        var asked = await resolver.ResolveAsync(uri.Host, uri.Port, cancel);
        var from =
            uri.RepliesFrom is { } other ? (await resolver.ResolveAsync(other, uri.Port, cancel)).Address
            : uri.RepliesFromAnyPort ? asked.Address
            : null;
        return new GatewayAddress(asked, HttpForm.Of(uri), from);
    }
}
