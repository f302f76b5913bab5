using System.Diagnostics;
using CallServer.Host.Cli;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class CompletionTests
{
    /// <summary>What is offered at the end of a line, which begins behind the program's name.</summary>
    private static async Task<string[]> OfferedAsync(string line) =>
        (await CliRun.Of($"[suggest:{line.Length}]", line)).Lines;

    [Test]
    public async Task Verbs_are_offered_and_hidden_ones_are_not()
    {
        var verbs = await OfferedAsync("");
        Assert.Multiple(() =>
        {
            Assert.That(verbs, Is.SupersetOf(new[] { "audit", "doctor", "config", "connections", "top" }));
            Assert.That(verbs, Has.None.Contains("caretaker"));
        });
    }

    [TestCase("conf", "config")]
    [TestCase("config ch", "check")]
    [TestCase("audit --comm", "--community-from")]
    [TestCase("audit --json sn", "snmp://")]
    [TestCase("audit ng+", "ng+tcp://")]
    [TestCase("audit si", "sip:")]
    [TestCase("audit snmp://192.0.2.1?profile=cisco", "snmp://192.0.2.1?profile=cisco-voice")]
    [TestCase("doctor mg", "mgcp://")]
    [TestCase("profiles avaya", "avaya-rtp")]
    [TestCase("gateway --profile avaya", "avaya-rtp")]
    [TestCase("completion z", "zsh")]
    public async Task A_half_typed_word_is_completed(string line, string word) =>
        Assert.That(await OfferedAsync(line), Has.Some.EqualTo(word));

    [Test]
    public async Task The_gateways_of_a_running_server_are_offered()
    {
        await using var server = await StubServer.StartAsync(_ =>
            (200, """{"items":[{"gateway":"gw1"},{"gateway":"gw2"},{"gateway":"other"}],"next":null}""")
        );
        Assert.That(
            await OfferedAsync($"connections --server {server.Address} --gateway gw"),
            Is.EquivalentTo(new[] { "gw1", "gw2" })
        );
    }

    [Test]
    public async Task Files_are_offered_where_one_is_wanted()
    {
        var folder = Directory.CreateTempSubdirectory("callserver-test-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "callserver.json"), "{}");
            Assert.That(
                await OfferedAsync($"config check {folder}/call"),
                Has.Some.EqualTo($"{folder}/callserver.json")
            );
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public async Task Without_a_server_no_gateway_is_offered() =>
        Assert.That(
            await OfferedAsync($"connections --server {StubServer.Nowhere()} --gateway gw"),
            Is.Empty
        );

    [TestCase("bash", "complete -F _callserver callserver")]
    [TestCase("zsh", "#compdef callserver")]
    [TestCase("pwsh", "Register-ArgumentCompleter -Native -CommandName callserver")]
    public async Task Each_shell_has_its_script(string shell, string holds)
    {
        var run = await CliRun.Of("completion", shell);
        Assert.That(run.Status, Is.Zero);
        Assert.That(run.Out, Does.Contain(holds));
    }

    [Test]
    public async Task Another_shell_has_none()
    {
        var run = await CliRun.Of("completion", "bsh");
        Assert.That(run.Status, Is.EqualTo(64));
        Assert.That(run.Error, Does.Contain("did you mean bash?"));
    }

    /// <summary>
    /// Runs the script in bash as bash itself does, with a program in place of ours that offers these words.
    /// </summary>
    [TestCase("callserver au", "callserver", "audit\nconfig", "audit")]
    [TestCase("callserver audit ", "callserver", "--json\nsnmp://", "snmp://")]
    [TestCase("callserver connections ", "callserver", "--json", "--json")]
    [TestCase("callserver audit snmp:", "callserver", "snmp://\nsip:", "//")]
    [TestCase(
        "callserver audit snmp://h?profile=ci",
        "callserver",
        "snmp://h?profile=cisco-voice",
        "cisco-voice"
    )]
    public async Task Bash_gets_what_follows_its_own_word_breaks(
        string line,
        string program,
        string offered,
        string completed
    )
    {
        if (!File.Exists("/bin/bash"))
            Assert.Ignore("there is no bash here");
        var script = (await CliRun.Of("completion", "bash")).Out;
        var test = $$"""
            compopt() { :; }
            {{program}}() { printf '%s\n' '{{offered.Replace("\n", "' '", StringComparison.Ordinal)}}'; }
            {{script}}
            COMP_LINE='{{line}}' COMP_POINT={{line.Length}} COMP_WORDS=({{program}})
            _callserver
            printf '%s\n' "${COMPREPLY[@]}"
            """;
        using var bash = Process.Start(
            new ProcessStartInfo("/bin/bash", ["--norc", "-c", test]) { RedirectStandardOutput = true }
        )!;
        var told = await bash.StandardOutput.ReadToEndAsync();
        await bash.WaitForExitAsync();
        Assert.That(told.TrimEnd('\n'), Is.EqualTo(completed));
    }

    /// <summary>
    /// Runs the script in PowerShell, which completes lines of a program of ours that notes what it is asked, and offers these
    /// words.
    /// </summary>
    [TestCase("callserver au", "[suggest:2] au|audit")]
    [TestCase("callserver config ch", "[suggest:9] config ch|check")]
    [TestCase("callserver ", "[suggest:0] |audit check")]
    public async Task PowerShell_asks_for_the_line_so_far(string line, string told)
    {
        if (Programs("pwsh") is not { } pwsh)
        {
            Assert.Ignore("there is no pwsh here");
            return;
        }

        var script = (await CliRun.Of("completion", "pwsh")).Out;
        var test = $$"""
            function callserver { $global:asked = $args -join ' '; 'audit', 'check' }
            {{script}}
            $found = (TabExpansion2 -inputScript '{{line}}' -cursorColumn {{line.Length}}).CompletionMatches
            Write-Output "$global:asked|$($found.CompletionText -join ' ')"
            """;
        using var shell = Process.Start(
            new ProcessStartInfo(pwsh, ["-NoLogo", "-NoProfile", "-NonInteractive", "-Command", test])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var wrong = shell.StandardError.ReadToEndAsync();
        var said = await shell.StandardOutput.ReadToEndAsync();
        await shell.WaitForExitAsync();
        Assert.That(said.Trim(), Is.EqualTo(told.Trim()), await wrong);
    }

    /// <summary>Where the program is on the path; null if it is not.</summary>
    private static string? Programs(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);
}
