using System.Net;

namespace CallServer.Server.Configuration;

/// <summary>A RADIUS server that is told of accounting. A class, so that nothing prints its secret.</summary>
public sealed class RadiusConfiguration
{
    /// <summary>Where it listens for accounting; its usual port is 1813.</summary>
    public required IPEndPoint Server { get; init; }

    /// <summary>What it knows us by.</summary>
    public required byte[] Secret { get; init; }

    /// <summary>
    /// The address that we send from, and NAS-IP-Address where it is an IPv4 one; null lets the system choose,
    /// and sends no NAS-IP-Address.
    /// </summary>
    public IPAddress? Source { get; init; }

    /// <summary>How long the first answer may take before the record is sent again.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How we call ourselves: NAS-Identifier.</summary>
    public required string NasIdentifier { get; init; }

    /// <summary>Nothing differs; both may be null.</summary>
    public static bool Same(RadiusConfiguration? a, RadiusConfiguration? b) =>
        a is null || b is null
            ? a is null && b is null
            : a.Server.Equals(b.Server)
                && ServerConfiguration.Same(a.Secret, b.Secret)
                && Equals(a.Source, b.Source)
                && a.Timeout == b.Timeout
                && a.NasIdentifier == b.NasIdentifier;

    /// <summary>Made without the secret.</summary>
    public override string ToString() => $"{Server} as {NasIdentifier}";
}
