namespace CallServer.Storage;

/// <summary>What a store keeps, and for how long.</summary>
public record StoreOptions
{
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

    /// <summary>The clock that stamps when the store was opened and when a row was set aside.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>How many reports of takeovers every store keeps.</summary>
    internal const int RecoveriesKept = 1_000;

    /// <summary>How many steps of the wall clock every store keeps.</summary>
    internal const int StepsKept = 100;
}
