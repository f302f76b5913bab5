using CallServer.Host.Cli;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class CommandLineTests
{
    [TestCase("--help")]
    [TestCase("audit --help")]
    [TestCase("gateway --help")]
    [TestCase("connections --help")]
    [TestCase("doctor --help")]
    [TestCase("config --help")]
    [TestCase("config example --help")]
    [TestCase("completion --help")]
    [TestCase("top --help")]
    public async Task Help_is_help_with_examples(string line)
    {
        var run = await CliRun.Of(line.Split(' '));
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(run.Out, Does.Contain("Examples:").And.Contain("  callserver "));
            var examples = run.Out[run.Out.IndexOf("Examples:", StringComparison.Ordinal)..];
            Assert.That(examples.Split('\n').Max(text => text.Length), Is.LessThan(80));
            Assert.That(run.Error, Is.Empty);
        });
    }

    [Test]
    public async Task Every_verb_has_examples_and_says_what_it_and_each_of_its_options_does()
    {
        var verbs = Section(await HelpOf(), "Commands").Select(line => line.Split(' ')[0]).ToList();
        Assert.That(verbs, Does.Contain("audit").And.Contain("demo"));
        foreach (var verb in verbs)
        {
            var help = await HelpOf(verb);
            Assert.Multiple(() =>
            {
                Assert.That(Section(help, "Description").Single(), Does.Match("^[A-Z].*[a-z)]\\.$"), verb);
                Assert.That(Section(help, "Options"), Has.All.Matches("^-.*\\S  +[A-Za-z].{3}"), verb);
                Assert.That(help, Does.Match("(?m)^  callserver " + verb), verb);
                Assert.That(Section(help, "Examples").Max(line => line.Length), Is.LessThan(78), verb);
            });
        }
    }

    [TestCase("", "Usage:")]
    [TestCase("adit snmp://192.0.2.1", "'adit' (did you mean audit?)")]
    [TestCase("connectoins", "(did you mean connections?)")]
    [TestCase("cdrs --sicne 2h", "(did you mean --since?)")]
    [TestCase("audit snmp://192.0.2.1 --jsn", "audit has no option --jsn (did you mean --json?)")]
    [TestCase("audit smnp://192.0.2.1", "(did you mean snmp?)")]
    [TestCase("audit snmp://192.0.2.1?profil=cisco-voice", "(did you mean profile?)")]
    [TestCase("doctor", "Required argument")]
    [TestCase("config", "Required command")]
    [TestCase("audit", "Required argument")]
    [TestCase("audit snmp://192.0.2.1 --timeout soon", "--timeout: 'soon'")]
    [TestCase("audit snmp://192.0.2.1 --timeout 0s", "--timeout: '0s'")]
    [TestCase("audit http://192.0.2.1", "http://192.0.2.1: 'http'")]
    [TestCase("audit snmp://192.0.2.1:99999", "99999")]
    [TestCase("audit snmp://192.0.2.1?profile=cisco-vioce", "cisco-voice")]
    [TestCase("audit snmp://u@192.0.2.1?auth=sha256", "--auth-from")]
    [TestCase(
        "audit snmp://192.0.2.1 --community-from public",
        "--community-from: a secret is named here, never written"
    )]
    [TestCase("audit snmp://192.0.2.1 --community-from env:NO_SUCH_VARIABLE_HERE", "NO_SUCH_VARIABLE_HERE")]
    [TestCase("audit mgcp://192.0.2.1?endpoints=$", "the wildcard $")]
    [TestCase("audit ng://192.0.2.1 --auth-from env:PATH", "not a URI with auth= or from=")]
    [TestCase("audit sip:gw1@192.0.2.1 --auth-from env:PATH", "not a URI with auth= or from=")]
    [TestCase("audit ng://192.0.2.1 --community-from env:PATH", "not an SNMPv2c gateway")]
    [TestCase("connections --server nowhere", "--server: 'nowhere'")]
    [TestCase("connections --gateway", "--gateway")]
    [TestCase("status --gateway gw1", "--gateway")]
    [TestCase("run", "--config")]
    [TestCase("run --config /no/such/file", "/no/such/file")]
    [TestCase("gateway --connections 5", "--snmp PORT is needed")]
    [TestCase("gateway --snmp 0", "--connections")]
    [TestCase("gateway --snmp 0 --connections 5 --profile none", "there is no profile 'none'")]
    [TestCase("gateway --snmp 0 --connections 5 --loss 2", "--loss: '2'")]
    [TestCase("gateway --snmp 0 --connections 5 --address here", "--address: 'here' is no address")]
    [TestCase(
        "gateway --snmp 0 --connections 5 --address 192.0.2.1",
        "this machine has no address 192.0.2.1"
    )]
    [TestCase("gateway --snmp 0 --connections 5 --vice rude", "there is no vice 'rude'")]
    [TestCase("gateway --snmp 0 --connections 5 --user u --priv aes128", "passphrase")]
    public async Task A_wrong_command_line_is_named_on_standard_error_and_exits_64(string line, string says)
    {
        var run = await CliRun.Of(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(64));
            Assert.That(run.Out, Is.Empty);
            Assert.That(run.Error, Does.Contain(says));
        });
    }

    [Test]
    public async Task Every_mistake_is_named()
    {
        var run = await CliRun.Of(
            "audit",
            "ftp://a",
            "snmp://b:0",
            "snmp://c",
            "--auth-from",
            "env:NO_SUCH_VARIABLE_HERE"
        );
        Assert.That(run.Status, Is.EqualTo(64));
        Assert.That(
            run.Complaints,
            Has.Some.Contains("ftp://a")
                .And.Some.Contains("snmp://b:0")
                .And.Some.Contains("NO_SUCH_VARIABLE_HERE")
        );
    }

    [Test]
    public async Task Every_mistake_of_the_configuration_is_named_with_its_place()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(
                file,
                """
                {
                  "gateways": [
                    { "id": "gw1", "uri": "snmp://192.0.2.1:0" },
                    { "id": "gw1", "uri": "snmp://192.0.2.2" }
                  ]
                }
                """
            );
            var run = await CliRun.Of("run", "--config", file);
            Assert.Multiple(() =>
            {
                Assert.That(run.Status, Is.EqualTo(64));
                Assert.That(
                    run.Complaints,
                    Has.Some.Contains($"{file}:3: gateways[0].uri")
                        .And.Some.Contains($"{file}:4: gateways[1].id")
                );
            });
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public async Task A_file_of_arguments_is_no_feature()
    {
        var run = await CliRun.Of("audit", "@/etc/hostname");
        Assert.That(run.Error, Does.Contain("@/etc/hostname"));
    }

    [Test]
    public async Task A_fault_of_our_own_is_one_line_and_exit_70_and_its_stack_only_on_demand(
        [Values] bool verbose
    )
    {
        var surroundings = new Surroundings
        {
            Variable = name =>
                name == "CALLSERVER_TOKEN" ? throw new InvalidOperationException("broken\nhere") : null,
        };
        var run = await CliRun.Of(
            surroundings,
            ["status", .. verbose ? ["--verbose"] : Array.Empty<string>()]
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(70));
            Assert.That(run.Complaints[0], Is.EqualTo("callserver: InvalidOperationException: broken"));
            Assert.That(run.Error.Contains("   at ", StringComparison.Ordinal), Is.EqualTo(verbose));
        });
    }

    private static async Task<string> HelpOf(params string[] verbs) =>
        (await CliRun.Of([.. verbs, "--help"])).Out;

    /// <summary>The lines below a heading of the help, without their indentation.</summary>
    private static List<string> Section(string help, string heading) =>
        [
            .. help.ReplaceLineEndings("\n")
                .Split('\n')
                .SkipWhile(line => line != $"{heading}:")
                .Skip(1)
                .TakeWhile(line => line.Length == 0 || line[0] == ' ')
                .Select(line => line.Trim())
                .Where(line => line.Length > 0),
        ];
}
