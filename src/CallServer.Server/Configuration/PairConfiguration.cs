namespace CallServer.Server.Configuration;

/// <summary>The other server of a pair. A class, so that nothing prints the secret.</summary>
public sealed class PairConfiguration
{
    /// <summary>Where the other server listens: what is asked is asked there alone.</summary>
    public required Uri Peer { get; init; }

    /// <summary>What both know; 16 octets or more.</summary>
    public required byte[] Secret { get; init; }

    /// <summary>
    /// The longest that this server waits for the other one (heartbeat times misses) because that one says so.
    /// </summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Nothing differs; both may be null.</summary>
    public static bool Same(PairConfiguration? a, PairConfiguration? b) =>
        a is null || b is null
            ? a is null && b is null
            : a.Peer == b.Peer && ServerConfiguration.Same(a.Secret, b.Secret) && a.Patience == b.Patience;

    /// <summary>Made without the secret.</summary>
    public override string ToString() => $"with {Peer}";
}

/// <summary>Whose backup a server is, and how it watches it.</summary>
/// <param name="Of">Where the primary listens.</param>
public sealed record BackupConfiguration(Uri Of)
{
    /// <summary>It audits nothing until it takes over; otherwise it audits more slowly.</summary>
    public bool Cold { get; init; }

    /// <summary>Between two heartbeats.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>So many without an answer, one after the other, and it takes over.</summary>
    public int Misses { get; init; } = 4;
}
