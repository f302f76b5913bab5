using System.Collections.Concurrent;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Server.Recording;
using CallServer.Surface;

namespace CallServer.Server.Releasing;

/// <summary>
/// Ends single connections on an operator's order, never on its own. A connection may be released only if the newest
/// audit confirmed it: nobody ends by hand what the record merely believes.
/// </summary>
public sealed class Releaser(
    Func<ServerConfiguration> configuration,
    Func<string?> standbyOf,
    LedgerShards ledger,
    PollingService polling,
    GatewayProtocols protocols,
    IClock clock,
    ILogger logger
)
{
    // An operator waits for the answer; RFC 3435 §3.5.2 gives a transaction 20 s.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<(string Gateway, string Connection), bool> underWay = new();

    /// <summary>
    /// Has the connection ended. Once the gateway is asked, the answer is awaited and taken in even if the caller
    /// goes away.
    /// </summary>
    /// <param name="gateway">The gateway's id; null if the connection is named GATEWAY/ID.</param>
    /// <param name="connection">The connection's id.</param>
    /// <param name="by">Who gave the order.</param>
    /// <param name="reason">Why.</param>
    public async Task<ReleaseAnswer> ReleaseAsync(
        string? gateway,
        string connection,
        string by,
        string reason
    )
    {
        ArgumentNullException.ThrowIfNull(connection);
        var found = gateway is null ? Find(connection) : [(gateway, connection)];
        if (found is not [var (owner, id)])
            return new ReleaseAnswer(
                found.Count == 0 ? ReleaseStatus.NotFound : ReleaseStatus.NotAllowed,
                null,
                connection,
                found.Count == 0
                    ? $"the record holds no connection {connection}: it is named GATEWAY/ID, as `callserver calls` lists it"
                    : $"{connection} may be {string.Join(" or ", found.Select(each => $"{each.Connection} of {each.Gateway}"))}: name the gateway"
            );

        if (standbyOf() is { } standby)
            return Not(ReleaseStatus.NotAllowed, owner, id, standby);
        if (WhyNot(owner, id, out var state) is { } refusal)
            return refusal;
        if (!underWay.TryAdd((owner, id), true))
            return Not(ReleaseStatus.NotAllowed, owner, id, "it is being released just now");
        try
        {
            return await AskAsync(new ReleaseOrder(owner, id, by, reason, clock.Now.Steady), state!);
        }
        finally
        {
            underWay.TryRemove((owner, id), out _);
        }
    }

    private async Task<ReleaseAnswer> AskAsync(ReleaseOrder order, GatewayState state)
    {
        logger.LogWarning(
            "{Gateway}: {Connection} is to be released by {By}: {Reason}",
            order.Gateway,
            order.Connection,
            order.By,
            order.Reason
        );
        var (result, cdr) = await AskAndTakeInAsync(order, state);
        if (result is null)
            return Not(
                ReleaseStatus.NotFound,
                order.Gateway,
                order.Connection,
                $"{order.Gateway} is asked no longer"
            );

        logger.LogWarning(
            "{Gateway}: {Connection} {Outcome}",
            order.Gateway,
            order.Connection,
            result.Released ? "is released"
                : result.Unknown ? $"may have ended or not, and its record stays open: {result.Reason}"
                : $"is not released: {result.Reason}"
        );
        // The next audit tells what else ended with it, and whether it ended at all if that is not known.
        polling.Trigger(order.Gateway, AuditCause.Operator);
        return new ReleaseAnswer(
            result.Released ? ReleaseStatus.Released
                : result.Unknown ? ReleaseStatus.Unknown
                : ReleaseStatus.Refused,
            order.Gateway,
            order.Connection,
            result.Reason,
            result.Counters,
            cdr?.Id
        );
    }

    /// <summary>
    /// What an audit beside the release learnt was asked before it, and is taken in after it, when it changes nothing any
    /// more: it may have found the connection gone.
    /// </summary>
    private async Task<(ReleaseResult? Result, CdrView? Cdr)> AskAndTakeInAsync(
        ReleaseOrder order,
        GatewayState state
    )
    {
        using var held = polling.Hold(order.Gateway);
        var deadline = configuration().Deadline;
        var result = await polling.ReleaseAsync(
            order.Gateway,
            order.Connection,
            state.Record.Known,
            deadline < LongestWait ? deadline : LongestWait
        );
        return (result, result is null ? null : await ledger.Take(order, result));
    }

    private ReleaseAnswer? WhyNot(string gateway, string connection, out GatewayState? state)
    {
        state = ledger.Find(gateway);
        var configured = configuration().Find(gateway);
        if (configured is null && state is null)
            return Not(ReleaseStatus.NotFound, gateway, connection, $"there is no gateway {gateway}");
        if (state?.Record.StatusOf(connection) is not { } status)
            return Not(
                ReleaseStatus.NotFound,
                gateway,
                connection,
                $"the record of {gateway} holds no connection {connection}"
            );
        var why =
            configured is null ? $"{gateway} is not in the configuration, so nobody can ask it"
            : !configured.Target.Releases
                ? $"{configured.Uri.Scheme} has no message that ends one connection; {string.Join(" and ", protocols.Releasing)} have"
            // "Confirmed" means that the newest audit itself heard it, even if that audit did not hear everything: a
            // gateway that cannot list its connections is asked about each known one.
            : state is not { AskedSinceStart: true }
            || (status != "confirmed" && state is not { LastAudit.Complete: true })
                ? $"the last audit of {gateway} was not complete, so nobody knows that it still carries {connection}"
            : status != "confirmed" ? $"the last audit of {gateway} did not list {connection}"
            : null;
        return why is null ? null : Not(ReleaseStatus.NotAllowed, gateway, connection, why);
    }

    /// <summary>Gateway ids and connection ids may both contain slashes: what the record holds decides.</summary>
    private List<(string Gateway, string Connection)> Find(string named)
    {
        var found = new List<(string Gateway, string Connection)>();
        for (var at = named.IndexOf('/', StringComparison.Ordinal); at >= 0; at = named.IndexOf('/', at + 1))
        {
            var (gateway, connection) = (named[..at], named[(at + 1)..]);
            if (ledger.Find(gateway)?.Record.StatusOf(connection) is not null)
                found.Add((gateway, connection));
        }

        return found;
    }

    private static ReleaseAnswer Not(
        ReleaseStatus status,
        string gateway,
        string connection,
        string detail
    ) => new(status, gateway, connection, detail);
}
