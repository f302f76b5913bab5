using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using CallServer.Gateway;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class AuditCommandTests
{
    private const string Auth = "a passphrase of the test's own";
    private const string Priv = "another one of the test's own";

    private string folder = "";

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("callserver-test-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    private string Secret(string text)
    {
        var file = Path.Combine(folder, Path.GetRandomFileName());
        File.WriteAllText(file, text);
        return $"file:{file}";
    }

    private static GatewaySettings Settings(string profile = "cisco-voice", int connections = 7) =>
        new() { Profile = profile, Connections = connections };

    [TestCase("--community", "S3cret")]
    [TestCase("--community=S3cret")]
    public async Task AnOptionThatIsNoneRepeatsNothingBehindIt(params string[] options)
    {
        var run = await CliRun.Of(["audit", "snmp://127.0.0.1", .. options]);
        Assert.That(run.Status, Is.EqualTo(64));
        Assert.That(
            run.Error,
            Does.Contain("no option --community;").And.Contain("--community-from env:NAME")
        );
        Assert.That(run.Error + string.Concat(run.Lines), Does.Not.Contain("S3cret"));
    }

    [Test]
    public async Task Complete_is_exit_0_and_one_object_a_gateway_in_the_order_given()
    {
        await using var first = new SimulatedAgent(Settings("avaya-rtp", 3));
        await using var second = new SimulatedAgent(Settings());
        string[] uris =
        [
            $"snmp://127.0.0.1:{second.Port}?profile=cisco-voice",
            $"snmp://127.0.0.1:{first.Port}",
        ];
        var run = await CliRun.Of(["audit", .. uris, "--json"]);
        var told = run.Lines.Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(run.Error, Is.Empty);
            Assert.That(told.Select(audit => audit.GetProperty("uri").GetString()), Is.EqualTo(uris));
            Assert.That(
                told.Select(audit => audit.GetProperty("profile").GetString()),
                Is.EqualTo(new[] { "cisco-voice", "avaya-rtp" })
            );
            Assert.That(
                told.Select(audit => audit.GetProperty("connections").GetArrayLength()),
                Is.EqualTo(new[] { 7, 3 })
            );
        });
    }

    [Test]
    public async Task Every_key_of_the_contract_is_there()
    {
        await using var agent = new SimulatedAgent(Settings(connections: 1));
        var run = await CliRun.Of("audit", $"snmp://127.0.0.1:{agent.Port}", "--json");
        using var audit = JsonDocument.Parse(run.Lines.Single());
        var connection = audit.RootElement.GetProperty("connections")[0];
        Assert.Multiple(() =>
        {
            Assert.That(
                Keys(audit.RootElement),
                Is.EqualTo(
                    "gateway uri protocol profile complete proof reasons asked answered boot requests connections"
                )
            );
            Assert.That(
                Keys(connection),
                Is.EqualTo(
                    "id call endpoint originator remote codec clockRate qos setup start ageSeconds mode state localMedia remoteMedia"
                )
            );
            Assert.That(Keys(connection.GetProperty("qos")), Is.EqualTo("dscp service reported"));
            Assert.That(Keys(connection.GetProperty("start")), Is.EqualTo("earliest latest evidence"));
            Assert.That(Keys(connection.GetProperty("ageSeconds")), Is.EqualTo("min max"));
        });
    }

    [Test]
    public async Task A_walk_cut_short_is_exit_1()
    {
        var settings = Settings(connections: 400);
        settings.Vices = ["mute-after=3"];
        await using var agent = new SimulatedAgent(settings);
        var run = await CliRun.Of(
            "audit",
            $"snmp://127.0.0.1:{agent.Port}?profile=cisco-voice",
            "--timeout",
            "1s"
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(1), run.Error);
            Assert.That(run.Lines[0], Does.Contain("  partial: "));
            Assert.That(run.Lines[1], Does.StartWith("ID "), "what was learnt is shown");
        });
    }

    [Test]
    public async Task A_wrong_community_is_exit_2_and_one_line_beside_the_gateways_that_answer()
    {
        var settings = Settings();
        settings.Community = "secret";
        await using var refusing = new SimulatedAgent(settings);
        await using var answering = new SimulatedAgent(Settings());
        var run = await CliRun.Of(
            "audit",
            $"snmp://127.0.0.1:{refusing.Port}",
            $"snmp://127.0.0.1:{answering.Port}",
            "--json",
            "--timeout",
            "500ms"
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(2));
            Assert.That(run.Lines, Has.Length.EqualTo(2));
            Assert.That(run.Lines[1], Does.Contain("\"complete\":true"));
            Assert.That(
                run.Complaints.Single(),
                Does.StartWith($"127.0.0.1:{refusing.Port}: silent: ").And.Contain("--community-from")
            );
        });
    }

    [Test]
    public async Task The_community_comes_from_a_file()
    {
        var settings = Settings();
        settings.Community = "secret";
        await using var agent = new SimulatedAgent(settings);
        var run = await CliRun.Of(
            "audit",
            $"snmp://127.0.0.1:{agent.Port}",
            "--community-from",
            Secret("secret\n")
        );
        Assert.That(run.Status, Is.Zero, run.Error);
    }

    [TestCase("ops", Auth, Priv, 0, "")]
    [TestCase("ops", "a wrong passphrase", Priv, 2, "--auth-from")]
    [TestCase("ops", Auth, "a wrong passphrase", 2, "--priv-from")]
    [TestCase("nobody", Auth, Priv, 2, "the user's name")]
    public async Task Over_v3_a_refusal_names_its_cause(
        string user,
        string auth,
        string priv,
        int status,
        string advice
    )
    {
        var settings = Settings();
        settings.Community = null;
        settings.User = "ops";
        settings.Auth = "sha256";
        settings.AuthPassphrase = System.Text.Encoding.UTF8.GetBytes(Auth);
        settings.Priv = "aes128";
        settings.PrivPassphrase = System.Text.Encoding.UTF8.GetBytes(Priv);
        await using var agent = new SimulatedAgent(settings);
        var run = await CliRun.Of(
            "audit",
            $"snmp://{user}@127.0.0.1:{agent.Port}?auth=sha256&priv=aes128&profile=cisco-voice",
            "--auth-from",
            Secret(auth),
            "--priv-from",
            Secret(priv),
            "--timeout",
            "3s"
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(status), run.Error);
            Assert.That(run.Error, Does.Contain(advice).And.Not.Contain(auth).And.Not.Contain(priv));
            Assert.That(run.Complaints, Has.Length.EqualTo(status == 0 ? 0 : 1));
        });
    }

    [Test]
    public async Task A_closed_port_is_told_from_silence()
    {
        int port;
        using (var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        }
        var run = await CliRun.Of("audit", $"snmp://127.0.0.1:{port}", "--timeout", "300ms");
        Assert.That(run.Status, Is.EqualTo(2));
        Assert.That(run.Complaints.Single(), Does.Contain("nothing listens on that UDP port"));
    }

    [Test]
    public async Task A_name_without_an_address_is_exit_2_and_has_its_object()
    {
        var run = await CliRun.Of("audit", "snmp://gateway.invalid", "--json");
        using var audit = JsonDocument.Parse(run.Lines.Single());
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(2));
            Assert.That(run.Complaints.Single(), Does.Contain("gateway.invalid"));
            Assert.That(audit.RootElement.GetProperty("complete").GetBoolean(), Is.False);
            Assert.That(audit.RootElement.GetProperty("connections").GetArrayLength(), Is.Zero);
        });
    }

    [Test]
    public async Task A_host_without_a_protocol_is_asked_in_every_way()
    {
        await using var agent = new SimulatedAgent(Settings());
        var run = await CliRun.Of("audit", $"127.0.0.1:{agent.Port}", "--json", "--timeout", "1s");
        using var audit = JsonDocument.Parse(run.Lines.Single());
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(audit.RootElement.GetProperty("connections").GetArrayLength(), Is.EqualTo(7));
            Assert.That(
                run.Complaints.Single(),
                Is.EqualTo(
                    $"127.0.0.1:{agent.Port}: snmp answers (complete, 7 connections); use snmp://127.0.0.1:{agent.Port}?profile=cisco-voice"
                )
            );
        });
    }

    [TestCase("ari")]
    [TestCase("mi")]
    public async Task What_answers_by_HTTP_is_no_other_protocol_beside(string protocol)
    {
        var settings = Settings();
        settings.Protocols = [protocol];
        await using var agent = new SimulatedAgent(settings);
        var run = await CliRun.Of("audit", $"127.0.0.1:{agent.Port}", "--json", "--timeout", "1s");
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(run.Lines, Has.Length.EqualTo(1));
            Assert.That(
                run.Complaints.Single(),
                Does.Contain($"{protocol} answers (complete, 7 connections)")
            );
        });
    }

    [Test]
    public async Task A_host_where_nothing_answers_is_exit_2_and_says_what_was_tried()
    {
        using var deaf = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        deaf.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var host = deaf.LocalEndPoint!.ToString()!;
        var run = await CliRun.Of("audit", host, "--json", "--timeout", "300ms");
        Assert.Multiple(() =>
        {
            Assert.That((run.Status, run.Out), Is.EqualTo((2, "")));
            Assert.That(
                run.Complaints.Single(),
                Does.StartWith($"{host}: nothing answers; tried snmp at ")
                    .And.Contain("mgcp")
                    .And.Contain("ng+tcp")
            );
        });
    }

    [Test]
    public async Task A_host_without_an_address_is_told_from_one_where_nothing_answers()
    {
        var run = await CliRun.Of("audit", "gateway.invalid");
        Assert.That(run.Status, Is.EqualTo(2));
        Assert.That(run.Complaints.Single(), Does.Contain("the name gateway.invalid has no address"));
    }

    [TestCase("snmp:127.0.0.1")]
    [TestCase("snpm://127.0.0.1")]
    [TestCase("10.0.0")]
    [TestCase("gw1:http")]
    public async Task What_is_neither_a_URI_nor_a_host_is_a_mistake(string text)
    {
        var run = await CliRun.Of("audit", text);
        Assert.That((run.Status, run.Out), Is.EqualTo((64, "")));
    }

    [Test]
    public async Task Ctrl_C_ends_it_without_a_word()
    {
        using var pressed = new CancellationTokenSource();
        await pressed.CancelAsync();
        var run = await CliRun.Of(new(), ["audit", "snmp://192.0.2.1"], pressed.Token);
        Assert.That((run.Status, run.Out, run.Error), Is.EqualTo((130, "", "")));
    }

    private static string Keys(JsonElement element) =>
        string.Join(' ', element.EnumerateObject().Select(member => member.Name));
}
