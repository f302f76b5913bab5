using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// A SUBSCRIBE that a real proxy forks to two real presence servers, one of them slow (RFC 6665 section 4.4.4).
/// </summary>
internal sealed class KamailioForkTests : PeerTest
{
    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(400);

    [Test]
    public async Task Calls_of_a_notifier_that_is_not_heard_live_on()
    {
        var near = await KamailioPeer.StartAsync(Scope);
        var far = await KamailioPeer.StartAsync(Scope);
        await near.CallAsync(3);
        await far.CallAsync(2);
        var distant = await far.CallsAsync();
        IReadOnlyList<ProxiedCall> all = [.. await near.CallsAsync(), .. distant];
        var path = Scope.Own(new UdpProxy(far.Port, Slow));
        await near.ForkAsync(path.Port);
        var server = await Server.StartAsync(
            Scope,
            Scope.NewFolder("server"),
            near.Uri("gw1", ";transport=udp?replies=any-port")
        );
        await server.RecordAsync(all);

        path.CutAfter(0);
        var ends = await far.EndAsync([distant[0]]);
        var partial = await server.AuditAsync(audit => !audit.Complete && audit.Asked > ends.Latest);
        Assert.That(partial.Reasons, Has.Some.Contains("notifier"));
        await server.RecordAsync(all);
        Assert.That(await server.CdrsAsync(), Is.Empty);

        path.Restore();
        await server.RecordAsync([.. all.Except([distant[0]])]);
        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs, Has.Count.EqualTo(1));
        Assert.That(cdrs[0].Call, Is.EqualTo(distant[0].CallId));
        Assert.That(cdrs[0].EndStampMin, Is.LessThanOrEqualTo(ends.Latest));
        Assert.That(cdrs[0].EndStampMax, Is.GreaterThanOrEqualTo(ends.Earliest));
        await server.StopAsync();
    }
}
