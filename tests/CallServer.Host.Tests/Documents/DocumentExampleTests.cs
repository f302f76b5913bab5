using System.Globalization;
using CallServer.Host.Tests.Cli;
using CallServer.Host.Tests.Measuring;

namespace CallServer.Host.Tests.Documents;

/// <summary>
/// Every command of CallServer that README.md and docs/*.md show in a block of <c>sh</c> or <c>console</c> is run, against
/// simulated gateways in place of the page's addresses. In a <c>console</c> block the output has the form that the page
/// shows. docs/development.md says how to write such a block.
/// </summary>
[CancelAfter(180_000)]
internal sealed class DocumentExampleTests
{
    private static IEnumerable<string> Pages() =>
        Page.Names().Where(name => Page.Blocks(Repository.Read(name)).Any(block => block.Commands.Count > 0));

    [TestCaseSource(nameof(Pages))]
    public async Task EveryExampleOfAPageDoesWhatThePageSays(string page) =>
        Assert.That(
            await FaultsAsync(page, Repository.Read(page), TestContext.CurrentContext.CancellationToken),
            Is.Empty
        );

    [TestCaseSource(nameof(Pages))]
    public void EveryBlockThatIsNotRunSaysWhy(string page)
    {
        var blocks = Page.Blocks(Repository.Read(page));
        using var all = Assert.EnterMultipleScope();
        foreach (var block in blocks)
        {
            if (block.Directive == "not run")
                Assert.That(
                    block.Words,
                    Has.Length.GreaterThan(15),
                    $"{page}:{block.Line}: why is it not run?"
                );
            if (block.Kind is "" or "text" or "bash" or "shell")
            {
                Assert.That(
                    block.Text,
                    Does.Not.Match(@"(?m)^(\$ )?callserver "),
                    $"{page}:{block.Line}: a block with commands is ```sh, or ```console with their output"
                );
            }
        }
    }

    // What the test itself has to notice.
    [TestCase("```sh\ncallserver profiles\n```", 0)]
    [TestCase("```sh\ncallserver profils\n```", 1)]
    [TestCase("<!-- run: exit=64 -->\n```sh\ncallserver profils\n```", 0)]
    [TestCase("<!-- not run: it has another name in this story -->\n```sh\ncallserver profils\n```", 0)]
    [TestCase("```console\n$ callserver profiles\ncisco-voice\n…\n```", 0)]
    [TestCase("```console\n$ callserver profiles\ncisco-vioce\n…\n```", 1)]
    [TestCase("```console\n$ callserver profiles\ncisco-voice\n```", 1)]
    [TestCase(
        "```console\n$ callserver audit snmp://192.0.2.1\n# 192.0.2.1:161  snmp cisco-voice  complete: …\n…\n```",
        0
    )]
    [TestCase(
        "```console\n$ callserver audit snmp://192.0.2.1\n# 192.0.2.1:161  snmp cisco-voice  partial: …\n…\n```",
        1
    )]
    [TestCase("```console\n$ callserver status --json\n{\"name\":\"cs-a\",\"…\":0}\n```", 0)]
    [TestCase("```console\n$ callserver status --json\n{\"nome\":\"cs-a\",\"…\":0}\n```", 1)]
    [TestCase("<!-- run: exit=2; nobody -->\n```sh\ncallserver audit ng://192.0.2.1\n```", 0)]
    [TestCase("<!-- run: exit=1; vice=count-off-by=5 -->\n```sh\ncallserver audit snmp://192.0.2.1\n```", 0)]
    public async Task AnExampleThatIsWrongIsNoticed(string page, int faults) =>
        Assert.That(
            await FaultsAsync("a page", page, TestContext.CurrentContext.CancellationToken),
            Has.Count.EqualTo(faults)
        );

    private static async Task<List<string>> FaultsAsync(string name, string text, CancellationToken cancel)
    {
        var faults = new List<string>();
        await using var bench = new Workbench();
        foreach (var block in Page.Blocks(text))
        {
            var (wanted, exit) = Wanted(block);
            if (block.IsFile)
                bench.Keep(block, wanted);
            if (block.Directive == "not run")
                continue;
            foreach (var command in block.Commands)
            {
                var run = await bench.RunAsync(command.Text, wanted, cancel);
                if (Fault(command, run, exit) is { } fault)
                    faults.Add($"{name}:{command.Line}: {command.Text}\n{fault}");
            }
        }
        return faults;
    }

    private static string? Fault(ShownCommand command, CliRun run, int exit)
    {
        if (run.Status != exit)
            return $"its exit status is {run.Status} and not {exit}\n{run.Error}{run.Out}";
        if (command.Output is not { } shown)
            return null;
        var printed = (run.Out + run.Error).TrimEnd('\n').Split('\n');
        var expected = string.Join('\n', shown).TrimEnd('\n').Split('\n');
        return Shape.Fits(expected, printed) ? null : $"it prints\n{string.Join('\n', printed)}";
    }

    private static (Surrogates.Wanted Wanted, int Exit) Wanted(Block block)
    {
        var (wanted, exit) = (new Surrogates.Wanted(), 0);
        if (block.Directive != "run")
            return (wanted, exit);
        foreach (var word in block.Words.Split(';', StringSplitOptions.TrimEntries))
        {
            var parts = word.Split('=', 2);
            switch (parts[0])
            {
                case "exit":
                    exit = int.Parse(parts[1], CultureInfo.InvariantCulture);
                    break;
                case "connections":
                    wanted = wanted with { Connections = int.Parse(parts[1], CultureInfo.InvariantCulture) };
                    break;
                case "vice":
                    wanted = wanted with { Vices = [.. wanted.Vices ?? [], parts[1]] };
                    break;
                case "profile":
                    wanted = wanted with { Profile = parts[1] };
                    break;
                case "locked":
                    wanted = wanted with { Locked = true };
                    break;
                case "nobody":
                    wanted = wanted with { Nobody = true };
                    break;
                default:
                    throw new AssertionException($"line {block.Line}: what does '{word}' mean?");
            }
        }
        return (wanted, exit);
    }
}
