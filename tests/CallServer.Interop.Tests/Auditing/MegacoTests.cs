using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>Audits over H.248 of a gateway that Erlang's megaco speaks for.</summary>
internal sealed class MegacoTests : AuditTest
{
    // Erlang's clock may differ a little from the machine's.
    private static readonly TimeSpan Spare = TimeSpan.FromMilliseconds(100);

    [TestCase(1, "pretty", 0)]
    [TestCase(1, "compact", 0)]
    [TestCase(2, "pretty", 0)]
    [TestCase(3, "compact", 0)]
    [TestCase(3, "pretty", 700)]
    [TestCase(3, "compact", 400)]
    public async Task Every_termination_is_told_with_its_times(int version, string encoding, int largest)
    {
        const int contexts = 30;
        var gateway = await MegacoPeer.StartAsync(
            Scope,
            new MegacoSpeech(version, encoding, largest),
            contexts
        );

        var line = await CompleteAsync(gateway, $"?version={version}");

        var all = Enumerable.Range(1, contexts).SelectMany(MegacoPeer.Ids);
        Assert.That(line.Connections.Select(connection => connection.Id), Is.EquivalentTo(all));
        Assert.Multiple(() =>
        {
            foreach (var connection in line.Connections)
            {
                var context = int.Parse(connection.Call!, null);
                var start = connection.Start!;
                Assert.That(start.Evidence, Is.EqualTo("reported"));
                Assert.That(start.Earliest - Spare, Is.LessThanOrEqualTo(gateway.Began(context)));
                Assert.That(start.Latest + Spare, Is.GreaterThanOrEqualTo(gateway.Began(context)));
                Assert.That(start.Width, Is.LessThan(TimeSpan.FromSeconds(5)));
                Assert.That(connection.Mode, Is.EqualTo("sendrecv"));
                Assert.That(connection.Originator, Is.Null);
                var isMedia = connection.Endpoint!.StartsWith("rtp/", StringComparison.Ordinal);
                Assert.That(connection.Codec, Is.EqualTo(isMedia ? "G729" : null));
                Assert.That(
                    connection.LocalMedia,
                    Is.EqualTo(isMedia ? $"192.0.2.1:{16384 + (2 * context)}" : null)
                );
                Assert.That(
                    connection.RemoteMedia,
                    Is.EqualTo(isMedia ? $"192.0.2.9:{20000 + (2 * context)}" : null)
                );
                Assert.That(connection.Qos.Reported, Is.EqualTo(isMedia ? "loss 0.5 %, jitter 7 ms" : null));
            }
        });
    }

    [TestCase(1, 3)]
    [TestCase(2, 1)]
    [TestCase(3, 2)]
    public async Task A_version_that_it_refuses_leads_to_one_that_it_speaks(int spoken, int asked)
    {
        var gateway = await MegacoPeer.StartAsync(Scope, new MegacoSpeech(spoken), 20);
        var line = await CompleteAsync(gateway, $"?version={asked}");
        Assert.That(line.Connections, Has.Count.EqualTo(40));
    }

    [Test]
    public async Task No_context_at_all_is_complete()
    {
        var gateway = await MegacoPeer.StartAsync(Scope, new MegacoSpeech(), 0);
        Assert.That((await CompleteAsync(gateway, "")).Connections, Is.Empty);
    }

    [Test]
    public async Task An_answer_that_takes_its_time_is_waited_for_and_acknowledged()
    {
        var gateway = await MegacoPeer.StartAsync(Scope, new MegacoSpeech(), 5);
        await gateway.SlowDownAsync();
        var line = await CompleteAsync(gateway, "");
        Assert.That(line.Connections, Has.Count.EqualTo(10));
        // The list and two groups of contexts, each with its acknowledgement.
        Assert.That(line.Requests, Is.GreaterThanOrEqualTo(6));
    }

    [Test]
    public async Task A_thousand_contexts_are_told()
    {
        var gateway = await MegacoPeer.StartAsync(Scope, new MegacoSpeech(Encoding: "compact"), 1000);
        Assert.That((await CompleteAsync(gateway, "")).Connections, Has.Count.EqualTo(2000));
    }

    [TestCase("", "")]
    [TestCase("h248:short", "?version=2")]
    [TestCase("h248:pending-every=3", "")]
    public async Task Tshark_decodes_every_message_of_an_audit(string vice, string query)
    {
        const int connections = 40;
        var port = await SimulateAsync("h248", connections, vice);
        var capture = await Capture.StartAsync(Scope, port);

        var audited = await AuditAsync([$"h248://127.0.0.1:{port}{query}"]);

        Assert.That(audited.Process.ExitCode, Is.Zero, Brief(audited));
        Assert.That(audited.Lines[0].Connections, Has.Count.EqualTo(2 * connections));
        await capture.CheckAsync(user: null, "megaco");
        var sent = $"udp.dstport == {port}";
        var asked = await capture.CountAsync($"{sent} && megaco.command == \"AuditValue\"", null, "megaco");
        Assert.That(asked, Is.GreaterThanOrEqualTo(1 + (connections / 4)));
    }

    private async Task<AuditLine> CompleteAsync(MegacoPeer gateway, string query)
    {
        var audited = await AuditAsync([$"h248://127.0.0.1:{gateway.Port}{query}"]);
        Assert.That(audited.Process.ExitCode, Is.Zero, Brief(audited));
        var line = audited.Lines[0];
        Assert.That(line.Complete, Brief(audited));
        Assert.That(line.Proof, Is.EqualTo(new[] { "end-of-table" }));
        return line;
    }
}
