using System.Runtime.CompilerServices;
using CallServer.Server.Recording;
using CallServer.Storage;

namespace CallServer.Server.Web.Reading;

/// <summary>
/// The gateways of a fleet: what this host holds is in its memory, and the rest is read from the database. Every method throws
/// StoreException if it needs the database and that cannot be read.
/// </summary>
internal sealed class SharedGateways(ServerRuntime runtime, IGatewayShare share)
{
    // So many connections are read at a time, about, and so many gateways at most.
    private const int Connections = 20_000;
    private const int MostAtOnce = 256;
    private const int AtFirst = 8;

    /// <summary>All gateways of the configuration, in the order of lists.</summary>
    public IReadOnlyList<string> Ids => runtime.Configuration.GatewayIds;

    /// <summary>
    /// Asks all other hosts. Throws StoreException before this one has joined them.
    /// </summary>
    public async Task<AskedHosts> AskAsync(HostQuestion question, CancellationToken cancellation)
    {
        var others = await share.AskAsync(HostQuestions.Text(question), cancellation);
        return new AskedHosts([.. others.Answers.Select(HostQuestions.Answer)], others.Rest);
    }

    /// <summary>Whether this host holds a gateway.</summary>
    public bool Holds(string gateway) => runtime.Ledger.Find(gateway) is not null;

    /// <summary>The gateways that this host holds, and of which it may not know everything.</summary>
    public IEnumerable<string> OwnIncomplete => Ids.Where(id => OwnAudit(id) is { } audit && !IsWhole(audit));

    /// <summary>
    /// Gateways of which this host and those that answered may not tell everything together. Of those that nobody holds, something
    /// is known only by these audits.
    /// </summary>
    /// <param name="asked">Who was asked, and who answered.</param>
    /// <param name="gateway">The only gateway that matters; null for all.</param>
    /// <param name="audits">How the newest audits went.</param>
    public IReadOnlyList<string> Incomplete(
        AskedHosts asked,
        string? gateway,
        IReadOnlyDictionary<string, SharedAudit>? audits = null
    )
    {
        if (gateway is not null && !IsConfigured(gateway))
            return [gateway];
        var left = asked.Left.Where(id => !IsWhole(OwnAudit(id) ?? audits?.GetValueOrDefault(id) ?? default));
        return
        [
            .. asked
                .Answers.SelectMany(answer => answer.Incomplete)
                .Concat(left)
                .Where(id => gateway is null || id == gateway)
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>How the newest audits went; null while the database cannot be read.</summary>
    public async Task<IReadOnlyDictionary<string, SharedAudit>?> TryAuditsAsync(
        CancellationToken cancellation
    )
    {
        try
        {
            return await share.AuditsAsync(cancellation);
        }
        catch (StoreException)
        {
            return null;
        }
    }

    /// <summary>The newest state of a gateway that is not in memory; null if nothing is known of it.</summary>
    public async Task<GatewayState?> FindAsync(string gateway, CancellationToken cancellation) =>
        IsConfigured(gateway)
            ? (await share.ReadAsync([gateway], cancellation)).GetValueOrDefault(gateway)
            : null;

    /// <summary>
    /// The newest states of gateways, one after the other, and null for one of which nothing is known. Few are read at a time, so that
    /// whoever ends early has read little, and whoever goes through all holds little.
    /// </summary>
    public async IAsyncEnumerable<(string Gateway, GatewayState? State)> EachAsync(
        IEnumerable<string> gateways,
        [EnumeratorCancellation] CancellationToken cancellation
    )
    {
        var left = new Queue<string>(gateways);
        var size = AtFirst;
        while (left.Count > 0)
        {
            List<string> some = [];
            while (some.Count < size && left.TryDequeue(out var next))
                some.Add(next);
            var others = some.Where(gateway => runtime.Ledger.Find(gateway) is null).ToList();
            var read = others.Count > 0 ? await share.ReadAsync(others, cancellation) : Nothing;
            // A unit may have come here meanwhile.
            foreach (var gateway in some)
                yield return (gateway, runtime.Ledger.Find(gateway) ?? read.GetValueOrDefault(gateway));
            var held = read.Values.Sum(state => state.Record.Count);
            if (held > Connections)
                size = Math.Max(1, size / 2);
            else if (held < Connections / 4)
                size = Math.Min(MostAtOnce, size * 2);
        }
    }

    /// <summary>
    /// Gateways of which the record may not know everything: who holds them has not heard them lately, or not heard everything.
    /// </summary>
    public async Task<IReadOnlyList<string>> IncompleteAsync(string? gateway, CancellationToken cancellation)
    {
        if (gateway is not null && !IsConfigured(gateway))
            return [gateway];
        List<string> incomplete = [];
        IReadOnlyDictionary<string, SharedAudit>? audits = null;
        foreach (var id in gateway is null ? Ids : [gateway])
        {
            // The database is needed only for what others hold.
            var audit =
                OwnAudit(id) ?? (audits ??= await share.AuditsAsync(cancellation)).GetValueOrDefault(id);
            if (!IsWhole(audit))
                incomplete.Add(id);
        }

        return incomplete;
    }

    /// <summary>The status of the fleet: its connections and gateways, with the rest as this host has it.</summary>
    public async Task<ServerStatus> StatusAsync(CancellationToken cancellation)
    {
        var audits = await share.AuditsAsync(cancellation);
        var connections = await share.CountConnectionsAsync(cancellation);
        var recent = runtime
            .Configuration.Gateways.Select(gateway =>
                OwnAudit(gateway.Id) ?? audits.GetValueOrDefault(gateway.Id)
            )
            .Where(audit => audit.IsRecent)
            .ToList();
        return runtime.Status() with
        {
            Connections = (int)Math.Min(connections, int.MaxValue),
            Gateways = new GatewayTotals(
                runtime.Configuration.Gateways.Count,
                recent.Count(audit => audit.Complete),
                recent.Count(audit => !audit.Complete && !audit.Silent),
                recent.Count(audit => audit.Silent)
            ),
        };
    }

    /// <summary>How the newest audit of a gateway went that this host holds; null if another one does.</summary>
    private SharedAudit? OwnAudit(string gateway) =>
        runtime.Ledger.Find(gateway) is not { } own ? null
        : own.LastAudit is { } audit ? new SharedAudit(own.AskedSinceStart, audit.Complete, audit.Silent)
        : default(SharedAudit);

    private static bool IsWhole(SharedAudit audit) => audit is { IsRecent: true, Complete: true };

    private static IReadOnlyDictionary<string, GatewayState> Nothing { get; } =
        new Dictionary<string, GatewayState>();

    private bool IsConfigured(string gateway) => runtime.Configuration.Find(gateway) is not null;
}
