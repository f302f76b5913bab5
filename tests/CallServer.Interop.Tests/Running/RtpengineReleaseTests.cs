using System.Text.Json.Nodes;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>A connection on a real rtpengine that an operator releases.</summary>
internal sealed class RtpengineReleaseTests : PeerTest
{
    private const string Reason = "a test of its end";

    // rtpengine's own delay would keep the call for half a minute: a release does not wait for it.
    [TestCase(0, 0, 0)]
    [TestCase(1, 1, 0)]
    [TestCase(2, 0, 30)]
    public async Task A_release_ends_its_call_with_counters_and_with_who_and_why(
        int door,
        int party,
        int deleteDelay
    )
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, 3, deleteDelay);
        var calls = await NgCall.MakeAsync(rtpengine.Proxy, 0, 3);
        var meant = calls[1];
        await using (await NgMedia.BeginAsync(rtpengine.Proxy, [meant])) { }
        var server = await Server.StartAsync(Scope, Scope.NewFolder("server"), rtpengine.Uris[door]);
        await server.CompleteAuditAsync();
        var counted = await PacketsAsync(rtpengine, meant, party);
        Assert.That(counted, Is.Positive);

        var released = await server.ReleaseAsync(meant.Ids[party], Reason);

        Assert.That(released.ExitCode, Is.Zero, released.ToString());
        Assert.That(released.Output, Does.Contain($"gw1/{meant.Ids[party]} is released: "));
        Assert.That(await HasAsync(rtpengine, meant), Is.False, "gone at once");
        var others = calls.Where(call => call != meant).ToList();
        // The other party of the call ended with it, and an audit finds that out.
        await Eventually.GetAsync(
            async () => (await server.ConnectionsAsync()).Count == 4 ? "so" : null,
            () => "the end of both parties"
        );
        Assert.That(
            (await server.ConnectionsAsync()).Select(connection => connection.Id),
            Is.EquivalentTo(others.SelectMany(call => call.Ids))
        );
        foreach (var call in others)
            Assert.That(await HasAsync(rtpengine, call), Is.True, "another call");

        var again = await server.ReleaseAsync(meant.Ids[party], "once more");
        Assert.That(again.ExitCode, Is.EqualTo(1), again.ToString());
        Assert.That(again.Errors, Does.Contain("is not released").And.Contain(meant.Ids[party]));

        var cdrs = (await server.CdrsAsync()).ToDictionary(cdr => cdr.Connection);
        Assert.That(cdrs.Keys, Is.EquivalentTo(meant.Ids));
        AssertReleased(cdrs[meant.Ids[party]], meant, counted);
        var other = cdrs[meant.Ids[1 - party]];
        Assert.That(
            (other.EndEvidence, other.ReleasedBy, other.ReleaseReason),
            Is.EqualTo(("absent", (string?)null, (string?)null))
        );
        await server.StopAsync();
    }

    private static void AssertReleased(CallDetail cdr, NgCall call, long counted)
    {
        Assert.That((cdr.Call, cdr.EndEvidence), Is.EqualTo((call.CallId, "released")));
        Assert.That(cdr.ReleaseReason, Is.EqualTo(Reason));
        Assert.That(cdr.ReleasedBy, Is.Not.Null.And.Not.Empty);
        Assert.That(cdr.EndStampMin, Is.LessThanOrEqualTo(cdr.EndStampMax));
        Assert.That(cdr.Counters, Is.Not.Null);
        Assert.That(cdr.Counters!.PacketsReceived, Is.GreaterThanOrEqualTo(counted));
        Assert.That(cdr.Counters.OctetsReceived, Is.Positive);
    }

    private static async Task<bool> HasAsync(RtpenginePeer rtpengine, NgCall call)
    {
        var told = await rtpengine.Proxy.TryAskAsync(
            new JsonObject { ["command"] = "query", ["call-id"] = call.CallId }
        );
        Assert.That(told, Is.Not.Null, "an answer of rtpengine");
        return told!["result"]!.GetValue<string>() == "ok";
    }

    /// <summary>What rtpengine received from one party, as it tells its proxy.</summary>
    private static async Task<long> PacketsAsync(RtpenginePeer rtpengine, NgCall call, int party)
    {
        var told = await rtpengine.Proxy.AskAsync("query", ("call-id", call.CallId));
        var tag = party == 0 ? call.OfferingTag : call.AnsweringTag;
        var stream = told["tags"]![tag]!["medias"]![0]!["streams"]![0]!;
        return stream["stats"]!["packets"]!.GetValue<long>();
    }
}
