using System.Net;
using CallServer.Surface;

namespace CallServer.Server.Net;

/// <summary>From a gateway's URI to where it is asked and answers.</summary>
public static class GatewayLocator
{
    /// <summary>Where no name has to be looked up; null where one has.</summary>
    public static GatewayAddress? Literal(GatewayUri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (!IPAddress.TryParse(uri.Host, out var host))
            return null;
        var asked = new IPEndPoint(host, uri.Port);
        if (uri.RepliesFrom is not { } other)
            return new GatewayAddress(asked, uri.OverHttp, uri.RepliesFromAnyPort ? host : null);
        return IPAddress.TryParse(other, out var from) ? new GatewayAddress(asked, uri.OverHttp, from) : null;
    }

    /// <summary>Looks up what is a name. Throws SocketException where one has no address.</summary>
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
        return new GatewayAddress(asked, uri.OverHttp, from);
    }
}
