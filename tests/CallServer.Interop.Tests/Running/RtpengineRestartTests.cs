using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>A real rtpengine that dies with its calls, and comes back without them.</summary>
internal sealed class RtpengineRestartTests : PeerTest
{
    // Its up-time is reported in whole seconds: a shorter run could not be told from the next.
    private const long ShortestRun = 5;

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public async Task Its_calls_end_with_its_restart_and_not_before(int door)
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, 200);
        var calls = await NgCall.MakeAsync(rtpengine.Proxy, 0, 200);
        var server = await Server.StartAsync(Scope, Scope.NewFolder("server"), rtpengine.Uris[door]);
        await server.CompleteAuditAsync();
        var before = await server.ConnectionsAsync();
        Assert.That(
            before.Select(connection => connection.Id),
            Is.EquivalentTo(calls.SelectMany(call => call.Ids))
        );
        Assert.That(before.Select(connection => connection.Status), Is.All.EqualTo("confirmed"));
        await Eventually.GetAsync(
            async () => await rtpengine.Proxy.UpTimeAsync() >= ShortestRun ? "old enough" : null,
            () => "an rtpengine that has been up for a while"
        );

        var alive = DateTimeOffset.UtcNow;
        await server.CompleteAuditAsync();
        await rtpengine.KillAsync();
        await server.AuditAsync(audit =>
            audit.Reasons.Any(reason => reason.StartsWith("silent", StringComparison.Ordinal))
        );
        var meanwhile = await server.ConnectionsAsync();
        Assert.That(meanwhile, Has.Count.EqualTo(before.Count), "silence is no evidence of absence");
        Assert.That(await server.CdrsAsync(), Is.Empty);

        var restarted = await rtpengine.StartAgainAsync();
        await server.CompleteAuditAsync();
        Assert.That(await server.ConnectionsAsync(), Is.Empty);
        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs, Has.Count.EqualTo(2 * calls.Count));
        Assert.That(cdrs.Select(cdr => cdr.EndEvidence), Is.All.EqualTo("gateway-restart"));
        // The up-time bounds the restart to about a second.
        var latest = restarted.Latest + TimeSpan.FromSeconds(2);
        Assert.That(cdrs.Select(cdr => cdr.EndStampMax), Is.All.LessThanOrEqualTo(latest));
        Assert.That(
            cdrs.Select(cdr => cdr.EndStampMin),
            Is.All.GreaterThanOrEqualTo(alive - TimeSpan.FromSeconds(1))
        );
        await server.StopAsync();
    }
}
