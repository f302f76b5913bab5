using System.Net;
using System.Net.Http.Json;
using CallServer.Host.Tests.Cli;
using CallServer.Host.Tests.Storage;
using CallServer.Host.Tests.Web;
using CallServer.Server.Configuration;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Measuring;

/// <summary>What <c>/metrics</c> shows of a whole server.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class MetricsTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestDirectory other = new();
    private readonly TestGateways gateways = new();

    public MetricsTests()
    {
        gateways.Connections[1] = [1, 2, 3];
        gateways.Connections[2] = [4];
    }

    public void Dispose()
    {
        directory.Dispose();
        other.Dispose();
    }

    /// <summary>Has a gateway asked, and waits until what it tells is in the record.</summary>
    private static async Task AskAsync(TestServer server, string gateway, CancellationToken cancel)
    {
        var before = server.Runtime.Ledger.Find(gateway)!.LastAudit;
        server.Runtime.Polling.Trigger(gateway, AuditCause.Operator);
        await server.UntilAsync(
            runtime => !ReferenceEquals(runtime.Ledger.Find(gateway)!.LastAudit, before),
            cancel
        );
    }

    [Test]
    public async Task TwoServersInOneProcessDoNotMix(CancellationToken cancel)
    {
        await using var one = await TestServer.StartAsync(directory, gateways);
        var fewer = new TestGateways();
        fewer.Connections[1] = [7];
        fewer.Connections[2] = [];
        await using var two = await TestServer.StartAsync(other, fewer);
        await one.UntilAskedAsync(cancel);
        await two.UntilAskedAsync(cancel);
        await AskAsync(two, "gw1", cancel);

        var ofOne = await Exposition.OfAsync(one, cancel);
        var ofTwo = await Exposition.OfAsync(two, cancel);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ofOne["callserver_connections{status=\"confirmed\"}"], Is.EqualTo(4));
            Assert.That(ofTwo["callserver_connections{status=\"confirmed\"}"], Is.EqualTo(1));
            Assert.That(ofOne["callserver_audit_seconds_count{result=\"complete\"}"], Is.EqualTo(2));
            Assert.That(ofTwo["callserver_audit_seconds_count{result=\"complete\"}"], Is.EqualTo(3));
        }
    }

    [Test]
    public async Task EachGatewayIsShown(CancellationToken cancel)
    {
        gateways.Connections.TryRemove(2, out _);
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    Gateways =
                    [
                        .. configuration.Gateways,
                        Tests.Gateways.At("never", "snmp://127.0.0.1:1", TimeSpan.FromHours(1)) with
                        {
                            NeverComplete = true,
                        },
                    ],
                }
        );
        await server.UntilAskedAsync(cancel);
        var shown = await Exposition.OfAsync(server, cancel);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(shown["callserver_gateway_connections{gateway=\"gw1\"}"], Is.EqualTo(3));
            Assert.That(shown["callserver_gateway_conflicts_total{gateway=\"gw1\"}"], Is.Zero);
            Assert.That(shown["callserver_gateways{state=\"silent\"}"], Is.EqualTo(1));
            Assert.That(
                shown["callserver_gateway_partial_audits_total{gateway=\"gw2\",reason=\"silent\"}"],
                Is.EqualTo(1)
            );
            Assert.That(
                shown["callserver_gateway_complete_audit_age_seconds{gateway=\"gw1\"}"],
                Is.LessThan(shown["callserver_gateway_complete_audit_age_seconds{gateway=\"gw2\"}"])
            );
            Assert.That(
                shown["callserver_gateway_complete_audit_age_seconds{gateway=\"gw2\"}"],
                Is.EqualTo(shown["callserver_up_seconds"]).Within(5),
                "never complete: since the start"
            );
            Assert.That(
                shown.Has("callserver_gateway_complete_audit_age_seconds{gateway=\"never\"}"),
                Is.False,
                "it is never complete, and nobody waits for it"
            );
        }
    }

    [Test]
    public async Task AGatewayThatIsRemovedHasNoAgeAnyMore(CancellationToken cancel)
    {
        const string Age = "callserver_gateway_complete_audit_age_seconds{gateway=\"gw2\"}";
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        Assert.That((await Exposition.OfAsync(server, cancel)).Has(Age));

        var before = server.Runtime.Configuration;
        Assert.That(server.Runtime.TryReload(before with { Gateways = [before.Gateways[0]] }), Is.Empty);
        var after = await Exposition.OfAsync(server, cancel);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(after.Has(Age), Is.False);
            Assert.That(
                after["callserver_gateway_connections{gateway=\"gw2\"}"],
                Is.EqualTo(1),
                "its calls stay in the record"
            );
        }
    }

    [Test]
    public async Task AfterARestartTheAgeGoesOn(CancellationToken cancel)
    {
        await using (var first = await TestServer.StartAsync(directory, gateways))
            await first.UntilAskedAsync(cancel);
        gateways.Connections.Clear();
        await using var second = await TestServer.StartAsync(directory, gateways);
        var shown = await Exposition.OfAsync(second, cancel);
        Assert.That(
            shown["callserver_gateway_complete_audit_age_seconds{gateway=\"gw1\"}"],
            Is.GreaterThan(shown["callserver_up_seconds"])
        );
    }

    [Test]
    public async Task WhatEndsIsMeasured(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        gateways.Connections[1] = [2, 3, 5];
        await AskAsync(server, "gw1", cancel);
        gateways.Connections[1] = [2];
        await AskAsync(server, "gw1", cancel);

        var shown = await Exposition.UntilAsync(server, now => now["callserver_cdrs_total"] is 3, cancel);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                shown["callserver_start_width_seconds_count"],
                Is.EqualTo(1),
                "only the one that began between two audits has two bounds"
            );
            Assert.That(shown["callserver_reconcile_seconds_count"], Is.EqualTo(4));
            Assert.That(shown["callserver_closed_connections_total{evidence=\"absent\"}"], Is.EqualTo(3));
            Assert.That(shown["callserver_connections_older_than{age=\"4h\"}"], Is.Zero);
            Assert.That(shown.Text, Does.Not.Contain("\"c1\"").And.Not.Contain("\"c5\""), "no ids of calls");
        }
    }

    [Test]
    public async Task WhatWaitsInTheOutboxIsShown(CancellationToken cancel)
    {
        // A file stands where the folder of CDRs is to be made.
        var blocked = directory.File("blocked");
        await File.WriteAllTextAsync(blocked, "", cancel);
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { CdrFile = Path.Combine(blocked, "cdrs.ndjson") }
        );
        server.MayComplain = true;
        await server.UntilAskedAsync(cancel);
        Assert.That(
            (await Exposition.OfAsync(server, cancel))[
                "callserver_outbox_oldest_seconds{reader=\"cdr-file\"}"
            ],
            Is.Zero
        );
        gateways.Connections[1] = [2];
        await AskAsync(server, "gw1", cancel);
        await Exposition.UntilAsync(
            server,
            now =>
                now["callserver_outbox_waiting{reader=\"cdr-file\"}"] is 2
                && now["callserver_outbox_oldest_seconds{reader=\"cdr-file\"}"] > 0,
            cancel
        );
    }

    [Test]
    public async Task ATakeoverIsMeasured(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
            {
                var primary = new Uri(StubServer.Nowhere());
                return configuration with
                {
                    Pair = new PairConfiguration { Peer = primary, Secret = TestPair.Secret },
                    // Only an operator's order makes it act.
                    Backup = new BackupConfiguration(primary) { Heartbeat = TimeSpan.FromMinutes(1) },
                };
            }
        );
        var before = await Exposition.OfAsync(server, cancel);
        Assert.That(
            (before["callserver_acts"], before["callserver_role_changes_total"]),
            Is.EqualTo((0.0, 0.0))
        );
        using var taken = await server.Http.PostAsJsonAsync("v1/takeover", new { }, cancel);
        Assert.That(taken.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        var after = await Exposition.UntilAsync(
            server,
            now => now.Has("callserver_recovery_seconds_count"),
            cancel
        );
        using (Assert.EnterMultipleScope())
        {
            Assert.That(after["callserver_recovery_seconds_count"], Is.EqualTo(1));
            Assert.That(after["callserver_takeovers_total"], Is.EqualTo(1));
            Assert.That(after["callserver_acts"], Is.EqualTo(1));
            Assert.That(after["callserver_epoch"], Is.EqualTo(2));
        }
    }

    [Test]
    public async Task ManyGatewaysAreAllShown(CancellationToken cancel)
    {
        // More than the SDK has room for unless it is told.
        const int Many = 3_000;
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    Gateways =
                    [
                        .. Enumerable
                            .Range(0, Many)
                            .Select(number =>
                                Tests.Gateways.At(
                                    $"gw{number}",
                                    $"snmp://127.0.0.1:{1 + (number % 2)}",
                                    TimeSpan.FromHours(1)
                                )
                            ),
                    ],
                }
        );
        await server.UntilAsync(runtime => runtime.CountGateways().Complete == Many, cancel);
        await Exposition.OfAsync(server, cancel);
        var asked = TimeProvider.System.GetTimestamp();
        var shown = await Exposition.OfAsync(server, cancel);
        await TestContext.Out.WriteLineAsync(
            $"{Many} gateways: {shown.Text.Length / 1000} kB in {TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds:0} ms"
        );
        using (Assert.EnterMultipleScope())
        {
            foreach (var name in (string[])["connections", "conflicts_total", "complete_audit_age_seconds"])
                Assert.That(
                    shown.Series.Count(one =>
                        one.StartsWith($"callserver_gateway_{name}{{gateway=\"gw", StringComparison.Ordinal)
                    ),
                    Is.EqualTo(Many),
                    name
                );
            Assert.That(shown.Text, Does.Not.Contain("overflow"));
        }
    }

    [Test]
    public async Task TheRuntimeIsShownAndNothingOfTheLibraries(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var shown = await Exposition.OfAsync(server, cancel);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(shown["dotnet_process_memory_working_set_bytes"], Is.Positive);
            Assert.That(shown.Names, Has.None.EqualTo("target_info"));
            Assert.That(shown.Text, Does.Not.Contain("otel_scope"));
            Assert.That(
                shown.Names.Where(name => name.StartsWith("dotnet_", StringComparison.Ordinal)),
                Has.None.EndsWith("_count")
            );
        }
    }

    [Test]
    public async Task TheyAreReadOnly(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        Assert.That(
            (await server.RefusedAsync(HttpMethod.Delete, "metrics", cancel)).Status,
            Is.EqualTo(HttpStatusCode.MethodNotAllowed)
        );
    }
}
