using System.Text.Json;
using CallServer.Gateway;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class DoctorCommandTests
{
    private static GatewaySettings Settings(params string[] vices) =>
        new() { Connections = 7, Vices = vices };

    private static async Task<(CliRun Run, JsonElement[] Steps)> ExamineAsync(params string[] words)
    {
        var run = await CliRun.Of(["doctor", .. words, "--json"]);
        return (run, [.. run.Lines.Select(line => JsonDocument.Parse(line).RootElement)]);
    }

    private static IEnumerable<string?> Names(IEnumerable<JsonElement> steps) =>
        steps.Select(step => step.GetProperty("step").GetString());

    [Test]
    public async Task All_steps_of_a_sound_gateway_hold_and_have_the_keys_of_the_contract()
    {
        await using var agent = new SimulatedAgent(Settings());
        var (run, steps) = await ExamineAsync($"snmp://127.0.0.1:{agent.Port}?profile=cisco-voice");
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Out);
            Assert.That(
                Names(steps),
                Is.EqualTo(
                    new[]
                    {
                        "reachability",
                        "credentials",
                        "version",
                        "profile",
                        "table",
                        "count",
                        "completeness",
                        "exactness",
                        "cost",
                    }
                )
            );
            foreach (var step in steps)
            {
                Assert.That(
                    step.EnumerateObject().Select(member => member.Name),
                    Is.EqualTo(new[] { "step", "ok", "saw", "fix" })
                );
                Assert.That(step.GetProperty("ok").GetBoolean(), step.ToString());
                Assert.That(step.GetProperty("fix").ValueKind, Is.EqualTo(JsonValueKind.Null));
            }
            Assert.That(steps[6].GetProperty("saw").GetString(), Does.Contain("the same boot"));
            Assert.That(run.Error, Is.Empty);
        });
    }

    [Test]
    public async Task Steps_that_a_protocol_has_not_are_left_out()
    {
        await using var agent = new SimulatedAgent(new() { Connections = 7, Protocols = ["ng"] });
        var (run, steps) = await ExamineAsync($"ng://127.0.0.1:{agent.Port}");
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Out);
            Assert.That(
                Names(steps),
                Is.EqualTo(new[] { "reachability", "table", "count", "completeness", "exactness", "cost" })
            );
        });
    }

    [TestCase("mgcp", "mgcp://{0}")]
    [TestCase("h248", "h248://{0}")]
    [TestCase("sip", "sip:gw@{0}")]
    public async Task Every_protocol_is_examined(string protocol, string uri)
    {
        await using var agent = new SimulatedAgent(new() { Connections = 7, Protocols = [protocol] });
        var (run, steps) = await ExamineAsync(string.Format(null, uri, $"127.0.0.1:{agent.Port}"));
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Out);
            Assert.That(
                Names(steps),
                Is.SupersetOf(
                    new[] { "reachability", "version", "table", "completeness", "exactness", "cost" }
                )
            );
            Assert.That(Names(steps), Has.None.EqualTo("profile"));
        });
    }

    [TestCase("hides-table-after=0", "table", 1)]
    [TestCase("count-off-by=3", "count", 1)]
    [TestCase("garbage-stamps=2", "exactness", 1)]
    public async Task The_step_that_does_not_hold_says_what_to_mend(string vice, string failing, int status)
    {
        await using var agent = new SimulatedAgent(Settings(vice));
        var (run, steps) = await ExamineAsync(
            $"snmp://127.0.0.1:{agent.Port}?profile=cisco-voice",
            "--timeout",
            "3s"
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(status), run.Out);
            var wrong = steps.Where(step => !step.GetProperty("ok").GetBoolean()).ToList();
            Assert.That(Names(wrong), Is.EqualTo(new[] { failing }), run.Out);
            Assert.That(wrong.Single().GetProperty("fix").GetString(), Is.Not.Empty);
        });
    }

    [TestCase("asterisk", "avaya-rtp")]
    [TestCase("audiocodes", "cisco-voice")]
    [TestCase("freeswitch", "3com-voice")]
    public async Task An_agent_of_another_vendor_is_told_as_such_before_access_rules(
        string served,
        string asked
    )
    {
        await using var agent = new SimulatedAgent(new() { Connections = 7, Profile = served });
        var (run, steps) = await ExamineAsync($"snmp://127.0.0.1:{agent.Port}?profile={asked}");
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(1), run.Out);
            var wrong = steps.Where(step => !step.GetProperty("ok").GetBoolean()).ToList();
            Assert.That(Names(wrong), Is.EqualTo(new[] { "profile" }), run.Out);
            Assert.That(
                wrong.Single().GetProperty("saw").GetString(),
                Is.EqualTo(
                    $"the agent answers, and shows none of the tables of {asked}; it has those of {served}"
                )
            );
            Assert.That(
                wrong.Single().GetProperty("fix").GetString(),
                Does.StartWith($"put profile={served} into the URI").And.Contains("access rules")
            );
        });
    }

    [Test]
    public async Task After_silence_nothing_else_is_looked_at()
    {
        await using var agent = new SimulatedAgent(Settings("mute-after=0"));
        var (run, steps) = await ExamineAsync($"snmp://127.0.0.1:{agent.Port}", "--timeout", "300ms");
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(2));
            Assert.That(Names(steps), Is.EqualTo(new[] { "reachability" }));
            Assert.That(steps[0].GetProperty("fix").GetString(), Does.Contain("--community-from"));
        });
    }

    [Test]
    public async Task A_wrong_passphrase_is_a_matter_of_credentials_and_not_repeated()
    {
        const string Wrong = "a wrong passphrase of the test's own";
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, Wrong);
            await using var agent = new SimulatedAgent(
                new()
                {
                    Connections = 7,
                    User = "ops",
                    Auth = "sha256",
                    AuthPassphrase = "the right passphrase"u8.ToArray(),
                }
            );
            var (run, steps) = await ExamineAsync(
                $"snmp://ops@127.0.0.1:{agent.Port}?auth=sha256",
                "--auth-from",
                $"file:{file}"
            );
            Assert.Multiple(() =>
            {
                Assert.That(run.Status, Is.EqualTo(2), run.Out);
                Assert.That(Names(steps), Is.EqualTo(new[] { "reachability", "credentials" }), run.Out);
                Assert.That(steps[1].GetProperty("fix").GetString(), Does.Contain("--auth-from"));
                Assert.That(run.Out + run.Error, Does.Not.Contain(Wrong));
            });
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public async Task A_name_without_an_address_is_said_as_such()
    {
        var (run, steps) = await ExamineAsync("snmp://no-such-host.invalid");
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(2));
            Assert.That(steps.Single().GetProperty("saw").GetString(), Does.Contain("has no address"));
        });
    }

    [Test]
    public async Task In_a_pipe_each_step_is_a_line_and_its_remedy_the_next()
    {
        await using var agent = new SimulatedAgent(Settings("count-off-by=3"));
        var run = await CliRun.Of("doctor", $"snmp://127.0.0.1:{agent.Port}?profile=cisco-voice");
        Assert.Multiple(() =>
        {
            Assert.That(run.Lines[1], Does.StartWith("ok  reachability  "));
            var at = Array.FindIndex(
                run.Lines,
                line => line.StartsWith("no  count  ", StringComparison.Ordinal)
            );
            Assert.That(at, Is.Positive, run.Out);
            Assert.That(run.Lines[at + 1], Does.Match("^ +-> "));
        });
    }

    [Test]
    public async Task One_gateway_at_a_time()
    {
        var run = await CliRun.Of("doctor", "snmp://192.0.2.1", "snmp://192.0.2.2");
        Assert.That(run.Status, Is.EqualTo(64));
        Assert.That(run.Error, Does.Contain("one gateway"));
    }
}
