using System.Text.Json;
using CallServer.Gateway;
using CallServer.Host.Tests.Storage;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

/// <summary>An audit finds a user's own profiles, by name and by detection.</summary>
[TestFixture]
internal sealed class AuditProfilesTests
{
    private TestDirectory folder = null!;

    [SetUp]
    public void MakeFolder() => folder = new TestDirectory();

    [TearDown]
    public void RemoveFolder() => folder.Dispose();

    private string Write(string name, string text)
    {
        File.WriteAllText(folder.File(name), text);
        return folder.File(name);
    }

    private static SimulatedAgent Agent() =>
        new(new GatewaySettings { Profile = "cisco-voice", Connections = 5 });

    private static async Task<(CliRun Run, string? Profile, int Connections)> Audit(params string[] words)
    {
        var run = await CliRun.Of(["audit", .. words, "--json"]);
        var told = run.Lines.Length == 0 ? default : JsonDocument.Parse(run.Lines[0]).RootElement;
        return told.ValueKind == JsonValueKind.Undefined
            ? (run, null, 0)
            : (
                run,
                told.GetProperty("profile").GetString(),
                told.GetProperty("connections").GetArrayLength()
            );
    }

    [TestCase("")]
    [TestCase("?profile=mine")]
    public async Task Profiles_of_a_file_are_tried_first_and_can_be_named(string query)
    {
        await using var agent = Agent();
        var file = Write("profiles.json", """{ "mine": { "as": "cisco-voice" } }""");
        var (run, profile, connections) = await Audit(
            $"snmp://127.0.0.1:{agent.Port}{query}",
            "--profiles",
            file
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(profile, Is.EqualTo("mine"));
            Assert.That(connections, Is.EqualTo(5));
        });
    }

    [Test]
    public async Task A_configuration_gives_its_profiles_and_nothing_else()
    {
        await using var agent = Agent();
        var file = Write(
            "callserver.json",
            """{ "gateways": "no list", "profiles": { "theirs": { "as": "cisco-voice" } } }"""
        );
        var (run, profile, _) = await Audit($"snmp://127.0.0.1:{agent.Port}", "--config", file);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(profile, Is.EqualTo("theirs"));
        });
    }

    [Test]
    public async Task Every_mistake_of_a_profile_is_named_with_its_place()
    {
        var file = Write("profiles.json", "{\n  \"mine\": {\n    \"as\": \"cisco-vioce\"\n  }\n}");
        var run = await CliRun.Of("audit", "snmp://127.0.0.1:9", "--profiles", file);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(64));
            Assert.That(run.Error, Does.Contain($"{file}:3: mine.as: "));
        });
    }

    [TestCase("--profiles")]
    [TestCase("--config")]
    public async Task A_file_that_is_not_there_is_named(string option)
    {
        var run = await CliRun.Of("audit", "snmp://127.0.0.1:9", option, folder.File("none.json"));
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(64));
            Assert.That(run.Error, Does.Contain("none.json").And.Contain("there is no such file"));
        });
    }
}
