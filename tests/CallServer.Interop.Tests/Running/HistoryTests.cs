using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// A real agent serves a history: an ended call has its exact end, and a call that no audit saw has a CDR.
/// </summary>
internal sealed class HistoryTests : PeerTest
{
    [Test]
    public async Task A_history_tells_exact_ends_and_calls_that_nobody_saw_once()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 20);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var folder = Scope.NewFolder("server");
        var server = await StartAsync(folder, agent.Port);
        await server.AskAsync();

        // Set up now, connected half a second later, over after a second: it is in no table but the history.
        var now = await agent.SinceLoadAsync();
        var unseen = await CiscoCalls.MakeAsync(Scope, 1, seed: 2, first: 20, ages: (-now, -now));
        await Eventually.GetAsync(
            async () => await agent.SinceLoadAsync() > now + 110 ? "over" : null,
            () => "the call to be over"
        );
        List<TrueCall> ended = [.. calls.Truth.Take(3), .. unseen.Truth];
        await agent.ServeAsync(calls.With(unseen).Ended(ended, now + 100, number: 1), version: 1);
        await server.AskAsync();
        await server.AskAsync();
        await AssertCdrsAsync(server, ended, agent.TimeBase, now + 100);

        // The rows stay in the history; a restarted server has not forgotten which of them it took.
        await server.StopAsync();
        server = await StartAsync(folder, agent.Port);
        await server.AskAsync();
        await server.AskAsync();
        await AssertCdrsAsync(server, ended, agent.TimeBase, now + 100);
        await server.StopAsync();
        Assert.That((await Server.ReadCdrFileAsync(folder)).Select(cdr => cdr.Id), Is.Unique);
    }

    /// <summary>
    /// It asks when it is told to: an audit between the end of a call and the table that says so would see it active.
    /// </summary>
    private Task<Server> StartAsync(string folder, int port) =>
        Server.StartAsync(
            Scope,
            folder,
            [("gw1", $"snmp://127.0.0.1:{port}?profile=cisco-voice")],
            interval: "1h"
        );

    private static async Task AssertCdrsAsync(
        Server server,
        List<TrueCall> ended,
        TimeBase timeBase,
        int sinceLoad
    )
    {
        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs.Select(cdr => cdr.Call), Is.EquivalentTo(ended.Select(call => call.Guid)));
        var end = timeBase.Loaded.Shift(TimeSpan.FromMilliseconds(10 * sinceLoad));
        foreach (var call in ended)
        {
            var cdr = cdrs.Single(cdr => cdr.Call == call.Guid);
            var start = timeBase.StartOf(call);
            Assert.Multiple(() =>
            {
                Assert.That(cdr.EndEvidence, Is.EqualTo("gateway-history"));
                Assert.That(cdr.EndStampMin, Is.LessThanOrEqualTo(end.Latest));
                Assert.That(cdr.EndStampMax, Is.GreaterThanOrEqualTo(end.Earliest));
                Assert.That(cdr.AnswerStampMin, Is.LessThanOrEqualTo(start.Latest));
                Assert.That(cdr.AnswerStampMax, Is.GreaterThanOrEqualTo(start.Earliest));
                Assert.That(cdr.Counters?.PacketsReceived, Is.Not.Null);
                Assert.That(cdr.Connection, Does.EndWith($".{call.Index}"), "the id while it was active");
            });
        }
    }
}
