using System.Globalization;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Web.Api;

/// <summary>Whoever follows the events ends with the record, however often the connection breaks.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(180_000)]
public sealed class EventReplayTests : IDisposable
{
    private const int Rounds = 25;
    private const int Breaks = 20;

    private static readonly byte[] even =
    [
        .. Enumerable.Range(1, 200).Where(n => n % 2 == 0).Select(n => (byte)n),
    ];
    private static readonly byte[] odd =
    [
        .. Enumerable.Range(1, 200).Where(n => n % 2 == 1).Select(n => (byte)n),
    ];

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    private static int Port(string gateway) => gateway == "gw1" ? 1 : 2;

    /// <summary>Every audit ends a hundred connections and opens a hundred others.</summary>
    private async Task ChurnAsync(TestServer server, string gateway, int rounds, CancellationToken cancel)
    {
        for (var round = 0; round < rounds; round++)
        {
            var record = server.Runtime.Ledger.Find(gateway)!.Record;
            var opened = record.OpenedTotal;
            gateways.Connections[Port(gateway)] = gateways.Connections[Port(gateway)] == even ? odd : even;
            server.Runtime.Polling.Trigger(gateway, AuditCause.Operator);
            await server.UntilAsync(
                runtime => runtime.Ledger.Find(gateway)!.Record.OpenedTotal > opened,
                cancel
            );
        }
    }

    private static async Task SavedAsync(TestServer server)
    {
        await server.Runtime.Writer.FlushAsync();
        await server.Runtime.Ledger.Joiner.PassAsync();
        await server.Runtime.Writer.FlushAsync();
    }

    [Test]
    public async Task AReplayOverManyChangesAndBreaksEndsWithTheRecord(CancellationToken cancel)
    {
        gateways.Connections[1] = even;
        gateways.Connections[2] = odd;
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        await SavedAsync(server);
        var middle = server.Runtime.Events.Read(long.MaxValue, 1).Newest / 2;

        // From the beginning, from now on, and from the middle of what the list already shows.
        (EventClient Client, long? After)[] clients =
        [
            (new EventClient(server.Http), 0),
            (new EventClient(server.Http), null),
            (new EventClient(server.Http), middle),
        ];
        await clients[2].Client.ReadListAsync(cancel);
        foreach (var (client, after) in clients)
            await client.BeginAsync(after, cancel);
        var churning = Task.WhenAll(
            ChurnAsync(server, "gw1", Rounds, cancel),
            ChurnAsync(server, "gw2", Rounds, cancel)
        );
        await Task.WhenAll(clients.Select((each, seed) => BreakingAsync(each.Client, seed, cancel)));
        await churning;
        await SavedAsync(server);

        // Whoever is far behind learns from an opening that the connection has ended since. Whoever has caught up needs
        // the closing itself.
        foreach (var (client, _) in clients)
            await client.FollowAsync(follower => follower.IsComplete, cancel);
        await ChurnAsync(server, "gw1", 1, cancel);
        await ChurnAsync(server, "gw2", 1, cancel);
        await SavedAsync(server);

        var truth = new EventClient(server.Http);
        await truth.ReadListAsync(cancel);
        Assert.That(server.Runtime.Events.Read(long.MaxValue, 1).Newest, Is.GreaterThan(10_000));
        foreach (var (client, after) in clients)
        {
            await client.FollowAsync(follower => follower.IsComplete, cancel);
            Assert.That(client.Record, Is.EqualTo(truth.Record), $"from {after}");
        }
    }

    /// <summary>Follows and breaks off at moments that the seed chooses.</summary>
    private static async Task BreakingAsync(EventClient client, int seed, CancellationToken cancel)
    {
        var random = new Random(seed);
        for (var lived = 0; lived < Breaks; lived++)
        {
            var enough = client.Changes + random.Next(1, 500);
            await client.FollowAsync(follower => follower.Changes >= enough, cancel);
        }
    }

    [Test]
    public async Task ARestartIsToldToWhoeverComesBack(CancellationToken cancel)
    {
        gateways.Connections[1] = [1, 2];
        gateways.Connections[2] = [3];
        EventClient client;
        await using (var first = await TestServer.StartAsync(directory, gateways))
        {
            await first.UntilAskedAsync(cancel);
            client = new EventClient(first.Http);
            await client.BeginAsync(0, cancel);
            await client.FollowAsync(follower => follower.IsComplete, cancel);
            Assert.That(client.Record, Has.Count.EqualTo(3).And.All.Contains("\"confirmed\""));
        }

        gateways.Connections.TryRemove(2, out _);
        await using var second = await TestServer.StartAsync(directory, gateways);
        await second.UntilAsync(runtime => runtime.Ledger.Find("gw1") is { AskedSinceStart: true }, cancel);
        await SavedAsync(second);
        client.Http = second.Http;
        await client.FollowAsync(follower => follower.IsComplete, cancel);
        var truth = new EventClient(second.Http);
        await truth.ReadListAsync(cancel);
        Assert.That(client.Record, Is.EqualTo(truth.Record));
        Assert.That(truth.Record, Has.Exactly(1).Contains("\"unconfirmed\""));
    }

    [Test]
    public async Task AClientOfAnotherStoreIsToldToReadTheListsAgain(CancellationToken cancel)
    {
        gateways.Connections[1] = [1];
        gateways.Connections[2] = [];
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        await SavedAsync(server);
        var text = await FirstAsync(server, "v1/events?after=1000000", 4, cancel);
        var newest = server.Runtime.Events.Read(long.MaxValue, 1).Newest;
        Assert.That(
            text,
            Is.EqualTo(
                new[]
                {
                    "event: gap",
                    "data: {}",
                    string.Create(CultureInfo.InvariantCulture, $"id: {newest}"),
                    "event: complete",
                }
            )
        );
    }

    [Test]
    public async Task WhoComesBackLearnsThatItHasCaughtUp(CancellationToken cancel)
    {
        gateways.Connections[1] = [1];
        gateways.Connections[2] = [2];
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        await SavedAsync(server);
        var all = await FirstAsync(server, "v1/events?after=0", 9, cancel);
        Assert.That(
            all.Where(line => line.StartsWith("event: ", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "event: opened", "event: opened", "event: complete" })
        );
        Assert.That(all[^1], Is.EqualTo("data: {\"upTo\":2}"));
        // Of one gateway alone the place is the same, so that it is not read again.
        var one = await FirstAsync(server, "v1/events?after=0&gateway=gw2", 6, cancel);
        Assert.That(one[^1], Is.EqualTo("data: {\"upTo\":2}"));
    }

    /// <summary>The first lines of the stream that are not empty, without the retry.</summary>
    private static async Task<string[]> FirstAsync(
        TestServer server,
        string path,
        int count,
        CancellationToken cancel
    )
    {
        using var response = await server.Http.GetAsync(
            new Uri(path, UriKind.Relative),
            HttpCompletionOption.ResponseHeadersRead,
            cancel
        );
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(cancel));
        var found = new List<string>();
        while (found.Count < count && await lines.ReadLineAsync(cancel) is { } line)
        {
            if (line.Length > 0 && !line.StartsWith("retry", StringComparison.Ordinal))
                found.Add(line);
        }

        return [.. found];
    }
}
