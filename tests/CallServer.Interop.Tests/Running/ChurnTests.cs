using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>Calls that end and begin between the audits of a running server.</summary>
internal sealed class ChurnTests : PeerTest
{
    [Test]
    public async Task What_ended_has_one_cdr_with_bounds_that_hold_and_what_lives_has_none()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 60);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var proxy = Scope.Own(new UdpProxy(agent.Port));
        var folder = Scope.NewFolder("server");
        var server = await Server.StartAsync(Scope, folder, proxy.Port);
        await server.CompleteAuditAsync();

        var ends = new Dictionary<TrueCall, Bracket>();
        calls = await EndAsync(agent, calls, ends, count: 10, version: 1);
        await server.CompleteAuditAsync();
        await AssertRecordAsync(server, calls, ends, agent.TimeBase);

        // New calls begin while nobody looks; otherwise an audit could miss a call that its table does not show yet.
        proxy.CutAfter(0);
        var now = await agent.SinceLoadAsync();
        var begun = await CiscoCalls.MakeAsync(Scope, 5, seed: 2, first: 60, ages: (-now, -now));
        calls = await EndAsync(agent, calls.With(begun), ends, count: 5, version: 2);
        // The generator lets them ring for half a second.
        await Eventually.GetAsync(
            async () => await agent.SinceLoadAsync() > now + 60 ? "answered" : null,
            () => "the calls to be answered"
        );
        proxy.Restore();
        await server.CompleteAuditAsync();
        await AssertRecordAsync(server, calls, ends, agent.TimeBase);

        await server.CompleteAuditAsync();
        await AssertRecordAsync(server, calls, ends, agent.TimeBase);
        await server.StopAsync();

        var written = await Server.ReadCdrFileAsync(folder);
        Assert.That(
            written.Select(cdr => cdr.Call),
            Is.EquivalentTo(ends.Keys.Select(call => call.Guid)),
            "the CDR file"
        );
        Assert.That(written.Select(cdr => cdr.Id), Is.Unique);
    }

    private static async Task<CiscoCalls> EndAsync(
        SnmpdPeer agent,
        CiscoCalls calls,
        Dictionary<TrueCall, Bracket> ends,
        int count,
        int version
    )
    {
        var ended = calls.Truth.Take(count).ToList();
        var left = calls.Without(ended);
        var when = await agent.ServeAsync(left, version);
        foreach (var call in ended)
            ends.Add(call, when);
        return left;
    }

    private static async Task AssertRecordAsync(
        Server server,
        CiscoCalls live,
        Dictionary<TrueCall, Bracket> ends,
        TimeBase timeBase
    )
    {
        var record = await server.ConnectionsAsync();
        Assert.That(
            record.Select(connection => connection.Call),
            Is.EquivalentTo(live.Truth.Select(call => call.Guid)),
            "the record"
        );
        var byCall = live.Truth.ToDictionary(call => call.Guid);
        foreach (var connection in record)
        {
            var start = timeBase.StartOf(byCall[connection.Call]);
            Assert.That(connection.Start!.Earliest, Is.LessThanOrEqualTo(start.Latest), connection.Id);
            Assert.That(connection.Start.Latest, Is.GreaterThanOrEqualTo(start.Earliest), connection.Id);
        }

        var cdrs = await server.CdrsAsync();
        Assert.That(
            cdrs.Select(cdr => cdr.Call),
            Is.EquivalentTo(ends.Keys.Select(call => call.Guid)),
            "the CDRs"
        );
        foreach (var (call, end) in ends)
            AssertBounds(cdrs.Single(cdr => cdr.Call == call.Guid), timeBase.StartOf(call), end);
    }

    private static void AssertBounds(CallDetail cdr, Bracket start, Bracket end) =>
        Assert.Multiple(() =>
        {
            Assert.That(cdr.EndEvidence, Is.EqualTo("absent"));
            Assert.That(cdr.AnswerStampMin, Is.LessThanOrEqualTo(start.Latest));
            Assert.That(cdr.AnswerStampMax, Is.GreaterThanOrEqualTo(start.Earliest));
            Assert.That(cdr.EndStampMin, Is.LessThanOrEqualTo(end.Latest));
            Assert.That(cdr.EndStampMax, Is.GreaterThanOrEqualTo(end.Earliest));
            Assert.That(cdr.Billsec, Is.EqualTo(cdr.BillsecMin), "billed is the lower bound");
            Assert.That(cdr.BillsecMin, Is.LessThanOrEqualTo((end.Latest - start.Earliest).TotalSeconds));
            Assert.That(
                cdr.BillsecMax,
                Is.GreaterThanOrEqualTo(Math.Floor((end.Earliest - start.Latest).TotalSeconds))
            );
        });
}
