using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// The same calls on a real Kamailio, which reports dialogs, and on a real rtpengine, which reports media.
/// </summary>
internal sealed class JoinedCallsTests : PeerTest
{
    private const int Count = 10;

    // How long a leg must outlive the one it was joined with.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);
    private static readonly string[] Both = ["kam", "rtp"];
    private static readonly string[] Signalling = ["kam"];
    private static readonly string[] Kinds = ["one-sided", "signalling-without-media"];

    [TestCase("udp", 0)]
    [TestCase("tcp", 1)]
    public async Task Calls_of_two_sources_are_one_each_until_one_loses_its_media(string transport, int door)
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        var rtpengine = await RtpenginePeer.StartAsync(Scope, Count);
        await kamailio.CallAsync(Count);
        var truth = (await kamailio.CallsAsync()).Select(call => call.CallId).ToList();
        var server = await Server.StartAsync(
            Scope,
            Scope.NewFolder("server"),
            [("kam", kamailio.Uri("gw1", $";transport={transport}")), ("rtp", rtpengine.Uris[door])]
        );
        var dialogs = await DialogsAsync(server);
        Assert.That(dialogs.Keys, Is.EquivalentTo(truth));

        var media = new List<NgCall>();
        foreach (var callId in dialogs.Keys)
            media.Add(await NgCall.MakeAsync(rtpengine.Proxy, media.Count, callId));
        var joined = await Eventually.GetAsync(
            async () =>
                await server.CallsAsync() is var calls && calls.All(call => call.Connections.Count >= 3)
                    ? calls
                    : null,
            () => "calls of two sources"
        );
        AssertEach(joined, media, dialogs);

        var (gone, others) = (media[4], media.Where((_, at) => at != 4).ToList());
        var deleted = DateTimeOffset.UtcNow;
        await rtpengine.Proxy.AskAsync(
            "delete",
            ("call-id", gone.CallId),
            ("from-tag", gone.OfferingTag),
            ("delete delay", 0)
        );

        // One audit misses the leg, and the dialog's next audit after the grace period raises the finding. The
        // calls show it before a third audit begins.
        var missed = await server.AuditAsync(audit =>
            audit is { Gateway: "rtp", Complete: true } && audit.Asked > deleted
        );
        await server.AuditAsync(audit =>
            audit is { Gateway: "kam", Complete: true } && audit.Asked >= missed.Answered + Grace
        );
        await server.CompleteAuditAsync("kam");
        var found = await server.CallsAsync();
        AssertFound(found.Single(call => call.Call == gone.CallId), dialogs[gone.CallId], deleted);
        AssertEach([.. found.Where(call => call.Call != gone.CallId)], others, dialogs);
        var cdrs = await server.CdrsAsync();
        Assert.That(cdrs.Select(cdr => cdr.Connection), Is.EquivalentTo(gone.Ids));
        Assert.That(cdrs.Select(cdr => cdr.EndEvidence), Is.All.EqualTo("absent"));

        // The finding does not go away by itself, and the other calls get none later.
        await server.CompleteAuditAsync("kam");
        await server.CompleteAuditAsync("rtp");
        var later = await server.CallsAsync();
        AssertFound(later.Single(call => call.Call == gone.CallId), dialogs[gone.CallId], deleted);
        AssertEach([.. later.Where(call => call.Call != gone.CallId)], others, dialogs);
        await server.StopAsync();
    }

    /// <summary>
    /// The id of each call's dialog, by Call-ID. Kamailio publishes a call a little after it sets it up.
    /// </summary>
    private static async Task<IReadOnlyDictionary<string, string>> DialogsAsync(Server server)
    {
        var dialogs = await Eventually.GetAsync(
            async () => await server.ConnectionsAsync() is { Count: >= Count } all ? all : null,
            () => $"{Count} dialogs"
        );
        Assert.That(dialogs.Select(dialog => dialog.Gateway), Is.All.EqualTo("kam"));
        return dialogs.ToDictionary(dialog => dialog.Call, dialog => dialog.Id);
    }

    /// <summary>
    /// Every call is listed once, with its dialog and both parties of its media, and without findings.
    /// </summary>
    private static void AssertEach(
        IReadOnlyList<RecordedCall> calls,
        IReadOnlyList<NgCall> media,
        IReadOnlyDictionary<string, string> dialogs
    )
    {
        Assert.That(calls.Select(call => call.Call), Is.EquivalentTo(media.Select(call => call.CallId)));
        var legs = media.ToDictionary(call => call.CallId, call => call.Ids.Select(id => $"rtp/{id}"));
        foreach (var call in calls)
        {
            Assert.That(call.Sources, Is.EquivalentTo(Both), call.Call);
            string[] expected = [$"kam/{dialogs[call.Call!]}", .. legs[call.Call!]];
            Assert.That(call.Connections, Is.EquivalentTo(expected));
            Assert.That(call.Findings, Is.Empty, call.Call);
        }
    }

    /// <summary>The dialog is up, and what it was joined with has been over since the deletion.</summary>
    private static void AssertFound(RecordedCall call, string dialog, DateTimeOffset deleted)
    {
        Assert.That(call.Sources, Is.EqualTo(Signalling));
        Assert.That(call.Connections, Has.Count.EqualTo(1).And.Contain($"kam/{dialog}"));
        Assert.That(call.Findings.Select(finding => finding.Kind), Is.EquivalentTo(Kinds));
        foreach (var finding in call.Findings)
        {
            Assert.That(finding.Since, Is.GreaterThanOrEqualTo(deleted));
            Assert.That(finding.Text, Does.Contain($"kam/{dialog}").And.Contain("rtp/"));
        }
    }
}
