using System.Collections.Concurrent;
using CallServer.Model;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Server.Recording;
using CallServer.Server.Releasing;
using CallServer.Storage;
using Microsoft.Extensions.Hosting;

namespace CallServer.Host.Tests.Web;

/// <summary>The database of a fleet within the process: what was written of gateways.</summary>
internal sealed class TestDatabase
{
    /// <summary>Whether it cannot be read.</summary>
    public bool IsAway { get; set; }

    public ConcurrentDictionary<string, GatewayState> Written { get; } = new();

    /// <summary>The gateways that were read, or whose connections were counted.</summary>
    public ConcurrentQueue<string> Read { get; } = new();

    /// <summary>Throws StoreException while it is away.</summary>
    public void Reach()
    {
        if (IsAway)
            throw new StoreUnavailableException("the database is away");
    }
}

/// <summary>A host's part of a fleet within the process. Nobody is asked: a test says what each host holds.</summary>
/// <param name="others">All hosts, this one among them.</param>
/// <param name="database">What they have written.</param>
internal sealed class TestShare(IReadOnlyList<TestShare> others, TestDatabase database) : IGatewayShare
{
    private readonly ConcurrentDictionary<string, long> held = new();
    private Func<ServerRuntime>? runtime;
    private long epoch;

    /// <summary>Whether it leaves the others without an answer.</summary>
    public bool IsSilent { get; set; }

    /// <summary>What becomes of its answers.</summary>
    public Func<string, string> Answers { get; set; } = answer => answer;

    /// <summary>How often others asked it.</summary>
    public int Asked { get; private set; }

    public ServerRuntime Runtime => runtime!();

    /// <summary>From now on this host holds a gateway, which had these connections just now. The database has them, too.</summary>
    public async Task HoldAsync(string gateway, params string[] connections)
    {
        var ledger = Runtime.Ledger;
        await ledger.HoldAsync(new UnitFence(held.Count, ++epoch), [gateway], []);
        var now = Runtime.Clock.Now.Steady;
        ledger.Take(Results.Complete(gateway, now, now, connections), null);
        await ledger.PassAsync();
        held[gateway] = epoch;
        database.Written[gateway] = ledger.Find(gateway)!;
    }

    /// <summary>Does not vouch for a gateway any more, as while it is handed over: others count it where else they find it.</summary>
    public void Leave(string gateway) => held.TryRemove(gateway, out _);

    public bool MayAsk => false;

    public bool HasEnded => false;

    public void Join(IHostApplicationBuilder builder, Func<ServerRuntime> runtime) => this.runtime = runtime;

    public ClockReading? CommonClock => null;

    public int UnitsHeld => held.Count;

    public Task<SharedHosts> HostsAsync(CancellationToken cancellation) => throw new NotSupportedException();

    public void Follow(ServerConfiguration configuration) { }

    public bool Serves(string reader) => false;

    public Task<IReadOnlyDictionary<string, GatewayState>> ReadAsync(
        IReadOnlyCollection<string> gateways,
        CancellationToken cancellation
    )
    {
        database.Reach();
        foreach (var gateway in gateways)
            database.Read.Enqueue(gateway);
        return Task.FromResult<IReadOnlyDictionary<string, GatewayState>>(
            database.Written.Where(each => gateways.Contains(each.Key)).ToDictionary()
        );
    }

    public Task<IReadOnlyDictionary<string, SharedAudit>> AuditsAsync(CancellationToken cancellation)
    {
        database.Reach();
        return Task.FromResult<IReadOnlyDictionary<string, SharedAudit>>(
            database.Written.ToDictionary(
                each => each.Key,
                each => new SharedAudit(true, each.Value.LastAudit!.Complete, each.Value.LastAudit.Silent)
            )
        );
    }

    public async Task<long> CountConnectionsAsync(
        IReadOnlyCollection<string> gateways,
        CancellationToken cancellation
    ) => (await ReadAsync(gateways, cancellation)).Values.Sum(state => state.Record.Count);

    public Task<bool?> AuditAsync(string gateway) => throw new NotSupportedException();

    public Task<ReleaseAnswer> ReleaseAsync(string gateway, string connection, string by, string reason) =>
        throw new NotSupportedException();

    public async Task<HostAnswers<T>> AskAsync<T>(
        string question,
        Func<string, T?> read,
        CancellationToken cancellation
    )
        where T : class
    {
        var (answers, told) = (new List<T>(), new HashSet<string>());
        foreach (var other in others.Where(other => other != this && !other.IsSilent))
        {
            other.Asked++;
            var text = await other.Runtime.AnswerAsync(question, other.held.ContainsKey, cancellation);
            if (read(other.Answers(text)) is not { } answer)
                continue;
            answers.Add(answer);
            told.UnionWith(other.held.Keys);
        }

        return new HostAnswers<T>(
            answers,
            [.. Runtime.Configuration.GatewayIds.Where(id => !told.Contains(id))]
        );
    }

    public Instant? JoinedUntil => null;

    public void Dispose() { }
}
