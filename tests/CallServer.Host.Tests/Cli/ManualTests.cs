namespace CallServer.Host.Tests.Cli;

/// <summary>The page for man.</summary>
public sealed class ManualTests
{
    [Test]
    public async Task HasEveryVerbThatHelpHas()
    {
        var page = (await CliRun.Of("manual")).Out;
        var help = await CliRun.Of("--help");
        var verbs = help
            .Lines.SkipWhile(line => line != "Commands:")
            .Skip(1)
            .TakeWhile(line => line.StartsWith("  ", StringComparison.Ordinal))
            .Where(line => line[2] != ' ')
            .Select(line => line.Trim().Split(' ')[0])
            .ToList();
        Assert.That(verbs, Has.Count.GreaterThan(15));
        foreach (var verb in verbs)
            Assert.That(page, Does.Contain($".SS \"callserver {verb.Replace("-", "\\-")}"));
        Assert.That(page, Does.Contain(".SS \"callserver config check FILE\""));
    }

    [Test]
    public async Task IsHiddenLikeWhatIsForPackagesAlone()
    {
        Assert.That((await CliRun.Of("--help")).Out, Does.Not.Contain("manual"));
        Assert.That((await CliRun.Of("manual")).Out, Does.Not.Contain("demo\\-caretaker"));
    }

    [Test]
    public async Task HasNoLineThatGroffTakesForARequestOfItsOwn()
    {
        var known = ".TH .nh .ad .SH .SS .B .I .BI .BR .RI .TP .PP .EX .EE".Split(' ');
        foreach (var line in (await CliRun.Of("manual")).Lines.Where(line => line[0] is '.' or '\''))
            Assert.That(known, Does.Contain(line.Split(' ')[0]), line);
    }

    [Test]
    public async Task KeepsHyphensAndQuotesThatCanBeTyped()
    {
        var page = (await CliRun.Of("manual")).Out;
        Assert.That(page, Does.Contain(@"\fB\-\-community\-from\fR \fIenv:NAME|file:PATH\fR"));
        Assert.That(page, Does.Contain(@"callserver audit \(aqsnmp://192.0.2.1?profile=cisco\-voice\(aq"));
    }
}
