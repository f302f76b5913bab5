using System.Text.Json;
using CallServer.Gateway;
using CallServer.Model;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class GatewayCommandTests
{
    [Test]
    public async Task It_says_ready_and_where_and_begins_the_truth_with_what_is_there()
    {
        var folder = Directory.CreateTempSubdirectory("callserver-test-");
        try
        {
            var truth = Path.Combine(folder.FullName, "truth.ndjson");
            await File.WriteAllTextAsync(truth, "{\"kept\":true}\n");
            var run = await CliRun.Of(
                "gateway",
                "--snmp",
                "0",
                "--profile",
                "avaya-rtp",
                "--connections",
                "12",
                "--truth",
                truth,
                "--stop-after",
                "1ms"
            );
            var lines = await File.ReadAllLinesAsync(truth);
            using var open = JsonDocument.Parse(lines[1]);
            Assert.Multiple(() =>
            {
                Assert.That(run.Status, Is.Zero, run.Error);
                Assert.That(run.Lines[0], Is.EqualTo("ready"));
                Assert.That(
                    run.Lines[1],
                    Does.Match(@"^snmp://127\.0\.0\.1:\d+\?profile=avaya-rtp  12 connections$")
                );
                Assert.That(lines, Has.Length.EqualTo(13), "appended to what was there");
                Assert.That(
                    string.Join(' ', open.RootElement.EnumerateObject().Select(member => member.Name)),
                    Is.EqualTo("event time id call endpoint originator codec dscp")
                );
            });
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public async Task A_port_that_is_taken_is_a_mistake_of_the_command_line()
    {
        await using var other = new SimulatedAgent(new GatewaySettings { Connections = 0 });
        var run = await CliRun.Of("gateway", "--snmp", $"{other.Port}", "--connections", "1");
        Assert.That(run.Status, Is.EqualTo(64));
        Assert.That(run.Complaints.Single(), Does.Contain("something else listens there"));
    }

    [Test]
    public void Every_vice_has_its_word()
    {
        // Some values are counts, some are return codes.
        string[] values = ["=3", "=403"];
        foreach (var word in SimulatedGateway.ViceWords)
        {
            var mistakes = values.Select(value =>
                Mistakes(word.Replace("=N", value, StringComparison.Ordinal))
            );
            Assert.That(mistakes, Has.Some.Empty, word);
        }
    }

    private static IReadOnlyList<string> Mistakes(string vice)
    {
        var settings = new GatewaySettings { Protocols = SimulatedGateway.Protocols, Vices = [vice] };
        SimulatedGateway.TryCreate(settings, new Instant(0), out _, out var mistakes);
        return mistakes;
    }

    [Test]
    public void Every_profile_can_be_simulated()
    {
        foreach (var profile in SimulatedGateway.Profiles)
        {
            var settings = new GatewaySettings { Profile = profile, Connections = 5 };
            SimulatedGateway.TryCreate(settings, new Instant(0), out var gateway, out _);
            Assert.That(gateway.Present, Has.Count.EqualTo(5), profile);
        }
    }

    [Test]
    public async Task The_profiles_are_listed_and_printed()
    {
        var list = await CliRun.Of("profiles");
        var one = await CliRun.Of("profiles", "cisco-voice");
        var none = await CliRun.Of("profiles", "cisco-vioce");
        Assert.Multiple(() =>
        {
            Assert.That(list.Lines, Does.Contain("cisco-voice").And.Contain("avaya-rtp"));
            Assert.That(one.Out, Does.Contain("\"about\""));
            Assert.That(none.Status, Is.EqualTo(64));
            Assert.That(none.Complaints.Single(), Does.Contain("did you mean cisco-voice?"));
        });
    }
}
