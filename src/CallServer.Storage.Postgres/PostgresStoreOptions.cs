namespace CallServer.Storage.Postgres;

/// <summary>How to open a store in a PostgreSQL database.</summary>
public sealed record PostgresStoreOptions : StoreOptions
{
    public PostgresStoreOptions() { }

    /// <param name="kept">What the store keeps.</param>
    public PostgresStoreOptions(StoreOptions kept)
        : base(kept) { }

    /// <summary>Where the database is.</summary>
    public required PostgresAddress Address { get; init; }

    /// <summary>The password; null where the server asks for none, or libpq's files and variables have it.</summary>
    public string? Password { get; init; }

    /// <summary>Who opens it, as the database shows its sessions.</summary>
    public string Application { get; init; } = "callserver";

    /// <summary>How long to wait for a connection to the database; whole seconds.</summary>
    public TimeSpan ConnectPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a statement may take; whole seconds.</summary>
    public TimeSpan CommandPatience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long to wait at the start, and after a lost connection, until an earlier session has ended.</summary>
    public TimeSpan LockPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How much longer or more than it must the store may keep CDRs until it deletes them one by one, as a part of what
    /// is kept: meanwhile most go with their partition, which costs next to nothing.
    /// </summary>
    public double Slack { get; init; } = UsualSlack;

    /// <summary>What <see cref="Slack"/> is if nobody says otherwise.</summary>
    public const double UsualSlack = 0.05;

    /// <summary>How many rows a partition takes; null for what suits the numbers kept.</summary>
    public int? PartitionRows { get; init; }

    /// <summary>How hosts share the record; null if this server writes it alone.</summary>
    public SharedRecord? Shared { get; init; }

    internal long RowsOfPartition(string parent) =>
        PartitionRows
        ?? parent switch
        {
            Partitions.Cdrs => Math.Max(100_000, CdrsKept / 100),
            Partitions.Changes => Math.Max(10_000, ChangesKept / 5),
            _ => 250_000,
        };
}

/// <summary>How several hosts write one record.</summary>
/// <param name="Units">Into how many units the gateways hash; the first host that opens the record fixes it.</param>
/// <param name="Now">The present on this host's timeline, by its steady clock (docs/adr/0002).</param>
public sealed record SharedRecord(int Units, Func<Model.Instant> Now)
{
    /// <summary>Whether this host serves a reader of the outbox. To one that it does not serve, nothing is given.</summary>
    public Func<string, bool> Serves { get; init; } = _ => true;
}
