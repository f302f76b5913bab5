using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>The record of a gateway that Erlang's megaco speaks for.</summary>
internal sealed class MegacoRecordTests : PeerTest
{
    [Test]
    public async Task A_context_is_a_call_and_ends_with_its_terminations()
    {
        const int contexts = 8;
        var gateway = await MegacoPeer.StartAsync(Scope, new MegacoSpeech(), contexts);
        var uri = $"h248://127.0.0.1:{gateway.Port}";
        var server = await Server.StartAsync(Scope, Scope.NewFolder("server"), uri);
        await server.CompleteAuditAsync();
        var before = await server.ConnectionsAsync();
        Assert.That(
            before.Select(connection => connection.Id),
            Is.EquivalentTo(Enumerable.Range(1, contexts).SelectMany(MegacoPeer.Ids))
        );
        Assert.That(before.Select(connection => connection.Status), Is.All.EqualTo("confirmed"));
        var calls = await server.CallsAsync();
        Assert.That(calls, Has.Count.EqualTo(contexts));
        Assert.That(calls.Select(call => call.Connections.Count), Is.All.EqualTo(2));

        await gateway.EndAsync(3);

        await Eventually.GetAsync(
            async () => (await server.CdrsAsync()).Count == 2 ? "closed" : null,
            () => "the end of what ended"
        );
        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs.Select(cdr => cdr.Call), Is.All.EqualTo("3"));
        Assert.That(cdrs.Select(cdr => cdr.AnswerStampMin), Is.All.LessThan(gateway.Started));
        Assert.That(await server.ConnectionsAsync(), Has.Count.EqualTo(2 * (contexts - 1)));
        await server.StopAsync();
    }
}
