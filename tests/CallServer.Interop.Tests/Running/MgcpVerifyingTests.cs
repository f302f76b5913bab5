using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// A gateway that lists nothing, and a record that knows its connections: with <c>verify=mdcx</c> they are confirmed
/// one by one, and those that ended are closed.
/// </summary>
internal sealed class MgcpVerifyingTests : PeerTest
{
    [Test]
    public async Task Known_connections_are_confirmed_and_ended_ones_closed()
    {
        var gateway = await OsmoMgwPeer.StartAsync(Scope);
        var connections = await gateway.ConnectAsync(3);
        var (server, _) = await KnowAsync(gateway, connections, "&verify=mdcx");
        AssertRecord(await server.ConnectionsAsync(), connections, "confirmed");

        var ended = connections[1];
        await gateway.CallAgent.DeleteAsync(ended);
        // Both connections of this call, so that their endpoint is idle.
        await gateway.CallAgent.DeleteAsync(connections[4]);
        await gateway.CallAgent.DeleteAsync(connections[5]);
        var gone = new[] { ended, connections[4], connections[5] };

        await Eventually.GetAsync(
            async () => (await server.ConnectionsAsync()).Count == 3 ? "closed" : null,
            () => "the end of what ended"
        );
        AssertRecord(await server.ConnectionsAsync(), [.. connections.Except(gone)], "confirmed");
        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs.Select(cdr => cdr.Call), Is.EquivalentTo(gone.Select(one => one.Call)));
        Assert.That(cdrs.Select(cdr => cdr.EndEvidence), Is.All.EqualTo("absent"));
        await server.StopAsync();
    }

    [Test]
    public async Task Without_leave_to_verify_nothing_is_asked_and_nothing_closed()
    {
        var gateway = await OsmoMgwPeer.StartAsync(Scope);
        var connections = await gateway.ConnectAsync(2);
        var (server, doubted) = await KnowAsync(gateway, connections, "");
        await gateway.CallAgent.DeleteAsync(connections[0]);

        await server.AuditAsync(audit => !audit.Complete && audit.Asked > doubted.Answered);

        AssertRecord(await server.ConnectionsAsync(), connections, "unconfirmed");
        Assert.That(await server.CdrsAsync(), Is.Empty);
        await server.StopAsync();
    }

    [Test]
    public async Task A_release_ends_the_connection_that_is_meant_with_its_counters()
    {
        var gateway = await OsmoMgwPeer.StartAsync(Scope);
        var connections = await gateway.ConnectAsync(2);
        var (server, _) = await KnowAsync(gateway, connections, "&verify=mdcx");
        var meant = connections[2];

        var released = await server.ReleaseAsync(meant.Name, "a test of its end");

        Assert.That(released.ExitCode, Is.Zero, released.ToString());
        Assert.That(released.Output, Does.Contain("packets").IgnoreCase, "the gateway's last counters");
        Assert.That(await gateway.CallAgent.HasAsync(meant), Is.False);
        Assert.That(await gateway.CallAgent.HasAsync(connections[3]), Is.True);
        AssertRecord(await server.ConnectionsAsync(), [.. connections.Except([meant])], "confirmed");
        var cdr = (await server.CdrsAsync()).Single();
        Assert.That(cdr.EndEvidence, Is.EqualTo("released"));
        Assert.That(cdr.Call, Is.EqualTo(meant.Call));

        var again = await server.ReleaseAsync(meant.Name, "once more");
        Assert.That(again.ExitCode, Is.Not.Zero, "it is no more");
        await server.StopAsync();
    }

    // A server whose record holds these connections, and its first audit that got no list. The record has them
    // because the front once answered the gateway's audits from what the call agent knew.
    private async Task<(Server Server, RecordedAudit Doubted)> KnowAsync(
        OsmoMgwPeer gateway,
        IReadOnlyList<MgcpConnection> connections,
        string options
    )
    {
        var front = Scope.Own(new ListingFront(gateway.EndPoint));
        front.List(connections);
        var uri = $"mgcp://127.0.0.1:{front.Port}?endpoints={OsmoMgwPeer.Endpoints}{options}";
        var server = await Server.StartAsync(Scope, Scope.NewFolder("server"), uri);
        await server.CompleteAuditAsync();
        AssertRecord(await server.ConnectionsAsync(), connections, "confirmed");
        front.List(null);
        var since = DateTimeOffset.UtcNow;
        var doubted = await server.AuditAsync(audit =>
            audit.Asked > since && audit.Reasons.Contains("does-not-list-connections")
        );
        return (server, doubted);
    }

    private static void AssertRecord(
        IReadOnlyList<RecordedConnection> record,
        IReadOnlyList<MgcpConnection> connections,
        string status
    )
    {
        Assert.That(record.Select(one => one.Id), Is.EquivalentTo(connections.Select(one => one.Name)));
        Assert.That(record.Select(one => one.Call), Is.EquivalentTo(connections.Select(one => one.Call)));
        Assert.That(record.Select(one => one.Status), Is.All.EqualTo(status));
    }
}
