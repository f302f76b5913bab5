using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// A gateway's agent that dies, and a server that dies: neither loses a connection, and neither ends one.
/// </summary>
internal sealed class OutageTests : PeerTest
{
    [Test]
    public async Task A_dead_agent_closes_nothing_and_all_is_confirmed_when_it_answers_again()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 300);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var proxy = Scope.Own(new UdpProxy(agent.Port));
        var server = await Server.StartAsync(Scope, Scope.NewFolder("server"), proxy.Port);
        await server.CompleteAuditAsync();
        var before = await server.ConnectionsAsync();
        AssertAll(before, calls, "confirmed");

        // Right after one audit and well before the next, so that the cut falls into the next one's walk.
        await server.CompleteAuditAsync();
        proxy.CutAfter(4);
        var cutShort = await server.AuditAsync(audit => Says(audit, "cut-short"));
        var heardInPart = await server.ConnectionsAsync();
        AssertListed(heardInPart, calls);
        Assert.That(heardInPart.Select(connection => connection.Status), Has.Some.EqualTo("unconfirmed"));

        await server.AuditAsync(audit => Says(audit, "silent") && audit.Asked > cutShort.Asked);
        AssertAll(await server.ConnectionsAsync(), calls, "unconfirmed");
        Assert.That(await server.CdrsAsync(), Is.Empty);

        proxy.Restore();
        await server.CompleteAuditAsync();
        var after = await server.ConnectionsAsync();
        AssertAll(after, calls, "confirmed");
        AssertNarrowed(before, after);
        Assert.That(await server.CdrsAsync(), Is.Empty);
        await server.StopAsync();
    }

    [Test]
    public async Task A_killed_server_rebuilds_its_record_and_ends_what_ended_meanwhile_once()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 100);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var folder = Scope.NewFolder("server");
        var first = await Server.StartAsync(Scope, folder, agent.Port);
        await first.CompleteAuditAsync();
        var before = await first.ConnectionsAsync();
        AssertAll(before, calls, "confirmed");
        await first.KillAsync();

        var ended = calls.Truth.Take(10).ToList();
        var left = calls.Without(ended);
        await agent.ServeAsync(left, version: 1);

        var second = await Server.StartAsync(Scope, folder, agent.Port);
        await second.CompleteAuditAsync();
        var after = await second.ConnectionsAsync();
        AssertAll(after, left, "confirmed");
        AssertNarrowed(before, after);
        await second.CompleteAuditAsync();
        var cdrs = await second.CdrsAsync();
        Assert.That(cdrs.Select(cdr => cdr.Call), Is.EquivalentTo(ended.Select(call => call.Guid)));
        await second.StopAsync();
    }

    private static bool Says(RecordedAudit audit, string reason) =>
        audit.Reasons.Any(each => each.StartsWith(reason, StringComparison.Ordinal));

    private static void AssertListed(IReadOnlyList<RecordedConnection> record, CiscoCalls calls) =>
        Assert.That(
            record.Select(connection => connection.Call),
            Is.EquivalentTo(calls.Truth.Select(call => call.Guid))
        );

    private static void AssertAll(IReadOnlyList<RecordedConnection> record, CiscoCalls calls, string status)
    {
        AssertListed(record, calls);
        Assert.That(record.Select(connection => connection.Status), Is.All.EqualTo(status));
    }

    // Intervals only narrow (rule 5).
    private static void AssertNarrowed(
        IReadOnlyList<RecordedConnection> before,
        IReadOnlyList<RecordedConnection> after
    )
    {
        var was = before.ToDictionary(connection => connection.Id, connection => connection.Start!);
        foreach (var connection in after)
        {
            Assert.That(connection.Start!.Earliest, Is.GreaterThanOrEqualTo(was[connection.Id].Earliest!));
            Assert.That(connection.Start.Latest, Is.LessThanOrEqualTo(was[connection.Id].Latest!));
        }
    }
}
