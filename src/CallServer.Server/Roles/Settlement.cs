using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Text.Json;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>A held CDR, as the acting server is asked about it.</summary>
/// <param name="Id">The CDR's id.</param>
/// <param name="Gateway">The id of the gateway.</param>
/// <param name="Connection">What the gateway called the connection.</param>
public sealed record HeldCdr(string Id, string Gateway, string Connection);

/// <summary>What the acting server says of held CDRs; it knows nothing of those named in neither list.</summary>
/// <param name="Epoch">The epoch it acts under.</param>
/// <param name="Written">Ids of CDRs that it has itself.</param>
/// <param name="Active">Ids of CDRs whose connections are active in its record.</param>
public sealed record Settled(int Epoch, IReadOnlyList<string> Written, IReadOnlyList<string> Active);

/// <summary>
/// Decides what becomes of the CDRs that a standby holds. Those that the acting server has written are dropped. Those
/// of connections that it still carries wait. Those that it does not know, because only this server saw the
/// connection, are written here after a grace period.
/// </summary>
public sealed class Settlement : IDisposable
{
    /// <summary>The path where a server is asked.</summary>
    public const string Path = "v1/cdrs/settle";

    /// <summary>The most CDRs in one question.</summary>
    public const int Most = 50;

    private const int LongestAnswer = 1024 * 1024;

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly ILedgerStore store;
    private readonly LedgerShards ledger;
    private readonly Func<ServerRole?> role;
    private readonly Func<bool> isCold;
    private readonly Func<TimeSpan> longestInterval;
    private readonly Action released;
    private readonly IClock clock;
    private readonly ILogger logger;
    private readonly PeerHttp http;
    private readonly CancellationTokenSource stop = new();
    private readonly IDisposable loop;
    private Dictionary<long, Instant> unknown = [];

    /// <param name="store">Holds the CDRs.</param>
    /// <param name="ledger">The record.</param>
    /// <param name="role">Returns this server's role.</param>
    /// <param name="isCold">Whether this server, as a standby, asks no gateway unless it has to.</param>
    /// <param name="longestInterval">The longest interval of any gateway.</param>
    /// <param name="released">Called when some CDRs are to be written now.</param>
    /// <param name="trust">Proves questions and judges answers.</param>
    /// <param name="clock">The server's clock.</param>
    /// <param name="scheduler">Starts each round.</param>
    /// <param name="logger">Reports what was written here.</param>
    public Settlement(
        ILedgerStore store,
        LedgerShards ledger,
        Func<ServerRole?> role,
        Func<bool> isCold,
        Func<TimeSpan> longestInterval,
        Action released,
        PeerTrust trust,
        IClock clock,
        IScheduler scheduler,
        ILogger logger
    )
    {
        this.store = store;
        this.ledger = ledger;
        this.role = role;
        this.isCold = isCold;
        this.longestInterval = longestInterval;
        this.released = released;
        this.clock = clock;
        this.logger = logger;
        http = new PeerHttp(trust, Patience, LongestAnswer);
        loop = Observable
            .Interval(Rest, scheduler)
            .Select(_ => Observable.FromAsync(RoundAsync))
            .Concat()
            .Subscribe();
    }

    /// <summary>Stops the rounds; held CDRs stay held.</summary>
    public void Dispose()
    {
        loop.Dispose();
        stop.Cancel();
        http.Dispose();
        stop.Dispose();
    }

    /// <summary>Looks once at everything that is held.</summary>
    public async Task RoundAsync()
    {
        try
        {
            var after = 0L;
            var still = new Dictionary<long, Instant>();
            while (Peer() is { } peer)
            {
                var page = store.ReadHeld(after, Most);
                if (page.Items.Count == 0)
                    break;
                after = page.Items[^1].Sequence;
                await SettleAsync(peer, page.Items, still);
            }

            unknown = still;
            if (isCold() && Peer() is { } acting)
                await LeaveAsync(acting);
        }
        catch (Exception fault)
            when (fault
                    is HttpRequestException
                        or IOException
                        or OperationCanceledException
                        or JsonException
                        or ObjectDisposedException
            )
        {
            // The other server is away. If it stays away, this server takes over and writes them all.
        }
        catch (StoreException fault)
        {
            logger.LogError("held CDRs cannot be settled: {Reason}", fault.Message);
        }
    }

    private Uri? Peer() =>
        role() is { Decided: true, Acts: false, Peer: { } peer } && !stop.IsCancellationRequested
            ? new Uri(peer)
            : null;

    /// <summary>
    /// A cold standby that has acted before keeps the connections that nobody else may know, and leaves to the acting
    /// server those that it has.
    /// </summary>
    private async Task LeaveAsync(Uri peer)
    {
        foreach (var state in ledger.States.Where(state => state.Record.Count > 0))
        {
            foreach (var some in state.Record.CdrIds.Chunk(Most))
            {
                var asked = some.Select(each => new HeldCdr(each.Value, state.Gateway, each.Key)).ToList();
                if (await AskAsync(peer, asked) is not { } answer || answer.Epoch < (role()?.Epoch ?? 0))
                    return;
                var theirs = answer.Written.Concat(answer.Active).ToHashSet(StringComparer.Ordinal);
                ledger.Leave(
                    state.Gateway,
                    [.. some.Where(each => theirs.Contains(each.Value)).Select(each => each.Key)]
                );
            }
        }
    }

    private async Task SettleAsync(
        Uri peer,
        IReadOnlyList<AccountingEntry> entries,
        Dictionary<long, Instant> still
    )
    {
        // Starts and interim records are left to the other server.
        var stops = entries.Where(entry => entry.Kind == AccountingKind.Stop).ToList();
        var answer = stops.Count == 0 ? null : await AskAsync(peer, [.. stops.Select(Held)]);
        // A server that no longer acts, or acts under an outdated epoch, settles nothing.
        if (stops.Count > 0 && (answer is null || answer.Epoch < (role()?.Epoch ?? int.MaxValue)))
            return;

        var verdict = HeldRecords.Judge(
            entries.Select(entry =>
                HeldRecords.Record(entry.Sequence, entry.Id, entry.Kind == AccountingKind.Stop)
            ),
            answer?.Written.ToHashSet(StringComparer.Ordinal) ?? [],
            answer?.Active.ToHashSet(StringComparer.Ordinal) ?? [],
            unknown,
            longestInterval(),
            clock.Now.Steady
        );
        foreach (var (sequence, since) in verdict.Unknown)
            still[sequence] = since;
        if (verdict.Forget.Count > 0)
            store.DropHeld(verdict.Forget);
        if (verdict.Write.Count > 0)
        {
            store.ReleaseHeld(verdict.Write);
            logger.LogInformation(
                "{Count} CDRs of connections that the other server does not know are written here",
                verdict.Write.Count
            );
            released();
        }
    }

    private async Task<Settled?> AskAsync(Uri peer, IReadOnlyList<HeldCdr> held)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(held, RecordJson.Camel);
        var answer = await http.AskAsync(peer, Path, PairQuestion.Settle, content, stop.Token);
        return answer.IsGiven ? JsonSerializer.Deserialize<Settled>(answer.Content, RecordJson.Camel) : null;
    }

    private static HeldCdr Held(AccountingEntry entry)
    {
        using var cdr = JsonDocument.Parse(entry.Json);
        return new HeldCdr(
            entry.Id,
            entry.Gateway,
            cdr.RootElement.GetProperty("connection").GetString() ?? ""
        );
    }
}
