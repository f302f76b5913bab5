using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>A standing subscription to a real Kamailio follows calls that begin and end.</summary>
internal sealed class KamailioWatchTests : PeerTest
{
    private static readonly TimeSpan Long = TimeSpan.FromHours(2);

    [TestCase("udp")]
    [TestCase("tcp")]
    public async Task A_watch_follows_calls_that_begin_and_end(string transport)
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(5, Long);
        var lasting = (await kamailio.CallsAsync()).Select(call => call.CallId).ToList();
        var folder = Scope.NewFolder("server");
        var uri = kamailio.Uri("gw1", $";transport={transport}?watch=true");
        var server = await Server.StartAsync(Scope, folder, uri);
        await AwaitAsync(server, lasting);
        await server.MetricAsync("callserver_watches", 1);

        var before = DateTimeOffset.UtcNow;
        await kamailio.CallAsync(10, TimeSpan.FromSeconds(8));
        var passing = await kamailio.CallsAsync();
        Assert.That(passing, Has.Count.EqualTo(15), "calls that ended too early");
        await AwaitAsync(server, passing.Select(call => call.CallId));

        await AwaitAsync(server, lasting);
        var after = DateTimeOffset.UtcNow;
        var cdrs = await server.CdrsAsync();
        Assert.That(
            cdrs.Select(cdr => cdr.Call),
            Is.EquivalentTo(passing.Select(call => call.CallId).Except(lasting))
        );
        var answered = passing.ToDictionary(call => call.CallId, call => call.Answered);
        foreach (var cdr in cdrs)
        {
            Assert.That(cdr.EndEvidence, Is.EqualTo("absent"));
            // Kamailio's time of the answer is cut to the second; it publishes up to a second late.
            Assert.That(
                cdr.AnswerStampMin,
                Is.LessThanOrEqualTo(answered[cdr.Call] + TimeSpan.FromSeconds(1))
            );
            Assert.That(cdr.AnswerStampMax, Is.GreaterThanOrEqualTo(answered[cdr.Call]));
            Assert.That(cdr.EndStampMin, Is.GreaterThanOrEqualTo(before - TimeSpan.FromSeconds(1)));
            Assert.That(cdr.EndStampMax, Is.LessThanOrEqualTo(after));
        }

        await server.MetricAsync("callserver_watch_snapshots_total", 3);
        await server.StopAsync();
    }

    private static async Task AwaitAsync(Server server, IEnumerable<string> calls)
    {
        var wanted = calls.Order().ToList();
        await Eventually.GetAsync(
            async () =>
                (await server.ConnectionsAsync())
                    .Select(connection => connection.Call)
                    .Order()
                    .SequenceEqual(wanted)
                    ? "so"
                    : null,
            () => $"a record of {wanted.Count} calls"
        );
    }
}
