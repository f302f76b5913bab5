namespace CallServer.Storage.Sqlite;

/// <summary>How to open a store in an SQLite file.</summary>
public sealed record SqliteStoreOptions
{
    /// <summary>The file. It is created if it does not exist; its directory must exist.</summary>
    public required string File { get; init; }

    /// <summary>How many changes the store keeps over all gateways, newest first.</summary>
    public int ChangesKept { get; init; } = 100_000;

    /// <summary>How many audits the store keeps for each gateway, newest first.</summary>
    public int AuditsKept { get; init; } = 100;

    /// <summary>How long the store keeps a CDR after its connection ended.</summary>
    public TimeSpan CdrsKeptFor { get; init; } = TimeSpan.FromDays(90);

    /// <summary>How many CDRs the store keeps, newest first.</summary>
    public long CdrsKept { get; init; } = 10_000_000;

    /// <summary>How long the store keeps a change; null for as long as it is among the newest.</summary>
    public TimeSpan? ChangesKeptFor { get; init; }

    /// <summary>How long the store keeps an entry of the control log.</summary>
    public TimeSpan ControlsKeptFor { get; init; } = TimeSpan.FromDays(365);

    /// <summary>How many entries of the control log the store keeps, newest first, besides those of refused
    /// requests.</summary>
    public int ControlsKept { get; init; } = 100_000;

    /// <summary>How many entries about refused requests the store keeps, newest first.</summary>
    public int RefusalsKept { get; init; } = 10_000;

    /// <summary>Whether what is deleted is overwritten in the file.</summary>
    public bool OverwritesDeleted { get; init; }

    /// <summary>How long a commit waits for another process that writes to the file, in seconds; at least 1.</summary>
    public int BusySeconds { get; init; } = 1;

    /// <summary>The clock that stamps when the store was opened and when a row was set aside.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
