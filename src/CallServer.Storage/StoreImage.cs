using CallServer.Surface;

namespace CallServer.Storage;

/// <summary>What a store held when the server started.</summary>
/// <param name="Identity">The server that wrote it last.</param>
/// <param name="Correction">How far the wall clock has been stepped since the timeline was anchored. Records and rows
/// are on that timeline. A server continues it by anchoring its steady clock at its wall clock minus the correction,
/// so that no stored time has to change.</param>
/// <param name="Steps">The newest steps that make up the correction, oldest first.</param>
/// <param name="Gateways">Every gateway of which the record holds something.</param>
/// <param name="Unreadable">Rows that this version could not understand. They stay in the store but are not part of
/// the record.</param>
public sealed record StoreImage(
    StoreIdentity Identity,
    TimeSpan Correction,
    IReadOnlyList<ClockStep> Steps,
    IReadOnlyList<StoredGateway> Gateways,
    IReadOnlyList<UnreadableRow> Unreadable
);

/// <summary>The server that a store belongs to.</summary>
/// <param name="Name">The server's name; null in a new store.</param>
/// <param name="Epoch">The fencing number that a takeover raises; 0 in a new store.</param>
/// <param name="LastOpened">When it was last opened before now; null in a new store.</param>
/// <param name="Acted">Whether it acted or only watched another server; null if that was never stored.</param>
public sealed record StoreIdentity(string? Name, int Epoch, DateTimeOffset? LastOpened, bool? Acted = null);

/// <summary>One gateway's part of the record.</summary>
/// <param name="Gateway">The gateway's id.</param>
/// <param name="Record">Its connections, restored as they were, times included: active, but unconfirmed until an
/// audit confirms them (rule 10).</param>
/// <param name="LastAudit">The newest audit; null if the store keeps none.</param>
public sealed record StoredGateway(string Gateway, GatewayRecord Record, AuditSummary? LastAudit);

/// <summary>A row that this version cannot understand.</summary>
/// <param name="Gateway">The id of the gateway that it belongs to.</param>
/// <param name="Connection">The connection's id; null for the gateway's own row.</param>
/// <param name="Why">What is wrong with it, in words.</param>
public sealed record UnreadableRow(string Gateway, string? Connection, string Why);
