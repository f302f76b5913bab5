namespace CallServer.Server.Configuration;

/// <summary>The other server of a pair. A class rather than a record, so that nothing prints the secret.</summary>
public sealed class PairConfiguration
{
    /// <summary>Where the other server listens. Questions to it go to this address only.</summary>
    public required Uri Peer { get; init; }

    /// <summary>The secret that both servers share; at least 16 octets.</summary>
    public required byte[] Secret { get; init; }

    /// <summary>
    /// The longest heartbeat × misses that the other server may announce; this server waits no longer for it.
    /// </summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether two configurations are equal; either may be null.</summary>
    public static bool Same(PairConfiguration? a, PairConfiguration? b) =>
        a is null || b is null
            ? a is null && b is null
            : a.Peer == b.Peer && ServerConfiguration.Same(a.Secret, b.Secret) && a.Patience == b.Patience;

    /// <summary>Never contains the secret.</summary>
    public override string ToString() => $"with {Peer}";
}

/// <summary>Which server this one backs up, and how it watches it.</summary>
/// <param name="Of">Where the primary listens.</param>
public sealed record BackupConfiguration(Uri Of)
{
    /// <summary>A cold backup audits nothing until it takes over; a warm one audits at a slower pace.</summary>
    public bool Cold { get; init; }

    /// <summary>Time between two heartbeats.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Number of unanswered heartbeats in a row after which the backup takes over.</summary>
    public int Misses { get; init; } = 4;
}
