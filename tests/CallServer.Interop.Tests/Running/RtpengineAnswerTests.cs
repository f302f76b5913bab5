using System.Net;
using System.Net.Sockets;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// Calls of a real rtpengine that ring before they are answered, or are never answered: it stamps only the offer.
/// </summary>
internal sealed class RtpengineAnswerTests : PeerTest
{
    [TestCase(0)]
    [TestCase(1)]
    public async Task Ringing_is_not_billed(int door)
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, 10);
        var proxy = rtpengine.Proxy;
        var server = await Server.StartAsync(Scope, Scope.NewFolder("server"), rtpengine.Uris[door]);
        await server.CompleteAuditAsync();
        var never = await NgCall.OfferAsync(proxy, 1, "never-answered@interop");
        var late = await NgCall.OfferAsync(proxy, 2, "answered-late@interop");
        var early = await NgCall.OfferAsync(proxy, 3, "early-media@interop");
        using var callee = await SpeakEarlyAsync(proxy, early);
        for (var audits = 0; audits < 3; audits++)
            await server.CompleteAuditAsync();

        var ringing = await server.ConnectionsAsync();
        Assert.That(
            ringing.Select(connection => connection.Id),
            Is.EquivalentTo(new[] { never, late, early }.Select(call => call.Ids[0])),
            "who was offered a call has no name yet"
        );
        Assert.That(ringing.Select(connection => connection.State), Is.All.EqualTo("offered"));
        Assert.That(ringing.Select(connection => connection.Start), Is.All.Null);

        var answered = await late.AnswerAsync(proxy);
        for (var audits = 0; audits < 3; audits++)
            await server.CompleteAuditAsync();
        foreach (var connection in (await server.ConnectionsAsync()).Where(one => one.Call == late.CallId))
        {
            Assert.That((connection.State, connection.Start!.Evidence), Is.EqualTo(("active", "bounded")));
            Assert.That(connection.Start.Earliest, Is.InRange(late.Made.Earliest, answered.Latest));
            Assert.That(connection.Start.Latest, Is.GreaterThanOrEqualTo(answered.Earliest));
        }

        await never.EndAsync(proxy);
        await early.EndAsync(proxy);
        var ended = await late.EndAsync(proxy);
        await Eventually.GetAsync(
            async () => (await server.CdrsAsync()).Count == 4 ? "so" : null,
            () => "four CDRs"
        );

        var talk = (ended.Latest - answered.Earliest).TotalSeconds;
        foreach (var cdr in await server.CdrsAsync())
        {
            if (cdr.Call == late.CallId)
            {
                Assert.That(cdr.BillsecMin, Is.LessThanOrEqualTo(talk));
                Assert.That(
                    cdr.BillsecMax,
                    Is.GreaterThanOrEqualTo((ended.Earliest - answered.Latest).TotalSeconds)
                );
                Assert.That(cdr.AnswerStampMax, Is.GreaterThanOrEqualTo(answered.Earliest));
            }
            else
            {
                Assert.That((cdr.Billsec, cdr.BillsecMin), Is.EqualTo((0L, 0L)), cdr.Call);
                Assert.That(cdr.AnswerStampMax, Is.Null);
            }
        }

        await server.StopAsync();
    }

    /// <summary>Calls that add up: what was made and deleted between two audits is declared.</summary>
    [Test]
    public async Task Calls_that_nobody_saw_are_declared()
    {
        const int count = 12;
        const int passing = 5;
        var rtpengine = await RtpenginePeer.StartAsync(Scope, count);
        var server = await Server.StartAsync(
            Scope,
            Scope.NewFolder("server"),
            [("gw1", rtpengine.Uris[1])],
            interval: "5s"
        );
        await server.CompleteAuditAsync();
        var calls = await NgCall.MakeAsync(rtpengine.Proxy, 1, count);
        foreach (var call in calls.Take(passing))
            await call.EndAsync(rtpengine.Proxy);
        await server.CompleteAuditAsync();
        await server.CompleteAuditAsync();

        var seen = (await server.CdrsAsync()).Select(cdr => cdr.Call).Distinct().Count() + count - passing;
        var gateway = await server.GatewayAsync();
        Assert.That(await server.CallsAsync(), Has.Count.EqualTo(count - passing));
        Assert.That(gateway.Unseen, Is.EqualTo(new RecordedUnseen(count - seen, count - seen, 0)));
        Assert.That(gateway.Conflicts, Is.Zero);
        await server.StopAsync();
    }

    [Test]
    public async Task Media_of_both_tells_of_the_time_before_anybody_asked()
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, 10);
        var call = await NgCall.OfferAsync(rtpengine.Proxy, 1, "talk@interop");
        var answered = await call.AnswerAsync(rtpengine.Proxy);
        await using var media = await NgMedia.BeginAsync(rtpengine.Proxy, [call]);
        // Packets of payload type 129 are not counted: they may be events.
        await Eventually.GetAsync(
            async () => await PacketsAsync(rtpengine, call) > 250 ? "so" : null,
            () => "5 s of media"
        );
        var folder = Scope.NewFolder("server");
        var server = await Server.StartAsync(Scope, folder, $"{rtpengine.Uris[0]}?answered=media");
        await server.CompleteAuditAsync();
        var record = await server.ConnectionsAsync();

        Assert.That(record, Has.Count.EqualTo(2));
        foreach (var connection in record)
        {
            Assert.That(connection.Start!.Evidence, Is.EqualTo("inferred"));
            Assert.That(connection.Start.Latest, Is.GreaterThanOrEqualTo(answered.Earliest));
            Assert.That(connection.Start.Latest, Is.LessThan(connection.FirstHeard.AddSeconds(-2)));
        }

        await server.StopAsync();
    }

    private static async Task<long> PacketsAsync(RtpenginePeer rtpengine, NgCall call)
    {
        var told = await rtpengine.Proxy.AskAsync("query", ("call-id", call.CallId));
        var stream = told["tags"]![call.AnsweringTag]!["medias"]![0]!["streams"]![0]!;
        return stream["stats"]!["packets"]!.GetValue<long>();
    }

    /// <summary>
    /// A party that has not answered sends to the address in the offer; rtpengine counts that under no tag.
    /// </summary>
    private static async Task<Socket> SpeakEarlyAsync(NgClient proxy, NgCall call)
    {
        var told = await proxy.AskAsync("query", ("call-id", call.CallId));
        var nameless = told["tags"]!.AsObject().Single(tag => tag.Key != call.OfferingTag).Value!;
        var port = nameless["medias"]![0]!["streams"]![0]!["local port"]!.GetValue<int>();
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(IPEndPoint.Parse(call.CalleeMedia));
        await socket.ConnectAsync(IPAddress.Loopback, port);
        var packet = new byte[172];
        packet[0] = 0x80;
        for (var number = 0; number < 20; number++)
        {
            packet[3] = (byte)number;
            await socket.SendAsync(packet);
        }

        await Eventually.GetAsync(
            async () =>
            {
                var now = await proxy.AskAsync("query", ("call-id", call.CallId));
                var stream = now["tags"]!.AsObject().Single(tag => tag.Key != call.OfferingTag).Value!;
                return stream["medias"]![0]!["streams"]![0]!["stats"]!["packets"]!.GetValue<long>() > 0
                    ? "so"
                    : null;
            },
            () => "early media at rtpengine"
        );
        return socket;
    }
}
