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
        await server.RecordAsync(lasting);
        await server.MetricAsync("callserver_watches", 1);

        await kamailio.CallAsync(10);
        var all = await kamailio.CallsAsync();
        await server.RecordAsync(all);
        var passing = all.ExceptBy(lasting.Select(call => call.CallId), call => call.CallId).ToList();
        var ends = await kamailio.EndAsync(passing);
        await server.RecordAsync(lasting);

        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs.Select(cdr => cdr.Call), Is.EquivalentTo(passing.Select(call => call.CallId)));
        var truth = passing.ToDictionary(call => call.CallId);
        foreach (var cdr in cdrs)
        {
            var answered = truth[cdr.Call].Answered;
            Assert.That(cdr.EndEvidence, Is.EqualTo("absent"));
            // Kamailio truncates the time of the answer to the second.
            Assert.That(cdr.AnswerStampMin, Is.LessThanOrEqualTo(answered + TimeSpan.FromSeconds(1)));
            Assert.That(cdr.AnswerStampMax, Is.GreaterThanOrEqualTo(answered));
            Assert.That(cdr.EndStampMin, Is.LessThanOrEqualTo(ends.Latest));
            Assert.That(cdr.EndStampMax, Is.GreaterThanOrEqualTo(ends.Earliest));
        }

        // One at first, one about the calls that began, and one about those that ended.
        await server.MetricAsync("callserver_watch_snapshots_total", 3);
        await server.StopAsync();
    }

    /// <summary>
    /// One server watches and polls the same calls: the lower bound of the bill is no further from the truth than an
    /// interval, plus a second for the presence server's own delay.
    /// </summary>
    [TestCase("udp")]
    [TestCase("tcp")]
    public async Task A_watch_bills_no_less_than_polling(string transport)
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        var interval = TimeSpan.FromSeconds(4);
        var server = await Server.StartAsync(
            Scope,
            Scope.NewFolder("server"),
            [
                ("polled", kamailio.Uri("gw1", $";transport={transport}")),
                ("watched", kamailio.Uri("gw2", $";transport={transport}?watch=true")),
            ],
            interval: "4s"
        );
        await server.MetricAsync("callserver_watches", 1);
        await kamailio.CallAsync(5);
        var calls = await kamailio.CallsAsync();
        await server.RecordAsync([.. calls, .. calls]);
        // The call lasts several intervals: nothing shorter shows whether it is heard in each.
        var answered = calls.Max(call => call.Answered);
        await Eventually.GetAsync(
            () => Task.FromResult(DateTimeOffset.UtcNow > answered + (5 * interval) ? "long enough" : null),
            () => "the calls' length"
        );
        var ends = await kamailio.EndAsync(calls);
        await server.RecordAsync([]);

        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs, Has.Count.EqualTo(2 * calls.Count));
        var truth = calls.ToDictionary(call => call.CallId);
        foreach (var cdr in cdrs)
        {
            // Kamailio truncates the time of the answer to the second.
            var longest = (ends.Latest - truth[cdr.Call].Answered).TotalSeconds;
            var shortest = (ends.Earliest - truth[cdr.Call].Answered).TotalSeconds - 1;
            // An interval, another one in case a busy machine loses a datagram, and two seconds for that machine and
            // the presence server.
            var slack = (2 * interval.TotalSeconds) + 2;
            Assert.That(cdr.BillsecMin, Is.LessThanOrEqualTo(longest));
            Assert.That(cdr.BillsecMin, Is.GreaterThanOrEqualTo(shortest - slack - 1));
        }

        await server.StopAsync();
    }
}
