namespace CallServer.Storage.Sqlite;

/// <summary>How to open a store in an SQLite file.</summary>
public sealed record SqliteStoreOptions : StoreOptions
{
    public SqliteStoreOptions() { }

    /// <param name="kept">What the store keeps.</param>
    public SqliteStoreOptions(StoreOptions kept)
        : base(kept) { }

    /// <summary>The file. It is created if it does not exist; its directory must exist.</summary>
    public required string File { get; init; }

    /// <summary>Whether what is deleted is overwritten in the file.</summary>
    public bool OverwritesDeleted { get; init; }

    /// <summary>How long a commit waits for another process that writes to the file, in seconds; at least 1.</summary>
    public int BusySeconds { get; init; } = 1;
}
