using System.Runtime.CompilerServices;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>
/// The gateways of a fleet: what this host holds is in its memory, what others hold is asked of them, and the rest is read from the
/// database. Every method throws StoreException if it needs the database and that cannot be read.
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
        var others = await share.AskAsync(
            HostQuestions.Text(question),
            text => HostQuestions.Answer(question, text),
            cancellation
        );
        return new AskedHosts(others.Answers, others.Rest);
    }

    /// <summary>The same about one gateway, or null for all: the others are not asked of one that this host holds.</summary>
    public async Task<AskedHosts> AskAsync(
        HostQuestion question,
        string? gateway,
        CancellationToken cancellation
    )
    {
        if (gateway is not null && Holds(gateway))
            return new AskedHosts([], [gateway]);
        var asked = await AskAsync(question, cancellation);
        return gateway is null ? asked : asked with { Left = [.. asked.Left.Where(id => id == gateway)] };
    }

    /// <summary>Whether this host holds a gateway.</summary>
    public bool Holds(string gateway) => runtime.Ledger.Find(gateway) is not null;

    /// <summary>The gateways that this host holds, and of which it may not know everything.</summary>
    public IEnumerable<string> OwnIncomplete =>
        runtime
            .Ledger.Unordered.Where(own => !IsWhole(AuditOf(own)) && IsConfigured(own.Gateway))
            .Select(own => own.Gateway);

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

    /// <summary>An active connection of a gateway that is not in memory; null if there is none.</summary>
    public async Task<ConnectionView?> FindAsync(ConnectionName name, CancellationToken cancellation)
    {
        var asked = await AskAsync(new HostQuestion { Connection = name }, name.Gateway, cancellation);
        return asked.Answers.SelectMany(other => other.Found ?? []).FirstOrDefault() is { } found ? found
            : asked.Left.Count == 0 ? null
            : (await FindAsync(name.Gateway, cancellation))?.Record.Find(
                name.Id,
                runtime.Clock.Now.Steady,
                runtime.Clock.Correction
            );
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
    /// The status of the fleet: its connections and gateways, with the rest as this host has it. What cannot be counted now is among
    /// its troubles.
    /// </summary>
    public async Task<ServerStatus> StatusAsync(CancellationToken cancellation)
    {
        AskedHosts asked;
        try
        {
            asked = await AskAsync(new HostQuestion { Totals = true }, cancellation);
        }
        catch (StoreException fault)
        {
            return Lacking(runtime.Status(), $"what other hosts hold is not counted: {fault.Message}");
        }

        // Each gateway is counted once: by another host, here or from the database.
        var left = asked.Left.ToHashSet(StringComparer.Ordinal);
        List<HostTotals> all =
        [
            .. asked.Answers.Select(other => other.Totals).OfType<HostTotals>(),
            OwnTotals(left.Remove),
        ];
        var status = runtime.Status();
        string[] rest = [.. left];
        if (rest.Length > 0)
        {
            try
            {
                var audits = await share.AuditsAsync(cancellation);
                all.Add(
                    HostTotals.Of(
                        await share.CountConnectionsAsync(rest, cancellation),
                        rest.Select(id => audits.GetValueOrDefault(id))
                    )
                );
            }
            catch (StoreException fault)
            {
                status = Lacking(
                    status,
                    $"{rest.Length} gateways that no host tells are not counted, because the database cannot be read: {fault.Message}"
                );
            }
        }

        return status with
        {
            Connections = (int)Math.Min(all.Sum(some => some.Connections), int.MaxValue),
            Gateways = new GatewayTotals(
                Ids.Count,
                all.Sum(some => some.Complete),
                all.Sum(some => some.Partial),
                all.Sum(some => some.Silent)
            ),
        };
    }

    /// <summary>How much there is at gateways that this host holds.</summary>
    public HostTotals OwnTotals(Func<string, bool> counts)
    {
        var states = runtime
            .Ledger.Unordered.Where(own => counts(own.Gateway) && IsConfigured(own.Gateway))
            .ToList();
        return HostTotals.Of(states.Sum(state => (long)state.Record.Count), states.Select(AuditOf));
    }

    private static ServerStatus Lacking(ServerStatus status, string trouble) =>
        status with
        {
            Troubles = [.. status.Troubles, trouble],
        };

    /// <summary>How the newest audit of a gateway went that this host holds; null if another one does.</summary>
    private SharedAudit? OwnAudit(string gateway) =>
        runtime.Ledger.Find(gateway) is { } own ? AuditOf(own) : null;

    private static SharedAudit AuditOf(GatewayState own) =>
        own.LastAudit is { } audit
            ? new SharedAudit(own.AskedSinceStart, audit.Complete, audit.Silent)
            : default;

    private static bool IsWhole(SharedAudit audit) => audit is { IsRecent: true, Complete: true };

    private static IReadOnlyDictionary<string, GatewayState> Nothing { get; } =
        new Dictionary<string, GatewayState>();

    private bool IsConfigured(string gateway) => runtime.Configuration.Find(gateway) is not null;
}
