using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server;

/// <summary>What a server may be given instead of the machine's own; null is the machine's own.</summary>
public sealed record ServerParts
{
    /// <summary>Opens the store.</summary>
    public Func<ILedgerStore>? OpenStore { get; init; }

    /// <summary>Opens the network of the audits; what comes is stamped by the server's clock.</summary>
    public Func<IClock, IGatewayNetwork>? OpenNetwork { get; init; }

    /// <summary>Host names.</summary>
    public IEndpointResolver? Resolver { get; init; }

    /// <summary>Where logs go besides or instead of standard error; null is standard error.</summary>
    public Action<ILoggingBuilder>? Logging { get; init; }

    /// <summary>In which gateways can be asked.</summary>
    public GatewayProtocols Protocols { get; init; } = GatewayProtocols.BuiltIn;

    /// <summary>
    /// Reads the configuration again, on SIGHUP; null reads the file that it came from, if it came from one.
    /// </summary>
    public Func<ServerConfiguration>? Reload { get; init; }
}
