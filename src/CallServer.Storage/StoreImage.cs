using CallServer.Surface;

namespace CallServer.Storage;

/// <summary>What a store held when the server started.</summary>
/// <param name="Identity">The server that wrote it last.</param>
/// <param name="Correction">
/// How far the wall clock had been moved since the timeline was anchored. Records and rows are on that timeline. A server
/// goes on with it by anchoring its steady clock at its wall clock less the correction, so nothing stored has to be moved.
/// </param>
/// <param name="Steps">The newest of the steps that make up the correction, oldest first.</param>
/// <param name="Gateways">Every gateway that the record holds something of.</param>
/// <param name="Unreadable">The rows that this version could not understand. They are still in the store, and not part of
/// the record.</param>
public sealed record StoreImage(
    StoreIdentity Identity,
    TimeSpan Correction,
    IReadOnlyList<ClockStep> Steps,
    IReadOnlyList<StoredGateway> Gateways,
    IReadOnlyList<UnreadableRow> Unreadable
);

/// <summary>The server that a store belongs to.</summary>
/// <param name="Name">Null in a new store.</param>
/// <param name="Epoch">The fencing number that a takeover raises; 0 in a new store.</param>
/// <param name="LastOpened">When it was last opened before this time; null in a new store.</param>
/// <param name="Acted">Whether it acted, or only watched another server; null where it never said.</param>
public sealed record StoreIdentity(string? Name, int Epoch, DateTimeOffset? LastOpened, bool? Acted = null);

/// <summary>One gateway's part of the record.</summary>
/// <param name="Gateway">The gateway's id.</param>
/// <param name="Record">Its connections, restored as they were, times included: active, and unconfirmed
/// until an audit speaks (rule 10).</param>
/// <param name="LastAudit">The newest audit; null where the store keeps none.</param>
public sealed record StoredGateway(string Gateway, GatewayRecord Record, AuditSummary? LastAudit);

/// <summary>A row that this version cannot understand.</summary>
/// <param name="Gateway">The id of the gateway that it belongs to.</param>
/// <param name="Connection">The connection's id; null for the gateway's own row.</param>
/// <param name="Why">What is wrong with it, in words.</param>
public sealed record UnreadableRow(string Gateway, string? Connection, string Why);
