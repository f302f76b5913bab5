using System.Net;

namespace CallServer.Server.Configuration;

/// <summary>A RADIUS accounting server. A class rather than a record, so that nothing prints its secret.</summary>
public sealed class RadiusConfiguration
{
    /// <summary>Where it listens for accounting; usually port 1813.</summary>
    public required IPEndPoint Server { get; init; }

    /// <summary>The secret shared with that server.</summary>
    public required byte[] Secret { get; init; }

    /// <summary>
    /// The address that requests are sent from, also sent as NAS-IP-Address if it is IPv4. If null, the system
    /// chooses an address and no NAS-IP-Address is sent.
    /// </summary>
    public IPAddress? Source { get; init; }

    /// <summary>How long to wait for the first answer before the record is sent again.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The name this server gives itself: NAS-Identifier.</summary>
    public required string NasIdentifier { get; init; }

    /// <summary>Whether two configurations are equal; either may be null.</summary>
    public static bool Same(RadiusConfiguration? a, RadiusConfiguration? b) =>
        a is null || b is null
            ? a is null && b is null
            : a.Server.Equals(b.Server)
                && ServerConfiguration.Same(a.Secret, b.Secret)
                && Equals(a.Source, b.Source)
                && a.Timeout == b.Timeout
                && a.NasIdentifier == b.NasIdentifier;

    /// <summary>Never contains the secret.</summary>
    public override string ToString() => $"{Server} as {NasIdentifier}";
}
