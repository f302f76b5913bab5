using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using CallServer.Gateway;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

/// <summary>A simulated gateway of several protocols, over real sockets.</summary>
[TestFixture]
internal sealed class SeveralProtocolsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static GatewaySettings Settings(params string[] protocols) =>
        new() { Protocols = protocols, Connections = 9 };

    [TestCase("snmp", "snmp://127.0.0.1:{0}?profile=cisco-voice")]
    [TestCase("mgcp", "mgcp://127.0.0.1:{0}")]
    [TestCase("h248", "h248://127.0.0.1:{0}")]
    [TestCase("sip", "sip:gw@127.0.0.1:{0}")]
    [TestCase("sip", "sip:gw@127.0.0.1:{0};transport=tcp")]
    [TestCase("ng", "ng://127.0.0.1:{0}")]
    [TestCase("ng", "ng+tcp://127.0.0.1:{0}")]
    [TestCase("ng", "ng+http://127.0.0.1:{0}")]
    public async Task An_audit_finds_what_the_truth_tells(string protocol, string uri)
    {
        await using var gateway = new SimulatedAgent(Settings(protocol), delay: TimeSpan.FromMilliseconds(4));
        var run = await CliRun.Of(
            "audit",
            string.Format(System.Globalization.CultureInfo.InvariantCulture, uri, gateway.Port),
            "--json"
        );
        Assert.That(run.Status, Is.Zero, run.Error + run.Out);
        using var audit = JsonDocument.Parse(run.Out);
        var found = audit.RootElement.GetProperty("connections").EnumerateArray().Select(Id);
        Assert.That(found, Is.EquivalentTo(gateway.Present.Select(line => Id(Parse(line)))));
    }

    [Test]
    public async Task Every_protocol_shows_the_same_table()
    {
        await using var gateway = new SimulatedAgent(Settings("mgcp", "ng"));
        var mgcp = await CliRun.Of("audit", $"mgcp://127.0.0.1:{gateway.PortOf("mgcp")}", "--json");
        var ng = await CliRun.Of("audit", $"ng://127.0.0.1:{gateway.PortOf("ng")}", "--json");
        static string[] Media(CliRun run) =>
            [
                .. Parse(run.Out)
                    .GetProperty("connections")
                    .EnumerateArray()
                    .Select(connection => connection.GetProperty("localMedia").GetString()!),
            ];
        Assert.That(Media(mgcp), Has.Length.EqualTo(9).And.SubsetOf(Media(ng)), mgcp.Error + ng.Error);
    }

    [Test]
    public async Task The_command_names_every_port_in_the_words_of_an_audit()
    {
        var run = await CliRun.Of(
            "gateway",
            "--mgcp",
            "0",
            "--sip",
            "0",
            "--ng",
            "0",
            "--snmp",
            "0",
            "--domain",
            "gw1.example.net",
            "--connections",
            "3",
            "--stop-after",
            "1ms"
        );
        Assert.That(run.Status, Is.Zero, run.Error);
        Assert.That(run.Lines[0], Is.EqualTo("ready"));
        Assert.That(
            string.Join('\n', run.Lines[1..]),
            Does.Match(
                @"^snmp://127\.0\.0\.1:\d+\?profile=cisco-voice  3 connections\n"
                    + @"mgcp://127\.0\.0\.1:\d+\?endpoints=\*@gw1\.example\.net  3 connections\n"
                    + @"sip:gw@127\.0\.0\.1:\d+  3 connections\n"
                    + @"ng://127\.0\.0\.1:\d+  3 connections$"
            )
        );
    }

    [Test]
    public async Task Gateways_that_begin_at_one_time_share_a_trunk()
    {
        string[] common = ["--connections", "4", "--since", "2026-01-31T10:00:00Z", "--stop-after", "1ms"];
        var folder = Directory.CreateTempSubdirectory("callserver-test-");
        try
        {
            var (near, far) = (Path.Combine(folder.FullName, "a"), Path.Combine(folder.FullName, "b"));
            await CliRun.Of(["gateway", "--sip", "0", "--trunk", "7:20", "--truth", near, .. common]);
            await CliRun.Of([
                "gateway",
                "--sip",
                "0",
                "--trunk",
                "7:20:far",
                "--seed",
                "2",
                "--truth",
                far,
                .. common,
            ]);
            var (ours, theirs) = (Calls(near), Calls(far));
            Assert.That(ours, Has.Length.EqualTo(24));
            Assert.That(ours.Intersect(theirs).ToList(), Has.Count.EqualTo(20));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [TestCase("--trunk 7:20", "--trunk needs --since")]
    [TestCase("--trunk seven --since 2026-01-31T10:00:00Z", "'seven' is no trunk")]
    [TestCase("--since yesterday", "--since: 'yesterday'")]
    [TestCase("--since 2999-01-01T00:00:00Z", "in the future")]
    [TestCase("--clock-skew much", "--clock-skew: 'much'")]
    [TestCase("--call-agent nowhere", "--call-agent: 'nowhere'")]
    [TestCase("--sip-user anna", "need each other")]
    [TestCase("--vice sip:silent", "which this gateway does not speak")]
    [TestCase("--vice mgcp:rude", "there is no vice 'rude'")]
    public async Task A_wrong_word_is_named(string words, string says)
    {
        var run = await CliRun.Of([
            "gateway",
            "--mgcp",
            "0",
            "--connections",
            "1",
            "--stop-after",
            "1ms",
            .. words.Split(' '),
        ]);
        Assert.That(run.Status, Is.EqualTo(64), run.Out);
        Assert.That(run.Error, Does.Contain(says));
    }

    [Test]
    public async Task A_port_has_to_be_free_for_streams_too()
    {
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        other.Listen();
        var port = ((IPEndPoint)other.LocalEndPoint!).Port;
        var run = await CliRun.Of("gateway", "--ng", $"{port}", "--connections", "1", "--stop-after", "1ms");
        Assert.That(run.Status, Is.EqualTo(64));
        Assert.That(run.Complaints.Single(), Does.Match($"--ng: (TCP|UDP) port {port} cannot be opened"));
    }

    [Test]
    public async Task A_call_agent_hears_that_the_gateway_is_there()
    {
        using var agent = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        agent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var settings = Settings("mgcp");
        settings.CallAgent = agent.LocalEndPoint!.ToString();
        await using var gateway = new SimulatedAgent(settings);
        using var late = new CancellationTokenSource(Patience);
        var buffer = new byte[2048];
        var heard = await agent.ReceiveAsync(buffer, SocketFlags.None, late.Token);
        Assert.That(
            Encoding.ASCII.GetString(buffer, 0, heard),
            Does.StartWith("RSIP ").And.Contain("RM: disconnected")
        );
    }

    [Test]
    public async Task A_stream_may_end_before_its_answer_and_gets_it_all_the_same()
    {
        await using var gateway = new SimulatedAgent(Settings("ng"), delay: TimeSpan.FromMilliseconds(20));
        using var client = new TcpClient();
        using var late = new CancellationTokenSource(Patience);
        await client.ConnectAsync(IPAddress.Loopback, gateway.Port, late.Token);
        await client.Client.SendAsync("c1 d7:command4:pinge"u8.ToArray(), SocketFlags.None, late.Token);
        using var reader = new StreamReader(client.GetStream());
        client.Client.Shutdown(SocketShutdown.Send);
        Assert.That(await reader.ReadToEndAsync(late.Token), Is.EqualTo("c1 d6:result4:ponge"));
    }

    [Test]
    public async Task Octets_that_mean_nothing_end_a_stream_and_not_the_gateway()
    {
        await using var gateway = new SimulatedAgent(Settings("ng", "sip"));
        using var late = new CancellationTokenSource(Patience);
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, gateway.Port, late.Token);
            await client.Client.SendAsync("GET nothing\r\n\r\n"u8.ToArray(), SocketFlags.None, late.Token);
            using var reader = new StreamReader(client.GetStream());
            Assert.That(await reader.ReadToEndAsync(late.Token), Does.StartWith("HTTP/1.1 400"));
        }

        var run = await CliRun.Of("audit", $"ng+tcp://127.0.0.1:{gateway.Port}");
        Assert.That(run.Status, Is.Zero, run.Error);
    }

    private static string[] Calls(string file) =>
        [.. File.ReadAllLines(file).Select(line => Parse(line).GetProperty("call").GetString()!)];

    private static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;

    private static string Id(JsonElement told) => told.GetProperty("id").GetString()!;
}
