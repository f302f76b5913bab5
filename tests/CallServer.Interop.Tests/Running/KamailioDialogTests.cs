using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>A server that keeps the record of a real Kamailio's dialogs by JSON-RPC.</summary>
internal sealed class KamailioDialogTests : PeerTest
{
    [TestCase(0)]
    [TestCase(1)]
    public async Task Calls_that_end_are_closed_with_true_times_and_the_others_stay(int way)
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(10);
        var server = await Server.StartAsync(Scope, Scope.NewFolder("server"), kamailio.JsonRpc[way]);
        var all = await kamailio.CallsAsync();
        await server.RecordAsync(all);

        var passing = all.Take(4).ToList();
        var ends = await kamailio.EndAsync(passing);
        await server.RecordAsync([.. all.Skip(4)]);

        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs.Select(cdr => cdr.Call), Is.EquivalentTo(passing.Select(call => call.CallId)));
        var truth = passing.ToDictionary(call => call.CallId);
        foreach (var cdr in cdrs)
        {
            // Kamailio truncates the time of the answer to the second.
            var answered = truth[cdr.Call].Answered;
            Assert.That(cdr.AnswerStampMin, Is.LessThanOrEqualTo(answered.AddSeconds(1)));
            Assert.That(cdr.AnswerStampMax, Is.GreaterThanOrEqualTo(answered));
            Assert.That(cdr.EndStampMin, Is.LessThanOrEqualTo(ends.Latest));
            Assert.That(cdr.EndStampMax, Is.GreaterThanOrEqualTo(ends.Earliest));
            // What its operator ends is not listed with a time of its end.
            Assert.That(cdr.EndEvidence, Is.EqualTo("absent"));
        }

        await server.StopAsync();
    }

    /// <summary>
    /// Kamailio is between the parties, and rtpengine carries their media. Kamailio is asked in both ways, for its dialogs and for
    /// what it publishes of them. All times are told, so the media is made soon after the calls, as it is in a network.
    /// </summary>
    [Test]
    public async Task Dialogs_and_their_media_are_one_call_each()
    {
        const int count = 10;
        string[] all = ["kam", "pua", "rtp"];
        var kamailio = await KamailioPeer.StartAsync(Scope);
        var rtpengine = await RtpenginePeer.StartAsync(Scope, count);
        await kamailio.CallAsync(count);
        var calls = await kamailio.CallsAsync();
        var media = new List<NgCall>();
        foreach (var call in calls)
            media.Add(await NgCall.MakeAsync(rtpengine.Proxy, media.Count, call.CallId));
        var server = await Server.StartAsync(
            Scope,
            Scope.NewFolder("server"),
            [
                ("kam", kamailio.JsonRpc[1]),
                ("pua", kamailio.Uri("gw1", ";transport=tcp")),
                ("rtp", rtpengine.Uris[1]),
            ]
        );

        var joined = await Eventually.GetAsync(
            async () =>
                await server.CallsAsync() is { Count: count } told
                && told.All(call => call.Connections.Count == 4)
                    ? told
                    : null,
            () => "calls of three sources"
        );
        Assert.That(await kamailio.CountAsync(), Is.EqualTo(count));
        var legs = media.ToDictionary(call => call.CallId, call => call.Ids.Select(id => $"rtp/{id}"));
        foreach (var call in joined)
        {
            var dialog = calls.Single(one => one.CallId == call.Call);
            Assert.That(call.Sources, Is.EquivalentTo(all));
            string[] expected = [$"kam/{dialog.CallId};{dialog.Entry}:{dialog.Number}", .. legs[call.Call!]];
            // The rest is one, of what it publishes of the caller.
            Assert.That(expected, Is.SubsetOf(call.Connections));
            Assert.That(call.Connections.Except(expected).Single(), Does.StartWith("pua/"));
        }

        await server.StopAsync();
    }

    /// <summary>Calls that add up: 300 of them live for half a second, and many of those end before an audit sees them.</summary>
    [Test]
    public async Task Each_of_1000_calls_is_seen_or_declared_unseen()
    {
        const int lasting = 700;
        const int passing = 300;
        var kamailio = await KamailioPeer.StartAsync(Scope);
        var server = await Server.StartAsync(
            Scope,
            Scope.NewFolder("server"),
            [("gw1", kamailio.JsonRpc[1])],
            interval: "8s"
        );
        await server.CompleteAuditAsync();

        // It sets up some 20 a second while it publishes them all.
        var passed = await Task.WhenAll(
            kamailio.PassAsync(passing, 5, TimeSpan.FromMilliseconds(500)),
            kamailio.PassAsync(lasting, 10, TimeSpan.FromSeconds(12))
        );
        Assert.That(passed.Sum(run => run.Failed), Is.Zero);
        // The first one may have begun before the last call.
        await server.CompleteAuditAsync();
        await server.CompleteAuditAsync();

        var gateway = await server.GatewayAsync();
        Assert.That(gateway.Unseen, Is.Not.Null);
        Assert.That(gateway.Unseen!.Least, Is.EqualTo(gateway.Unseen.Most), gateway.ToString());
        Assert.That(gateway.Opened + gateway.Unseen.Most, Is.EqualTo(lasting + passing), gateway.ToString());
        // It lists a call for some seconds after its end, and that is how most of the short ones are seen.
        Assert.That(gateway.Unseen.Most, Is.GreaterThan(0), gateway.ToString());
        Assert.That((gateway.Unseen.Surplus, gateway.Conflicts), Is.EqualTo((0, 0)));
        await server.StopAsync();
    }

    [Test]
    public async Task A_release_ends_its_call_and_no_other()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(5);
        var calls = await kamailio.CallsAsync();
        var server = await Server.StartAsync(Scope, Scope.NewFolder("server"), kamailio.JsonRpc[1]);
        await server.RecordAsync(calls);

        var meant = calls[2];
        var id = $"{meant.CallId};{meant.Entry}:{meant.Number}";
        var released = await server.ReleaseAsync(id, "a test of its end");
        Assert.That(released.ExitCode, Is.Zero, released.ToString());
        await server.RecordAsync([.. calls.Where(call => call != meant)]);
        var left = (await kamailio.CallsAsync()).Select(call => call.CallId).ToList();
        Assert.That(left, Has.Count.EqualTo(4).And.No.Member(meant.CallId));

        var again = await server.ReleaseAsync(id, "once more");
        Assert.That(again.ExitCode, Is.EqualTo(1), again.ToString());
        var cdr = (await server.CdrsAsync()).Single();
        Assert.That((cdr.Connection, cdr.ReleaseReason), Is.EqualTo((id, "a test of its end")));
        await server.StopAsync();
    }

    [Test]
    public async Task Silence_ends_nothing_and_a_restart_ends_what_is_not_there_any_more()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(10);
        var server = await Server.StartAsync(Scope, Scope.NewFolder("server"), kamailio.JsonRpc[0]);
        var calls = await kamailio.CallsAsync();
        await server.RecordAsync(calls);

        await kamailio.StopAsync();
        await server.AuditAsync(audit =>
            audit.Reasons.Any(reason => reason.StartsWith("silent", StringComparison.Ordinal))
        );
        await server.RecordAsync(calls);
        Assert.That(await server.CdrsAsync(), Is.Empty);

        var started = await kamailio.StartAgainAsync();
        await server.CompleteAuditAsync();
        await server.RecordAsync([]);
        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs, Has.Count.EqualTo(calls.Count));
        Assert.That(cdrs.Select(cdr => cdr.EndEvidence), Is.All.EqualTo("gateway-restart"));
        // The up-time bounds the restart to about a second.
        var latest = started.Latest + TimeSpan.FromSeconds(2);
        Assert.That(cdrs.Select(cdr => cdr.EndStampMax), Is.All.LessThanOrEqualTo(latest));
        await server.StopAsync();
    }
}
