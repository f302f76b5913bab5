using System.Globalization;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Storage.Postgres;
using CallServer.Surface;

namespace CallServer.Fleet;

/// <summary>
/// Brings connections that other hosts have written into this host's calls, where they may belong to the same ones. What this host
/// learns it looks for in the database, and what others write it compares with its own calls; so whichever comes last finds the
/// other.
/// </summary>
/// <param name="rows">What all hosts have written.</param>
/// <param name="joiner">This host's calls.</param>
/// <param name="isHeld">Whether this host keeps a gateway.</param>
/// <param name="protocolOf">The protocol by which a gateway is asked; null if it is not configured.</param>
/// <param name="clock">This host's timeline.</param>
/// <param name="logger">Reports what cannot be read.</param>
internal sealed partial class CallImports(
    SharedConnections rows,
    CallJoiner joiner,
    Func<string, bool> isHeld,
    Func<string, string?> protocolOf,
    IClock clock,
    ILogger<CallImports> logger
)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    // How often what others do without changing a connection is read: that they asked, and that they heard it again.
    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(5);

    private const int MostChanges = 5000;
    private const int MostKeys = 2000;

    // An id or a socket that so many connections have tells nothing.
    private const int MostAlike = 64;

    // While the database is away. What is beyond is looked for by all that there is.
    private const int MostWaiting = 200_000;

    private readonly List<JoinKeys> waiting = [];
    private bool everything = true;
    private long? seen;
    private Instant refreshed = InstantModule.distantPast;
    private long heard = long.MinValue;

    /// <summary>Up to when everything that other hosts wrote is in this host's calls; null before that is known.</summary>
    public Instant? Heard => Volatile.Read(ref heard) is > long.MinValue and var at ? new Instant(at) : null;

    /// <summary>Goes on until the token.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Pause);
        var failed = false;
        do
        {
            try
            {
                while (await RoundAsync(stop)) { }
                failed = false;
            }
            catch (StoreException fault)
            {
                if (!failed)
                    LogAway(fault.Message);
                failed = true;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // a fault of the join ends neither it nor the host
            catch (Exception fault)
#pragma warning restore CA1031
            {
                LogFault(fault);
                (everything, seen) = (true, null);
            }
        } while (await WaitAsync(timer, stop));
    }

    private static async Task<bool> WaitAsync(PeriodicTimer timer, CancellationToken stop)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stop);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Takes in what is new. Returns whether there is more.</summary>
    private async Task<bool> RoundAsync(CancellationToken stop)
    {
        var began = clock.Now.Steady;
        var (oldest, newest) = await rows.ChangesKnownAsync(stop);
        var gap = seen is not { } last || last + 1 < oldest;
        var from = gap ? newest : seen!.Value;
        everything |= gap;
        await SeekLaterAsync();
        var changes = await rows.ChangesAsync(from, MostChanges, stop);
        var news = new News();
        if (gap)
            foreach (var (gateway, connections) in SharedCalls.Elsewhere(joiner.Calls))
                news.Unsure.UnionWith(connections.Select(id => (gateway, id)));
        foreach (var change in changes)
            Take(change, news);
        var refreshes = began - refreshed >= Refresh;
        if (refreshes)
        {
            news.Wanted.UnionWith(SharedCalls.Watched(joiner.Calls));
            news.Gateways.UnionWith(SharedCalls.Awaited(joiner.Calls));
        }
        await FindAsync(waiting, news.Wanted, stop);
        // What belongs to a call of ours may be joined by others still, which are looked for in turn.
        var more = await ImportAsync(news, stop);
        if (everything)
            more = [.. SharedCalls.Related(joiner.Calls)];
        while (more.Count > 0)
        {
            // Should this round fail, they are looked for by the next one.
            waiting.AddRange(more);
            var next = new News();
            await FindAsync(more, next.Wanted, stop);
            more = next.Wanted.Count > 0 ? await ImportAsync(next, stop) : [];
        }
        waiting.Clear();
        everything = false;
        // Only now: what a round that failed had read is read again.
        seen = changes.Count > 0 ? changes[^1].Sequence : from;
        if (refreshes)
            refreshed = began;
        if (changes.Count == MostChanges)
            return true;
        Volatile.Write(ref heard, began.Micros);
        return false;
    }

    /// <summary>What has come here since the last round is looked for, now or when the database is back.</summary>
    private async Task SeekLaterAsync()
    {
        var keys = await joiner.SoughtAsync(everything);
        if (everything)
            waiting.Clear();
        waiting.AddRange(keys);
        if (waiting.Count <= MostWaiting || everything)
            return;
        waiting.Clear();
        everything = true;
        waiting.AddRange(await joiner.SoughtAsync(all: true));
    }

    private void Take(SharedChange change, News news)
    {
        if (isHeld(change.Gateway))
            return;
        var calls = joiner.Calls;
        if (change.Connection is not { } id)
        {
            news.Wanted.UnionWith(
                SharedCalls.ElsewhereOf(calls, change.Gateway).Select(each => (change.Gateway, each))
            );
            return;
        }
        var known = SharedCalls.Has(calls, change.Gateway, id);
        switch (change.Kind)
        {
            case "closed" or "renamed":
                // Of a renamed one the change has the old id, which may be known.
                if (known || news.Wanted.Contains((change.Gateway, id)) || change.Kind == "renamed")
                    news.Told[change.Sequence] = change;
                break;
            case "left":
                news.Unsure.Add((change.Gateway, id));
                return;
        }
        if (
            known && change.Kind != "closed"
            || SharedCalls.MayMeet(calls, change.Gateway, change.Call, change.LocalMedia, change.RemoteMedia)
        )
            news.Wanted.Add((change.Gateway, id));
    }

    /// <summary>Adds the connections of other hosts that are alike by one of these keys, and not here yet.</summary>
    private async Task FindAsync(
        IReadOnlyList<JoinKeys> keys,
        HashSet<(string, string)> into,
        CancellationToken stop
    )
    {
        var calls = keys.Select(each => each.Call).OfType<string>().Distinct().Chunk(MostKeys).ToList();
        var media = keys.SelectMany(each => each.Media).Distinct().Chunk(MostKeys).ToList();
        for (var part = 0; part < Math.Max(calls.Count, media.Count); part++)
            foreach (
                var (gateway, id) in await rows.FindAsync(
                    part < calls.Count ? calls[part] : [],
                    part < media.Count ? media[part] : [],
                    MostAlike,
                    stop
                )
            )
                if (!isHeld(gateway) && !SharedCalls.Has(joiner.Calls, gateway, id))
                    into.Add((gateway, id));
    }

    private async Task<IReadOnlyList<JoinKeys>> ImportAsync(News news, CancellationToken stop)
    {
        var until = Heard ?? InstantModule.distantPast;
        var ends = new Dictionary<string, List<(string Id, Instant Earliest, Instant Latest)>>();
        var left = news.Unsure.ToLookup(each => each.Gateway, each => each.Id);
        var renamed = new List<(string Gateway, string Id)>();
        if (news.Told.Count > 0)
            foreach (var (sequence, told) in await rows.DetailsAsync([.. news.Told.Keys], stop))
            {
                var change = news.Told[sequence];
                if (told.Was is { } was)
                    renamed.Add((change.Gateway, was));
                if (change.Kind == "closed" && told.End is { } end)
                {
                    if (!ends.TryGetValue(change.Gateway, out var list))
                        ends.Add(change.Gateway, list = []);
                    list.Add((change.Connection!, Bound(end.Earliest, false), Bound(end.Latest, true)));
                    news.Gateways.Add(change.Gateway);
                }
            }
        news.Wanted.UnionWith(news.Unsure);
        var gone = left.SelectMany(group => group, (group, id) => (Gateway: group.Key, Id: id))
            .Concat(renamed)
            .ToLookup(each => each.Gateway, each => each.Id);
        foreach (var group in gone)
            news.Gateways.Add(group.Key);
        if (news.Wanted.Count == 0 && news.Gateways.Count == 0)
            return await joiner.ImportAsync([], until);
        var records = new List<ElsewhereRecord>();
        foreach (var (gateway, read) in await rows.ReadAsync(news.Wanted, news.Gateways, stop))
        {
            var there = read.Connections.Select(row => row.Id).ToHashSet(StringComparer.Ordinal);
            try
            {
                records.Add(
                    new ElsewhereRecord(
                        read.Gateway,
                        read.Connections,
                        read.Shift,
                        protocolOf(gateway),
                        ends.GetValueOrDefault(gateway, [])
                            .Where(end => !there.Contains(end.Id))
                            .Select(end => (end.Id, end.Earliest, end.Latest)),
                        gone[gateway].Where(id => !there.Contains(id))
                    )
                );
            }
            catch (InvalidDataException fault)
            {
                LogUnreadable(gateway, fault.Message);
            }
        }
        return await joiner.ImportAsync(records, until);
    }

    private Instant Bound(string? shown, bool isLatest) =>
        shown is null
            ? isLatest
                ? InstantModule.distantFuture
                : InstantModule.distantPast
            : InstantModule.ofDateTime(DateTimeOffset.Parse(shown, CultureInfo.InvariantCulture))
                - clock.Correction;

    /// <summary>What is to be read, and what the changes say.</summary>
    private sealed class News
    {
        /// <summary>Connections to be read.</summary>
        public HashSet<(string Gateway, string Id)> Wanted { get; } = [];

        /// <summary>Gateways of which only their own row is to be read.</summary>
        public HashSet<string> Gateways { get; } = new(StringComparer.Ordinal);

        /// <summary>Connections that may not be there any more, without an end.</summary>
        public HashSet<(string Gateway, string Id)> Unsure { get; } = [];

        /// <summary>Changes of which more is to be read, by their numbers.</summary>
        public Dictionary<long, SharedChange> Told { get; } = [];
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "calls are not joined with those of other hosts now: {Why}"
    )]
    private partial void LogAway(string why);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "the join with other hosts' calls failed by a fault of our own and begins anew"
    )]
    private partial void LogFault(Exception fault);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Gateway}: not joined with calls here: {Why}")]
    private partial void LogUnreadable(string gateway, string why);
}
