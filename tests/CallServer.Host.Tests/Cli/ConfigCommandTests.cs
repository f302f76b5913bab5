using CallServer.Gateway;
using CallServer.Host.Cli;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class ConfigCommandTests
{
    private string folder = "";

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("callserver-test-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    private string Written(string text)
    {
        var file = Path.Combine(folder, "callserver.json");
        File.WriteAllText(file, text);
        return file;
    }

    [Test]
    public async Task What_is_right_is_one_line()
    {
        var file = Written(
            """
            { "server": { "name": "cs-a" }, "cdr": { "file": "x", "rotate": "1d" }, "gateways": [
                { "id": "a", "uri": "ng://h" }, { "id": "b", "uri": "mgcp://h" }, { "id": "c", "uri": "ng://i" } ] }
            """
        );
        var run = await CliRun.Of("config", "check", file);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(run.Error, Is.Empty);
            Assert.That(
                run.Lines,
                Is.EqualTo(
                    new[] { $"{file}: right: cs-a on http://127.0.0.1:8080/ asks 3 gateways (1 mgcp, 2 ng)" }
                )
            );
        });
    }

    [Test]
    public async Task Every_mistake_has_its_line_and_path()
    {
        var file = Written(
            """
            {
              "poling": { },
              "gateways": [
                { "id": "a", "uri": "smnp://h" },
                { "id": "b", "uri": "snmp://h?profil=cisco-voice", "intervall": "5s" }
              ]
            }
            """
        );
        var run = await CliRun.Of("config", "check", file);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(64));
            Assert.That(run.Out, Is.Empty);
            Assert.That(
                run.Complaints,
                Has.Some.Contains($"{file}:2: poling: is not known here (did you mean polling?)")
                    .And.Some.Contains(
                        $"{file}:4: gateways[0].uri: 'smnp' is no protocol known here (did you mean snmp?)"
                    )
                    .And.Some.Contains(
                        $"{file}:5: gateways[1].uri: 'profil' is no option of snmp gateways (did you mean profile?)"
                    )
                    .And.Some.Contains(
                        $"{file}:5: gateways[1].intervall: is not known here (did you mean interval?)"
                    )
            );
        });
    }

    [Test]
    public async Task What_is_unwise_is_a_warning_with_its_line()
    {
        var file = Written(
            """
            {
              "gateways": [
                { "id": "a", "uri": "snmp://192.0.2.1" },
                { "id": "b", "uri": "sip:all@192.0.2.2", "complete": "never", "timeout": "5s" },
                { "id": "c", "uri": "snmp://192.0.2.1" }
              ]
            }
            """
        );
        var run = await CliRun.Of("config", "check", file);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(
                run.Complaints,
                Has.Some.Contains("no CDR leaves the server")
                    .And.Some.Contains($"{file}:3: gateways[0].uri: no community is given")
                    .And.Some.Contains($"{file}:3: gateways[0].uri: no profile= is given")
                    .And.Some.Contains($"{file}:4: gateways[1].complete: no connection of it is ever ended")
                    .And.Some.Contains(
                        $"{file}:4: gateways[1]: its silence is known only after more than 20s"
                    )
                    .And.Some.Contains($"{file}:5: gateways[2].uri: a has the same URI")
            );
            Assert.That(run.Complaints, Has.All.StartsWith("warning: "));
            Assert.That(run.Out, Does.Contain($"{run.Complaints.Length} warnings"));
        });
    }

    [Test]
    public async Task The_example_is_right()
    {
        var example = await CliRun.Of("config", "example");
        var run = await CliRun.Of("config", "check", Written(example.Out));
        Assert.Multiple(() =>
        {
            Assert.That(example.Status, Is.Zero);
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(run.Out, Does.Contain("asks 1 gateway (1 snmp)"));
        });
    }

    [Test]
    public async Task An_example_of_gateways_has_what_audits_of_them_found()
    {
        const string Variable = "CALLSERVER_TEST_EXAMPLE_COMMUNITY";
        Environment.SetEnvironmentVariable(Variable, "a community of the test's own");
        try
        {
            await using var snmp = new SimulatedAgent(
                new() { Connections = 3, Community = "a community of the test's own" }
            );
            await using var ng = new SimulatedAgent(new() { Connections = 3, Protocols = ["ng"] });
            var example = await CliRun.Of(
                "config",
                "example",
                $"snmp://127.0.0.1:{snmp.Port}",
                $"ng://127.0.0.1:{ng.Port}",
                "--community-from",
                $"env:{Variable}"
            );
            var run = await CliRun.Of("config", "check", Written(example.Out));
            Assert.Multiple(() =>
            {
                Assert.That(example.Status, Is.Zero, example.Error);
                Assert.That(
                    example.Out,
                    Does.Contain(
                            $$"""{ "id": "gw1", "uri": "snmp://127.0.0.1:{{snmp.Port}}?profile=cisco-voice", "community": "env:{{Variable}}" },"""
                        )
                        .And.Contain($$"""{ "id": "gw2", "uri": "ng://127.0.0.1:{{ng.Port}}" },""")
                        .And.Contain("3 connections in ")
                        .And.Not.Contain("of the test's own")
                );
                Assert.That(run.Status, Is.Zero, run.Error);
                Assert.That(run.Error, Is.Empty);
                Assert.That(run.Out, Does.Contain("asks 2 gateways (1 ng, 1 snmp)"));
            });
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, null);
        }
    }

    [Test]
    public async Task A_gateway_that_does_not_answer_is_written_and_said()
    {
        await using var mute = new SimulatedAgent(new() { Connections = 3, Vices = ["mute-after=0"] });
        var example = await CliRun.Of(
            "config",
            "example",
            $"snmp://127.0.0.1:{mute.Port}",
            "--timeout",
            "300ms"
        );
        var run = await CliRun.Of("config", "check", Written(example.Out));
        Assert.Multiple(() =>
        {
            Assert.That(example.Status, Is.EqualTo(2));
            Assert.That(example.Error, Does.Contain("silent"));
            Assert.That(run.Status, Is.Zero, run.Error);
        });
    }

    [Test]
    public async Task The_verbs_below_config_are_helped_with_too()
    {
        var wrong = await CliRun.Of("config", "chek", "x");
        var help = await CliRun.Of("config", "check", "--help");
        Assert.Multiple(() =>
        {
            Assert.That(wrong.Status, Is.EqualTo(64));
            Assert.That(wrong.Error, Does.Contain("'chek'").And.Contain("did you mean check?"));
            Assert.That(wrong.Error, Does.Contain("See: callserver config --help"));
            Assert.That(help.Out, Does.Contain("  callserver config check callserver.json"));
        });
    }
}
