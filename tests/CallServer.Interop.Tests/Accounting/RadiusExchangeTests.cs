using System.Net;
using System.Net.Sockets;
using System.Text;
using CallServer.Interop.Peers;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Interop.Accounting;

/// <summary>FreeRADIUS and tshark read our packets; we read FreeRADIUS' answers.</summary>
internal sealed class RadiusExchangeTests : PeerTest
{
    private static readonly SystemClock Clock = new();

    [Test]
    public async Task Freeradius_takes_what_we_send_and_tshark_reads_it()
    {
        var server = await FreeradiusPeer.StartAsync(Scope);
        var capture = await Capture.StartAsync(Scope, server.Port);
        using var client = new Client(server.Port, server.Secret);

        client.Offer(1, "start", "id-1", """{"originator":"+4315051ö","gateway":"gw1","connection":"7"}""");
        client.Offer(
            2,
            "interim",
            "id-1",
            """{"billsec":60,"end_stamp":"2026-01-31T10:00:46Z","partial":true}"""
        );
        client.Offer(
            3,
            "stop",
            "id-1",
            """
            {"originator":"+4315051ö","remote":"+49","call":"c","gateway":"gw1","connection":"7","read_codec":"G729","billsec":75,
             "end_stamp":"2026-01-31T10:01:01Z","end_evidence":"gateway-restart",
             "counters":{"octets_received":4294967297,"octets_sent":160,"packets_sent":1,"packets_received":2}}
            """
        );
        await client.UntilDoneAsync(3);

        var records = await server.RecordsAsync();
        Assert.That(
            string.Join(' ', records.Select(record => record.Status)),
            Is.EqualTo("Start Interim-Update Stop")
        );
        Assert.That(records[1].Seconds, Is.EqualTo(60));
        var stop = records[2];
        Assert.Multiple(() =>
        {
            Assert.That(stop.Session, Is.EqualTo("id-1"));
            Assert.That(stop["User-Name"], Is.EqualTo("+4315051ö"));
            Assert.That(stop["Calling-Station-Id"], Is.EqualTo("+4315051ö"));
            Assert.That(stop["Called-Station-Id"], Is.EqualTo("+49"));
            Assert.That(stop["Acct-Multi-Session-Id"], Is.EqualTo("c"));
            Assert.That(stop["NAS-Identifier"], Is.EqualTo("interop"));
            Assert.That(stop["NAS-IP-Address"], Is.EqualTo("127.0.0.1"));
            Assert.That(stop["NAS-Port-Id"], Is.EqualTo("gw1/7"));
            Assert.That(stop["NAS-Port-Type"], Is.EqualTo("Virtual"));
            Assert.That(stop["Connect-Info"], Is.EqualTo("G729"));
            Assert.That(stop["Service-Type"], Is.EqualTo("Login-User"));
            Assert.That(stop["Event-Timestamp"], Does.StartWith("Jan 31 2026 10:01:01"));
            Assert.That(stop.Seconds, Is.EqualTo(75));
            Assert.That(stop.Number("Acct-Input-Octets"), Is.EqualTo(1));
            Assert.That(stop.Number("Acct-Input-Gigawords"), Is.EqualTo(1));
            Assert.That(stop.Number("Acct-Output-Octets"), Is.EqualTo(160));
            Assert.That(stop.Number("Acct-Input-Packets"), Is.EqualTo(2));
            Assert.That(stop.Number("Acct-Output-Packets"), Is.EqualTo(1));
            Assert.That(stop["Acct-Terminate-Cause"], Is.EqualTo("NAS-Reboot"));
            Assert.That(stop.Delay, Is.LessThanOrEqualTo(60));
        });
        await capture.CheckAsync(user: null, "radius");
        Assert.That(
            await capture.CountAsync("radius.code == 4", null, "radius"),
            Is.GreaterThanOrEqualTo(3),
            "requests"
        );
        Assert.That(
            await capture.CountAsync("radius.code == 5", null, "radius"),
            Is.GreaterThanOrEqualTo(3),
            "responses"
        );
    }

