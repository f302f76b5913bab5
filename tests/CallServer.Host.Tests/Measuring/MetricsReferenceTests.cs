using System.Diagnostics.Metrics;
using System.Net;
using System.Text.RegularExpressions;
using CallServer.Host.Tests.Storage;
using CallServer.Server;
using CallServer.Server.Configuration;
using Microsoft.Extensions.Logging;

namespace CallServer.Host.Tests.Measuring;

/// <summary>docs/metrics.md explains every metric, and the alerts and the dashboard name no others.</summary>
[CancelAfter(60_000)]
internal sealed partial class MetricsReferenceTests
{
    [Test]
    public async Task EveryMetricIsExplained(CancellationToken cancel)
    {
        using var directory = new TestDirectory();
        await using var server = await ServerHost.StartAsync(
            new ServerConfiguration
            {
                Name = "test",
                Listen = new Uri("http://127.0.0.1:0"),
                Data = directory.File("callserver.db"),
                Gateways = [],
                MgcpListener = new IPEndPoint(IPAddress.Loopback, 0),
                Radius = new RadiusConfiguration
                {
                    Server = new IPEndPoint(IPAddress.Loopback, 9),
                    Secret = "a secret of the test's own"u8.ToArray(),
                    NasIdentifier = "test",
                },
                CdrHttp = new PushConfiguration { Url = new Uri("http://127.0.0.1:9/") },
            },
            cancel,
            new ServerParts { Logging = logging => logging.ClearProviders() }
        );
        var metrics = Metrics(server.Runtime.Measures!.Meter);
        using var http = new HttpClient { BaseAddress = server.Address };
        var shown = new Exposition(await http.GetStringAsync(new Uri("metrics", UriKind.Relative), cancel));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                shown.Names.Where(name => name.StartsWith("callserver_", StringComparison.Ordinal)),
                Is.SubsetOf(metrics),
                "as the exporter names them"
            );
            Assert.That(Explained(), Is.EquivalentTo(metrics), "docs/metrics.md");
        }
    }

    [TestCase("deploy/prometheus/callserver.rules.yml")]
    [TestCase("deploy/grafana/callserver.json")]
    public void OnlyThoseAreAskedFor(string file)
    {
        var named = MetricName().Matches(Repository.Read(file)).Select(match => Base(match.Value)).Distinct();
        Assert.That(named, Is.Not.Empty.And.SubsetOf(Explained()));
    }

    /// <summary>Each alert is in the table of docs/metrics.md and has a section in docs/alerts.md; no other has.</summary>
    [Test]
    public void EveryAlertIsExplained()
    {
        var alerts = Alert()
            .Matches(Repository.Read("deploy/prometheus/callserver.rules.yml"))
            .Select(match => match.Groups[1].Value)
            .ToList();
        Assert.That(alerts, Is.Not.Empty);
        using var all = Assert.EnterMultipleScope();
        Assert.That(
            AlertSection().Matches(Repository.Read("docs/alerts.md")).Select(match => match.Groups[1].Value),
            Is.EquivalentTo(alerts)
        );
        foreach (var alert in alerts)
            Assert.That(Repository.Read("docs/metrics.md"), Does.Contain($"| `{alert}` |"));
    }

    /// <summary>
    /// Each alert names its own section in the page as the package installs it; each is tried with it, too.
    /// </summary>
    [TestCase("deploy/prometheus/callserver.rules.yml", "alert", 1)]
    [TestCase("deploy/prometheus/callserver.rules.test.yml", "alertname", 2)]
    public void EveryAlertLeadsToItsSection(string file, string member, int times)
    {
        var text = Repository.Read(file);
        var alerts = Regex
            .Matches(text, $@"^ *- {member}: (\w+)$", RegexOptions.Multiline)
            .Select(match => match.Groups[1].Value)
            .ToList();
        Assert.That(alerts, Has.Count.EqualTo(Alert().Count(Repository.Read(Rules)) * times));
        var sections = AlertSection()
            .Matches(Repository.Read("docs/alerts.md"))
            .Select(match => match.Groups[1].Value.ToLowerInvariant())
            .ToHashSet(StringComparer.Ordinal);
        var places = Regex
            .Matches(text, @"^ *runbook_url: (\S+)#(\w+)$", RegexOptions.Multiline)
            .Select(match => (Page: match.Groups[1].Value, Section: match.Groups[2].Value))
            .ToList();
        using var all = Assert.EnterMultipleScope();
        Assert.That(
            places.Select(place => place.Section),
            Is.EqualTo(alerts.Select(alert => alert.ToLowerInvariant()).Distinct())
        );
        Assert.That(places.Select(place => place.Section), Is.SubsetOf(sections));
        Assert.That(
            places.Select(place => place.Page).Distinct(),
            Is.EqualTo(new[] { "/usr/share/doc/callserver/alerts.md" })
        );
        // Where the package puts the pages.
        Assert.That(Repository.Read("scripts/package.sh"), Does.Contain("docs=$6/usr/share/doc/$1"));
    }

    private const string Rules = "deploy/prometheus/callserver.rules.yml";

    /// <summary>The names of a meter's instruments, as Prometheus shows them.</summary>
    private static List<string> Metrics(Meter meter)
    {
        var names = new List<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (ReferenceEquals(instrument.Meter, meter))
                names.Add(Name(instrument));
        };
        listener.Start();
        return names;
    }

    private static string Name(Instrument instrument)
    {
        var unit = instrument.Unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            null or "" => "",
            _ => throw new AssertionException($"{instrument.Name} is in {instrument.Unit}"),
        };
        var isCounter = instrument is Counter<long> or ObservableCounter<long>;
        return instrument.Name.Replace('.', '_') + unit + (isCounter ? "_total" : "");
    }

    private static IEnumerable<string> Explained() =>
        Row().Matches(Repository.Read("docs/metrics.md")).Select(match => match.Groups[1].Value);

    private static string Base(string name) => Histogram().Replace(name, "");

    [GeneratedRegex(@"^\| `(callserver_\w+)` \| (counter|gauge|histogram) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\bcallserver_\w+")]
    private static partial Regex MetricName();

    [GeneratedRegex("_bucket$")]
    private static partial Regex Histogram();

    [GeneratedRegex(@"- alert: (\w+)")]
    private static partial Regex Alert();

    [GeneratedRegex(@"^## (CallServer\w+)$", RegexOptions.Multiline)]
    private static partial Regex AlertSection();
}

/// <summary>The files of the repository that the tests run inside.</summary>
internal static class Repository
{
    public static string Read(string path) => File.ReadAllText(Path.Combine(Root(), path));

    /// <summary>The paths of a folder's files, from the repository's root.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory
            .EnumerateFiles(Path.Combine(Root(), folder), pattern)
            .Select(file => $"{folder}/{Path.GetFileName(file)}");

    public static bool Has(string path) => Path.Exists(Path.Combine(Root(), path));

    /// <summary>The path from the root of what a page names from its own folder.</summary>
    public static string Beside(string page, string relative) =>
        Path.GetRelativePath(
            Root(),
            Path.GetFullPath(Path.Combine(Root(), Path.GetDirectoryName(page)!, relative))
        );

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "CallServer.slnx")))
            folder = folder.Parent;
        Assert.That(folder, Is.Not.Null, "the tests run inside the repository");
        return folder!.FullName;
    }
}
