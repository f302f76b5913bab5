using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>A standing subscription to a real Kamailio follows calls that begin and end.</summary>
internal sealed class KamailioWatchTests : PeerTest
{
    [TestCase("udp")]
    [TestCase("tcp")]
    public async Task A_watch_follows_calls_that_begin_and_end(string transport)
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(5);
        var lasting = await kamailio.CallsAsync();
        var uri = kamailio.Uri("gw1", $";transport={transport}?watch=true");
        var server = await Server.StartAsync(Scope, Scope.NewFolder("server"), uri);
        await AwaitAsync(server, lasting);
        await server.MetricAsync("callserver_watches", 1);

        await kamailio.CallAsync(10);
        var all = await kamailio.CallsAsync();
        await AwaitAsync(server, all);
        var passing = all.ExceptBy(lasting.Select(call => call.CallId), call => call.CallId).ToList();
        var ends = await kamailio.EndAsync(passing);
        await AwaitAsync(server, lasting);

        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs.Select(cdr => cdr.Call), Is.EquivalentTo(passing.Select(call => call.CallId)));
        var truth = passing.ToDictionary(call => call.CallId);
        foreach (var cdr in cdrs)
        {
            var answered = truth[cdr.Call].Answered;
            Assert.That(cdr.EndEvidence, Is.EqualTo("absent"));
            // Kamailio's time of the answer is cut off to the second.
            Assert.That(cdr.AnswerStampMin, Is.LessThanOrEqualTo(answered + TimeSpan.FromSeconds(1)));
            Assert.That(cdr.AnswerStampMax, Is.GreaterThanOrEqualTo(answered));
            Assert.That(cdr.EndStampMin, Is.LessThanOrEqualTo(ends.Latest));
            Assert.That(cdr.EndStampMax, Is.GreaterThanOrEqualTo(ends.Earliest));
        }

        // At first, of the calls that began, and of those that ended.
        await server.MetricAsync("callserver_watch_snapshots_total", 3);
        await server.StopAsync();
    }

    private static async Task AwaitAsync(Server server, IReadOnlyList<ProxiedCall> calls)
    {
        var wanted = calls.Select(call => call.CallId).Order().ToList();
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
