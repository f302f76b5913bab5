using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>Audits of a real rtpengine over each of its transports.</summary>
internal sealed class RtpengineTests : AuditTest
{
    private static readonly string[] Proofs = ["end-of-table", "same-boot", "count-agrees"];

    [Test]
    public async Task Every_party_of_1000_calls_is_told_over_udp_tcp_and_http()
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, 1000);
        var calls = await NgCall.MakeAsync(rtpengine.Proxy, 0, 1000);
        foreach (var uri in rtpengine.Uris)
            AssertWhole(await OneAsync(uri, 0), calls);
    }

    [Test]
    public async Task A_list_of_4500_calls_is_whole_over_streams_and_foreseen_too_large_for_a_datagram()
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, 4500);
        var calls = await NgCall.MakeAsync(rtpengine.Proxy, 0, 4500);

        var datagrams = await OneAsync(rtpengine.Uris[0], 1);
        Assert.That(datagrams.Complete, Is.False);
        Assert.That(datagrams.Reasons, Has.Count.EqualTo(1).And.Some.StartsWith("too-large"));
        Assert.That(datagrams.Connections, Has.Count.GreaterThan(2000));
        AssertTrue(datagrams, calls);

        foreach (var uri in rtpengine.Uris.Skip(1))
            AssertWhole(await OneAsync(uri, 0), calls);
    }

    [Test]
    public async Task No_call_at_all_is_complete()
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, 0);
        foreach (var uri in rtpengine.Uris)
            AssertWhole(await OneAsync(uri, 0), []);
    }

    [Test]
    public async Task Media_tells_the_codec_and_shows_the_clock()
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, 20);
        var calls = await NgCall.MakeAsync(rtpengine.Proxy, 0, 20);
        var speaking = calls.Take(3).ToList();
        await using var media = await NgMedia.BeginAsync(rtpengine.Proxy, speaking);
        foreach (var uri in rtpengine.Uris)
        {
            var audit = await OneAsync(uri, 0);
            AssertWhole(audit, calls);
            var ids = speaking.SelectMany(call => call.Ids).ToHashSet();
            var codecs = audit.Connections.ToLookup(connection => ids.Contains(connection.Id));
            Assert.That(codecs[true].Select(connection => connection.Codec), Is.All.EqualTo("PCMU"));
            Assert.That(codecs[true].Select(connection => connection.ClockRate), Is.All.EqualTo(8000));
            Assert.That(codecs[false].Select(connection => connection.Codec), Is.All.Null);
        }
    }

    [Test]
    public async Task An_offer_that_nobody_answered_has_one_party()
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, 1);
        var offer = new NgCall("unanswered@interop", 1, default, default);
        await rtpengine.Proxy.AskAsync(
            "offer",
            ("call-id", offer.CallId),
            ("from-tag", offer.OfferingTag),
            ("sdp", NgCall.Sdp(offer.CallerMedia))
        );
        var audit = await OneAsync(rtpengine.Uris[0], 0);
        var party = audit.Connections.Single();
        Assert.That(party.Id, Is.EqualTo($"{offer.CallId};{offer.OfferingTag}"));
        Assert.That(party.State, Is.EqualTo("offered"));
        // Without a label, the originator is the party's media address.
        Assert.That(party.Originator, Is.EqualTo(offer.CallerMedia));
    }

    [Test]
    public async Task Nobody_behind_a_door_is_silence()
    {
        string[] uris =
        [
            $"ng://127.0.0.1:{FreePort.Udp()}",
            $"ng+tcp://127.0.0.1:{FreePort.Tcp()}",
            $"ng+http://127.0.0.1:{FreePort.Tcp()}",
        ];
        var audited = await AuditAsync(uris, null, "--timeout", "2s");
        Assert.That(audited.Process.ExitCode, Is.EqualTo(2), Brief(audited));
        Assert.That(audited.Lines.Select(line => line.Uri), Is.EqualTo(uris));
        foreach (var line in audited.Lines)
            Assert.That(line.Reasons, Has.Some.StartsWith("silent"), Brief(audited));
    }

    [Test]
    public async Task Tshark_decodes_every_request()
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, 50);
        var calls = await NgCall.MakeAsync(rtpengine.Proxy, 0, 50);
        var capture = await Capture.StartAsync(Scope, rtpengine.Udp);

        var audit = await OneAsync(rtpengine.Uris[0], 0);

        await capture.StopAsync();
        AssertWhole(audit, calls);
        var requests = $"udp.dstport == {rtpengine.Udp}";
        var all = await capture.CountAsync(requests, null, "rtpproxy");
        var read = await capture.CountAsync(
            $"{requests} && bencode.dict && !_ws.malformed",
            null,
            "rtpproxy"
        );
        Assert.That(all, Is.EqualTo(audit.Requests));
        Assert.That(read, Is.EqualTo(all));
    }

    private async Task<AuditLine> OneAsync(string uri, int exit)
    {
        var audited = await AuditAsync([uri]);
        Assert.That(audited.Process.ExitCode, Is.EqualTo(exit), Brief(audited));
        Assert.That(audited.Lines, Has.Count.EqualTo(1));
        var line = audited.Lines[0];
        Assert.That(line.Uri, Is.EqualTo(uri));
        Assert.That(line.Protocol, Is.EqualTo("ng"));
        return line;
    }

    /// <summary>The audit is complete and lists every party of every call once.</summary>
    private static void AssertWhole(AuditLine audit, IReadOnlyList<NgCall> calls)
    {
        Assert.That(audit.Complete, () => string.Join('\n', audit.Reasons));
        Assert.That(audit.Proof, Is.EqualTo(Proofs));
        Assert.That(audit.Connections, Has.Count.EqualTo(2 * calls.Count));
        AssertTrue(audit, calls);
    }

    /// <summary>
    /// Everything reported is true: the parties; a setup that contains <c>created</c> and may be the offer's; and a
    /// start between that and the first time the call was heard answered.
    /// </summary>
    private static void AssertTrue(AuditLine audit, IReadOnlyList<NgCall> calls)
    {
        var truth = calls
            .SelectMany(call => call.Ids.Select((id, party) => (id, call, party)))
            .ToDictionary(one => one.id, one => (one.call, one.party));
        var listed = audit.Connections.Select(connection => connection.Id).ToList();
        Assert.That(listed.Distinct().Count(), Is.EqualTo(listed.Count), "each once");
        Assert.That(listed.Where(id => !truth.ContainsKey(id)).Take(5), Is.Empty, "never was");
        foreach (var connection in audit.Connections)
        {
            var (call, party) = truth[connection.Id];
            var told = (
                connection.Call,
                connection.Originator,
                connection.Remote,
                connection.RemoteMedia,
                connection.Mode,
                connection.State
            );
            var media = party == 0 ? call.CallerMedia : call.CalleeMedia;
            Assert.That(
                told,
                Is.EqualTo((call.CallId, NgCall.Caller, NgCall.Callee, media, "sendrecv", "active"))
            );
            Assert.That(connection.LocalMedia, Does.StartWith("127.0.0.1:"));
            var setup = connection.Setup!;
            Assert.That(setup.Evidence, Is.EqualTo("reported"));
            Assert.That(
                setup.Earliest <= call.Created && call.Created <= setup.Latest,
                () => $"{connection.Id}: {call.Created:O} is not in {setup}"
            );
            Assert.That(
                setup.Earliest <= call.Made.Latest && call.Made.Earliest <= setup.Latest,
                () => $"{connection.Id}: {call.Made} is not in {setup}"
            );
            var start = connection.Start!;
            Assert.That(start.Evidence, Is.EqualTo("bounded"));
            Assert.That(start.Earliest, Is.EqualTo(setup.Earliest));
            Assert.That(start.Latest, Is.InRange(call.Made.Earliest, audit.Answered));
        }
    }
}