    [Test]
    public async Task With_another_secret_neither_takes_anything_from_the_other()
    {
        var server = await FreeradiusPeer.StartAsync(Scope);
        using (var stranger = new Client(server.Port, server.Secret + "x"))
        {
            stranger.Offer(1, "stop", "forged", "{}");
            await stranger.UntilAsync(state => state.IsAway, "the silence of the server");
            Assert.That(stranger.Done, Is.Zero);
        }

        // The server works otherwise: it was the secret that it rejected.
        using var client = new Client(server.Port, server.Secret);
        client.Offer(1, "stop", "right", "{}");
        await client.UntilDoneAsync(1);
        var records = await server.RecordsAsync();
        Assert.That(records.Single().Session, Is.EqualTo("right"));
    }

    [Test]
    public async Task Texts_and_numbers_at_their_limits_are_taken()
    {
        var server = await FreeradiusPeer.StartAsync(Scope);
        using var client = new Client(server.Port, server.Secret);
        var longest = new string('x', 1024);
        var json = $$$"""
            {"originator":"{{{longest}}}","remote":"{{{longest}}}","call":"{{{longest}}}","gateway":"{{{longest}}}",
             "connection":"{{{longest}}}","read_codec":"{{{longest}}}","billsec":{{{long.MaxValue}}},
             "counters":{"octets_received":{{{long.MaxValue}}},"packets_received":{{{long.MaxValue}}} } }
            """;
        client.Offer(1, "stop", Guid.NewGuid().ToString(), json);
        await client.UntilDoneAsync(1);
        var stop = (await server.RecordsAsync()).Single();
        Assert.Multiple(() =>
        {
            Assert.That(stop["User-Name"], Is.EqualTo(longest[..253]));
            Assert.That(stop.Number("Acct-Input-Gigawords"), Is.EqualTo(long.MaxValue >> 32));
            Assert.That(stop.Number("Acct-Input-Packets"), Is.EqualTo(uint.MaxValue));
            Assert.That(stop.Seconds, Is.EqualTo(uint.MaxValue));
        });
    }

    /// <summary>The exchange on its own socket, driven by whoever waits for it.</summary>
    private sealed class Client : IRadiusSink, IDisposable
    {
        private readonly UdpClient socket = new();
        private RadiusAccounting state;
        private Instant? wake;

        public Client(int port, string secret)
        {
            socket.Connect(IPAddress.Loopback, port);
            state = RadiusAccounting.Start(
                Encoding.UTF8.GetBytes(secret),
                "interop",
                IPAddress.Loopback,
                TimeSpan.FromMilliseconds(300),
                0
            );
        }

        public long Done { get; private set; }

        public void Offer(long sequence, string kind, string id, string json) =>
            Apply(state.Offer(Clock.Now, [new OutboxEntry(sequence, kind, id, DateTimeOffset.UtcNow, json)]));

        public Task UntilDoneAsync(long sequence) =>
            UntilAsync(_ => Done >= sequence, $"the answer to {sequence}");

        public async Task UntilAsync(Func<RadiusAccounting, bool> wanted, string what) =>
            await Eventually.GetAsync(
                async () =>
                {
                    while (socket.Available > 0)
                        Apply(state.Receive(Clock.Now, (await socket.ReceiveAsync()).Buffer));
                    if (wake is { } due && due <= Clock.Now.Steady)
                        Apply(state.Tick(Clock.Now));
                    return wanted(state) ? "so" : null;
                },
                () => what
            );

        void IRadiusSink.Send(byte[] message) => socket.Send(message);

        void IRadiusSink.WakeAt(Instant instant) => wake = instant;

        void IRadiusSink.Done(long sequence) => Done = sequence;

        public void Dispose() => socket.Dispose();

        private void Apply(RadiusAccounting next)
        {
            wake = null;
            state = next;
            next.Dispatch(this);
        }
    }
}
