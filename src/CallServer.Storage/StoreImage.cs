using CallServer.Surface;

namespace CallServer.Storage;

/// <summary>What a store held when the server started.</summary>
/// <param name="Identity">Who wrote it last.</param>
/// <param name="Correction">
/// How far the wall clock had been moved since the timeline was anchored. The records are on that timeline,
/// and so are the rows: a server goes on with it by anchoring its steady clock at its wall clock less the
/// correction, and nothing stored has to be moved.
/// </param>
/// <param name="Steps">The newest of the steps that make the correction up, oldest first.</param>
/// <param name="Gateways">Every gateway of which the record holds something.</param>
/// <param name="Unreadable">What could not be understood: still in the store, and not part of the
/// record.</param>
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
/// <param name="LastOpened">When it was opened before this time; null in a new store.</param>
/// <param name="Acted">Whether it acted, and did not only watch another server; null where it never said.</param>
public sealed record StoreIdentity(string? Name, int Epoch, DateTimeOffset? LastOpened, bool? Acted = null);

/// <summary>One gateway's part of the record.</summary>
/// <param name="Gateway">The gateway's id.</param>
/// <param name="Record">Its connections, restored as they were, times included: active, and unconfirmed
/// until an audit speaks (rule 10).</param>
/// <param name="LastAudit">The newest audit; null where none is kept.</param>
public sealed record StoredGateway(string Gateway, GatewayRecord Record, AuditSummary? LastAudit);

/// <summary>A row that this version cannot understand.</summary>
/// <param name="Gateway">Whose it is.</param>
/// <param name="Connection">The connection's id; null where it is the gateway's own row.</param>
/// <param name="Why">What is wrong with it, in words.</param>
public sealed record UnreadableRow(string Gateway, string? Connection, string Why);
