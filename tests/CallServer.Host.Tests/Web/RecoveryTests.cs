using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using CallServer.Host.Tests.Cli;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Tests.Web;

/// <summary>
/// <c>/v1/recoveries</c> and the dry run, on a whole server whose peer cannot be reached: it asks no gateway until an
/// operator has it take over.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class RecoveryTests : IDisposable
{
    private const string DryRun = "v1/recoveries/dry-run";

    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public RecoveryTests()
    {
        gateways.Connections[1] = [1, 2];
        gateways.Connections[2] = [3];
    }

    public void Dispose() => directory.Dispose();

    [Test]
    public async Task ATakeoverWhileTheServerStopsIsNoFault()
    {
        var server = await TestServer.StartAsync(directory, gateways);
        var runtime = server.Runtime;
        await server.DisposeAsync();

        runtime.Recovery.Begin(new TakeoverDecision(2, "handed-over", runtime.Clock.Now.Steady, null));

        Assert.That(server.Log.Text, Does.Not.Contain("Error "));
    }

    /// <summary>The recovery waits for its second gateway until that answers, however long it takes.</summary>
    private Task<TestServer> StartAsync(Func<ServerConfiguration, ServerConfiguration>? change = null) =>
        TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
            {
                var patient = configuration with
                {
                    Name = "cs-b",
                    Gateways =
                    [
                        configuration.Gateways[0],
                        configuration.Gateways[1] with
                        {
                            Target = ScriptedAudit.Target("gw2", Glance, attempts: 100_000),
                        },
                    ],
                };
                return change?.Invoke(patient) ?? patient;
            }
        );

    private Task<TestServer> StandbyAsync(Func<ServerConfiguration, ServerConfiguration>? change = null) =>
        StartAsync(configuration =>
        {
            var primary = new Uri(StubServer.Nowhere());
            var standby = configuration with
            {
                Pair = new PairConfiguration { Peer = primary, Secret = TestPair.Secret },
                Backup = new BackupConfiguration(primary)
                {
                    Cold = true,
                    // Only an operator's order makes it act.
                    Heartbeat = TimeSpan.FromMinutes(1),
                },
            };
            return change?.Invoke(standby) ?? standby;
        });

    private static async Task OrderAsync(TestServer server, CancellationToken cancel)
    {
        using var taken = await server.Http.PostAsJsonAsync("v1/takeover", new { }, cancel);
        Assert.That(taken.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
    }

    private static async Task<JsonElement> BeginAsync(TestServer server, CancellationToken cancel)
    {
        using var begun = await server.Http.PostAsJsonAsync(DryRun, new { }, cancel);
        Assert.That(begun.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        return await begun.Content.ReadFromJsonAsync<JsonElement>(cancel);
    }

    /// <summary>Looks again and again, because a report causes no event.</summary>
    private static async Task<JsonElement> UntilAsync(
        TestServer server,
        string path,
        Func<JsonElement, bool> isSo,
        CancellationToken cancel
    )
    {
        using var timer = new PeriodicTimer(Glance);
        JsonElement seen;
        do seen = await server.GetAsync(path, cancel);
        while (!isSo(seen) && await timer.WaitForNextTickAsync(cancel));
        return seen;
    }

    private static IReadOnlyList<JsonElement> Items(JsonElement page) =>
        [.. page.GetProperty("items").EnumerateArray()];

    private static bool IsWhole(JsonElement report) => report.GetProperty("whole").GetBoolean();

    private static bool HasWhole(JsonElement page) => Items(page) is [var report, ..] && IsWhole(report);

    private static (int Recovered, int Confirmed, int Ended, int Unknown) Connections(JsonElement report)
    {
        var connections = report.GetProperty("connections");
        return (Count("recovered"), Count("confirmed"), Count("ended"), Count("unknown"));

        int Count(string name) => connections.GetProperty(name).GetInt32();
    }

    private static string Text(JsonElement report, string name) => report.GetProperty(name).GetString()!;

    private static IEnumerable<(string, string)> Outcomes(JsonElement report) =>
        report
            .GetProperty("byGateway")
            .EnumerateArray()
            .Select(gateway => (Text(gateway, "gateway"), Text(gateway, "outcome")));

    [Test]
    public async Task AReportIsKeptOfEachTakeover(CancellationToken cancel)
    {
        await using (var server = await StandbyAsync())
        {
            Assert.That(Items(await server.GetAsync("v1/recoveries", cancel)), Is.Empty);
            await OrderAsync(server, cancel);
            await UntilAsync(server, "v1/recoveries", HasWhole, cancel);
        }

        await using var again = await StandbyAsync();
        var kept = Items(await again.GetAsync("v1/recoveries", cancel)).Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((Text(kept, "server"), Text(kept, "cause")), Is.EqualTo(("cs-b", "operator")));
            Assert.That(kept.GetProperty("epoch").GetInt32(), Is.EqualTo(2));
            Assert.That(Connections(kept), Is.EqualTo((3, 0, 0, 0)), "a cold one knew nothing");
            Assert.That(Outcomes(kept), Is.EquivalentTo(new[] { ("gw1", "complete"), ("gw2", "complete") }));
            Assert.That(kept.GetProperty("detectionSeconds").ValueKind, Is.EqualTo(JsonValueKind.Null));
        }
    }

    [Test]
    public async Task OneThatIsUnderWayComesFirstAndCounts(CancellationToken cancel)
    {
        await using (var server = await StandbyAsync())
        {
            await OrderAsync(server, cancel);
            await UntilAsync(server, "v1/recoveries", HasWhole, cancel);
        }

        gateways.Connections.Remove(2, out var later);
        await using var again = await StandbyAsync();
        using var acting = TestPair.Peer("cs-a", TestPair.Secret);
        var down = await acting.AskAsync(
            again.Http.BaseAddress!,
            Server.Roles.PeerLink.Path,
            PairQuestion.Heartbeat,
            """{"server":"cs-a","epoch":3,"role":"active"}"""u8.ToArray(),
            cancel
        );
        Assert.That(down.IsGiven);
        await OrderAsync(again, cancel);
        await UntilAsync(
            again,
            "v1/recoveries",
            page => Items(page) is [var first, _] && Outcomes(first).Contains(("gw1", "complete")),
            cancel
        );

        var alone = await again.GetAsync("v1/recoveries?limit=1", cancel);
        var rest = await again.GetAsync(
            $"v1/recoveries?limit=1&cursor={alone.GetProperty("next").GetString()}",
            cancel
        );
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Items(alone).Select(IsWhole), Is.EqualTo(new[] { false }));
            Assert.That(Outcomes(Items(alone)[0]), Does.Contain(("gw2", "waiting")));
            Assert.That(Items(rest).Select(IsWhole), Is.EqualTo(new[] { true }));
            Assert.That(Items(rest)[0].GetProperty("epoch").GetInt32(), Is.EqualTo(2));
        }

        gateways.Connections[2] = later!;
        // Between the end of a recovery and its arrival in the store, the list shows only the earlier one.
        var both = Items(
            await UntilAsync(again, "v1/recoveries", page => HasWhole(page) && Items(page) is [_, _], cancel)
        );
        Assert.That(
            both.Select(report => report.GetProperty("epoch").GetInt32()),
            Is.EqualTo(new[] { 4, 2 }),
            "it is in the list once"
        );
    }

    [Test]
    public async Task ADryRunAsksEverybodyAndChangesNoRole(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        await server.UntilAskedAsync(cancel);
        var (none, _) = await server.RefusedAsync(HttpMethod.Get, DryRun, cancel);
        Assert.That(none, Is.EqualTo(HttpStatusCode.NotFound), "there was none yet");
        gateways.Connections[1] = [2, 5];
        gateways.Connections.Remove(2, out var later);

        var begun = await BeginAsync(server, cancel);
        Assert.That(IsWhole(begun), Is.False);
        Assert.That(begun.GetProperty("gateways").GetProperty("total").GetInt32(), Is.EqualTo(2));
        Assert.That(Text(begun, "cause"), Is.EqualTo("dry-run"));
        var half = await UntilAsync(
            server,
            DryRun,
            report => Outcomes(report).Contains(("gw1", "complete")),
            cancel
        );
        Assert.That(Connections(half), Is.EqualTo((1, 1, 1, 0)), "what is told is told at once");
        gateways.Connections[2] = later!;
        var whole = await UntilAsync(server, DryRun, IsWhole, cancel);

        var status = await server.GetAsync("v1/status", cancel);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Connections(whole), Is.EqualTo((1, 2, 1, 0)));
            Assert.That(
                (Text(status, "role"), status.GetProperty("epoch").GetInt32()),
                Is.EqualTo(("primary", 1))
            );
            Assert.That(status.GetProperty("connections").GetInt32(), Is.EqualTo(3), "taken in as always");
            Assert.That(Items(await server.GetAsync("v1/recoveries", cancel)), Is.Empty, "no takeover");
        }
    }

    // Asked a few at a time, so many silent gateways take longer than anybody waits.
    [Test]
    public async Task WhoIsNotHeardInTimeIsGivenUp(CancellationToken cancel)
    {
        var silent = Enumerable
            .Range(3, 100 * Environment.ProcessorCount)
            .Select(port =>
                Tests.Gateways.At($"gw{port}", $"snmp://127.0.0.1:{port}", TimeSpan.FromHours(1)) with
                {
                    Target = ScriptedAudit.Target($"gw{port}", TimeSpan.FromMinutes(1)),
                }
            );
        await using var server = await StandbyAsync(configuration =>
            configuration with
            {
                Deadline = TimeSpan.FromSeconds(1),
                Gateways = [.. configuration.Gateways, .. silent],
            }
        );

        await BeginAsync(server, cancel);
        await OrderAsync(server, cancel);

        var dry = await UntilAsync(server, DryRun, IsWhole, cancel);
        var page = await UntilAsync(server, "v1/recoveries", HasWhole, cancel);
        var later = await server.GetAsync(DryRun, cancel);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Outcomes(dry).Select(gateway => gateway.Item2), Does.Contain("waiting"));
            Assert.That(Connections(dry), Is.EqualTo((3, 0, 0, 0)), "who was heard counts");
            Assert.That(later.GetRawText(), Is.EqualTo(dry.GetRawText()), "it is over");
            var report = Items(page).Single();
            Assert.That(Outcomes(report).Select(gateway => gateway.Item2), Does.Contain("waiting"));
        }
    }

    [TestCase("GET", "v1/recoveries?gateway=gw1", HttpStatusCode.BadRequest)]
    [TestCase("GET", "v1/recoveries?limit=0", HttpStatusCode.BadRequest)]
    [TestCase("GET", "v1/recoveries?limit=1001", HttpStatusCode.BadRequest)]
    [TestCase("GET", "v1/recoveries?cursor=first", HttpStatusCode.BadRequest)]
    [TestCase("GET", DryRun + "?limit=1", HttpStatusCode.BadRequest)]
    [TestCase("POST", DryRun, HttpStatusCode.UnsupportedMediaType)]
    public async Task WhatIsNotUnderstoodIsRefused(
        string method,
        string path,
        HttpStatusCode status,
        CancellationToken cancel
    )
    {
        await using var server = await StandbyAsync();

        var (answer, _) = await server.RefusedAsync(new HttpMethod(method), path, cancel);

        Assert.That(answer, Is.EqualTo(status));
    }

    [Test]
    public async Task ADryRunTakesNoParameters(CancellationToken cancel)
    {
        await using var server = await StandbyAsync();

        using var answer = await server.Http.PostAsJsonAsync(DryRun + "?gateway=gw1", new { }, cancel);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }
}
