namespace CallServer.Storage.Sqlite;

/// <summary>How to open a store in an SQLite file.</summary>
public sealed record SqliteStoreOptions
{
    /// <summary>The file; made if it does not exist. Its directory has to exist.</summary>
    public required string File { get; init; }

    /// <summary>How many changes are kept, over all gateways.</summary>
    public int ChangesKept { get; init; } = 100_000;

    /// <summary>How many audits are kept of each gateway.</summary>
    public int AuditsKept { get; init; } = 100;

    /// <summary>How long a CDR is kept after its connection ended.</summary>
    public TimeSpan CdrsKeptFor { get; init; } = TimeSpan.FromDays(90);

    /// <summary>How many CDRs are kept, the newest.</summary>
    public long CdrsKept { get; init; } = 10_000_000;

    /// <summary>How long a commit waits for another process that writes to the file, in whole seconds, at
    /// least 1.</summary>
    public int BusySeconds { get; init; } = 1;

    /// <summary>Tells when the store was opened and when a row was set aside.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
