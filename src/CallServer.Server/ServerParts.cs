using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Supervision;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server;

/// <summary>Replacements for the machine's own parts; null means the machine's own.</summary>
public sealed record ServerParts
{
    /// <summary>Opens the store.</summary>
    public Func<ILedgerStore>? OpenStore { get; init; }

    /// <summary>Opens the network for audits; messages are stamped by the server's clock.</summary>
    public Func<IClock, IGatewayNetwork>? OpenNetwork { get; init; }

    /// <summary>Resolves host names.</summary>
    public IEndpointResolver? Resolver { get; init; }

    /// <summary>Configures logging; null logs to standard error.</summary>
    public Action<ILoggingBuilder>? Logging { get; init; }

    /// <summary>Who started this process and is told how it is; null if nobody is.</summary>
    public ServiceManager? Manager { get; init; }

    /// <summary>This server's part of a fleet; null for a server alone or of a pair.</summary>
    public IGatewayShare? Share { get; init; }

    /// <summary>The protocols in which gateways can be asked.</summary>
    public GatewayProtocols Protocols { get; init; } = GatewayProtocols.BuiltIn;

    /// <summary>
    /// Reads the configuration again on SIGHUP; null reads the original file again, if there was one.
    /// </summary>
    public Func<ServerConfiguration>? Reload { get; init; }
}
