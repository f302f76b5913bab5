using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Surface;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Host.Tests.Polling;

/// <summary>The whole schedule in virtual time: hours pass in milliseconds, and always in the same way.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PollingTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly HistoricalScheduler time = new(new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero));
    private readonly List<AuditResult> results = [];
    private SchedulerClock clock = null!;
    private ScriptedRunner runner = null!;
    private Names names = null!;

    private sealed class Names : IEndpointResolver
    {
        public bool Fails { get; set; }

        public ValueTask<IPEndPoint> ResolveAsync(string host, int port, CancellationToken cancel) =>
            Fails
                ? ValueTask.FromException<IPEndPoint>(new SocketException((int)SocketError.HostNotFound))
                : ValueTask.FromResult(new IPEndPoint(IPAddress.Loopback, port));
    }

    [SetUp]
    public void Begin()
    {
        clock = new SchedulerClock(time);
        runner = new ScriptedRunner(time, clock);
        names = new Names();
    }

    private Action<AuditResult> onResult = _ => { };
    private bool mayAsk = true;

    [Test]
    public void WhatWasDueWhileNobodyMightBeAskedIsAskedSoonAfterwards()
    {
        mayAsk = false;
        using var service = Poll(8, Gateway(1, TimeSpan.FromMinutes(5)));
        time.AdvanceBy(TimeSpan.FromSeconds(20));
        Assert.That(results, Is.Empty);
        mayAsk = true;
        time.AdvanceBy(TimeSpan.FromSeconds(3));
        Assert.That(results, Has.Count.EqualTo(1), "the first audit");
        mayAsk = false;
        time.AdvanceBy(TimeSpan.FromMinutes(6));
        Assert.That(results, Has.Count.EqualTo(1));
        mayAsk = true;
        time.AdvanceBy(TimeSpan.FromSeconds(3));
        Assert.That(results, Has.Count.EqualTo(2), "and the one of its interval");
    }

    private PollingService Poll(int inFlight, params GatewayConfiguration[] gateways)
    {
        var service = new PollingService(
            clock,
            names,
            Configuration(inFlight, gateways),
            [new AuditLoop(time, runner)],
            _ => null,
            NullLogger.Instance,
            mayAsk: () => mayAsk
        );
        service.Results.Subscribe(polled =>
        {
            onResult(polled.Result);
            results.Add(polled.Result);
        });
        service.Follow(Configuration(inFlight, gateways));
        return service;
    }

    private static ServerConfiguration Configuration(int inFlight, params GatewayConfiguration[] gateways) =>
        new()
        {
            Name = "test",
            Listen = new Uri("http://127.0.0.1:0"),
            Data = "none",
            GatewaysInFlight = inFlight,
            Gateways = gateways,
        };

    private static GatewayConfiguration Gateway(int port, TimeSpan? interval = null) =>
        Gateways.At($"gw{port}", $"snmp://127.0.0.1:{port}", interval ?? Interval);

    [Test]
    public void EveryGatewayIsAskedAtOnceAndThenAtItsPhase()
    {
        using var service = Poll(256, [.. Enumerable.Range(1, 50).Select(port => Gateway(port))]);
        time.AdvanceBy(TimeSpan.FromMilliseconds(100));
        Assert.That(runner.Runs, Has.Count.EqualTo(50));
        time.AdvanceBy(TimeSpan.FromSeconds(100));
        foreach (var port in Enumerable.Range(1, 50))
        {
            // The audit at the start may coincide with the first one of the phase; after that there is one per
            // interval.
            var begun = runner.Of(port).Skip(2).Select(run => run.Begun.Micros % 10_000_000).Distinct();
            Assert.That(begun.Count(), Is.EqualTo(1), $"gw{port}");
            Assert.That(runner.Of(port), Has.Count.InRange(10, 11), $"gw{port}");
        }
    }

    [Test]
    public void WhoeverBeginsWithMoreThanItCanAskLeavesNoneUnaskedForLongerThanItsInterval()
    {
        var gateways = Enumerable.Range(1, 600).Select(port => Gateway(port)).ToArray();
        // Eight at once, 100 ms each: what is due takes three quarters of that, and what is new the rest.
        foreach (var port in Enumerable.Range(1, gateways.Length))
            runner.Script[port] = (TimeSpan.FromMilliseconds(100), true);
        using var service = Poll(8, gateways[..300]);
        time.AdvanceBy(TimeSpan.FromSeconds(30));
        var before = clock.Now.Steady;
        service.Follow(Configuration(8, gateways));
        time.AdvanceBy(TimeSpan.FromSeconds(30));
        foreach (var port in Enumerable.Range(1, gateways.Length))
        {
            var begun = runner.Of(port).Select(run => run.Begun).ToList();
            // Another host asked those that came at their phases, until a moment before.
            var from = port <= 300 ? begun[1] : Phase.Next($"gw{port}", Interval, before - Interval);
            var gaps = begun.Where(at => at > from).Prepend(from).Zip(begun.Where(at => at > from));
            Assert.That(
                gaps.Max(gap => (gap.Second - gap.First).TotalSeconds),
                Is.LessThan(10.5),
                $"gw{port}"
            );
        }
    }

    [Test]
    public void WhatIsLearntOfAGatewayThatIsHeldComesAfterwards()
    {
        using var service = Poll(256, Gateway(1), Gateway(2));
        time.AdvanceBy(TimeSpan.FromSeconds(30));
        int Of(string gateway) => results.Count(result => result.Gateway == gateway);
        var before = (Of("gw1"), Of("gw2"));
        using (service.Hold("gw1"))
        using (service.Hold("gw1"))
        using (service.Hold("gw9"))
        {
            time.AdvanceBy(TimeSpan.FromSeconds(30));
            Assert.That((Of("gw1"), Of("gw2")), Is.EqualTo((before.Item1, before.Item2 + 3)));
        }

        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(Of("gw1"), Is.EqualTo(before.Item1 + 3));
        Assert.That(
            results.Where(result => result.Gateway == "gw1").Select(result => result.Asked),
            Is.Ordered
        );
    }

    [Test]
    public void NeverTwoAuditsOfAGatewayAtOnce()
    {
        using var service = Poll(256, Gateway(1));
        runner.Script[1] = (TimeSpan.FromSeconds(25), true);
        time.AdvanceBy(TimeSpan.FromMilliseconds(100));
        for (var n = 0; n < 200; n++)
        {
            service.Trigger("gw1", AuditCause.Operator);
            time.AdvanceBy(TimeSpan.FromSeconds(1));
        }

        Assert.That(runner.MostRunning, Is.EqualTo(1));
        var runs = runner.Of(1);
        Assert.That(runs, Has.Count.InRange(6, 9));
        foreach (var (first, second) in runs.Zip(runs.Skip(1)))
            Assert.That(second.Begun.Micros, Is.GreaterThanOrEqualTo(first.Ended.Micros));
    }

    [Test]
    public void ATriggerDuringAnAuditBringsOneMore()
    {
        using var service = Poll(256, Gateway(1, TimeSpan.FromHours(1)));
        runner.Script[1] = (TimeSpan.FromSeconds(5), true);
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        for (var n = 0; n < 10; n++)
            service.Trigger("gw1", AuditCause.Operator);
        time.AdvanceBy(TimeSpan.FromSeconds(30));
        Assert.That(runner.Of(1), Has.Count.EqualTo(2));
        Assert.That(service.Trigger("gw2", AuditCause.Operator), Is.False);
    }

    [Test]
    public void ASilentGatewayIsAskedLessOftenAndAlwaysAgain()
    {
        using var service = Poll(256, Gateway(1));
        runner.Script[1] = (TimeSpan.FromSeconds(4), false);
        time.AdvanceBy(TimeSpan.FromHours(1));
        var begun = runner.Of(1).Select(run => run.Begun).ToList();
        var pauses = begun.Zip(begun.Skip(1), (a, b) => (b - a).TotalSeconds).ToList();
        // 10 s, 20 s, 40 s, then a minute, each rounded to the phase.
        Assert.That(pauses.Skip(1).Take(3), Is.EqualTo(new[] { 20.0, 40.0, 60.0 }).Within(0.001));
        Assert.That(pauses.Skip(4), Is.All.EqualTo(60.0).Within(0.001));
        Assert.That(begun, Has.Count.GreaterThan(55));

        // The gateway comes back: from its first answer on it is asked at its interval.
        runner.Script[1] = (ScriptedRunner.NoDelay, true);
        time.AdvanceBy(TimeSpan.FromMinutes(2));
        var count = runner.Runs.Count;
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(runner.Runs.Count - count, Is.EqualTo(6));
    }

    [Test]
    public void WhoAsksOnPurposeIsNotHeldBack()
    {
        using var service = Poll(256, Gateway(1));
        runner.Script[1] = (TimeSpan.FromSeconds(4), false);
        time.AdvanceBy(TimeSpan.FromMinutes(10));
        var count = runner.Runs.Count;
        service.Trigger("gw1", AuditCause.Operator);
        time.AdvanceBy(TimeSpan.FromSeconds(8.5));
        Assert.That(runner.Runs.Count - count, Is.InRange(1, 2));
    }

    [Test]
    public void OneDeadAndOneSlowGatewayDelayNoOther()
    {
        // Room for two at once, and more than two that are slow.
        var dead = Enumerable.Range(1, 3).Select(port => Gateway(port)).ToArray();
        var slow = Enumerable.Range(11, 3).Select(port => Gateway(port)).ToArray();
        var good = Enumerable.Range(101, 20).Select(port => Gateway(port)).ToArray();
        foreach (var gateway in dead)
            runner.Script[gateway.Uri.Port] = (TimeSpan.FromSeconds(15), false);
        foreach (var gateway in slow)
            runner.Script[gateway.Uri.Port] = (TimeSpan.FromSeconds(60), true);
        using var service = Poll(2, [.. dead, .. slow, .. good]);

        // The first round finds out which gateway is which.
        time.AdvanceBy(TimeSpan.FromMinutes(3));
        runner.Runs.Clear();
        time.AdvanceBy(TimeSpan.FromMinutes(30));
        foreach (var gateway in good)
        {
            var begun = runner.Of(gateway.Uri.Port).Select(run => run.Begun).ToList();
            Assert.That(begun, Has.Count.InRange(179, 181), gateway.Id);
            var pauses = begun.Zip(begun.Skip(1), (a, b) => (b - a).TotalSeconds);
            Assert.That(pauses, Is.All.EqualTo(10.0).Within(0.5), gateway.Id);
        }

        foreach (var gateway in (GatewayConfiguration[])[.. dead, .. slow])
            Assert.That(runner.Of(gateway.Uri.Port), Is.Not.Empty, gateway.Id);
    }

    [Test]
    public void AGatewayThatFallsSilentHoldsItsPlaceForOneTimeOutOnly()
    {
        runner.Script[1] = (TimeSpan.FromSeconds(60), false);
        using var service = Poll(1, [.. Enumerable.Range(1, 5).Select(port => Gateway(port))]);
        // The dead one comes first, and gives up its place when its time-out of one second has passed.
        time.AdvanceBy(TimeSpan.FromSeconds(1.5));
        Assert.That(runner.Runs.Select(run => run.Port).Distinct().Order(), Is.EqualTo(new[] { 2, 3, 4, 5 }));
    }

    [Test]
    public void TheFleetsBudgetHolds()
    {
        using var service = Poll(4, [.. Enumerable.Range(1, 100).Select(port => Gateway(port))]);
        time.AdvanceBy(TimeSpan.FromMinutes(2));
        Assert.That(runner.MostRunning, Is.EqualTo(4));
        Assert.That(runner.Runs.Select(run => run.Port).Distinct().Count(), Is.EqualTo(100));
    }

    [Test]
    public void AFaultOfOurOwnEndsOneAuditAndNothingElse()
    {
        var faults = 3;
        runner.Fault = port => port == 1 && faults-- > 0 ? new InvalidOperationException("test") : null;
        using var service = Poll(256, Gateway(1), Gateway(2));
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(service.Counters.AuditFaults, Is.EqualTo(3));
        Assert.That(runner.Of(1), Has.Count.GreaterThanOrEqualTo(3));
        Assert.That(runner.Of(2), Has.Count.GreaterThanOrEqualTo(6));
    }

    [Test]
    public void ALoopThatFailsBeginsAgainAndLeavesTheOthersAlone()
    {
        var faults = 2;
        onResult = result =>
        {
            if (result.Gateway == "gw1" && faults-- > 0)
                throw new InvalidOperationException("test");
        };
        using var service = Poll(256, Gateway(1), Gateway(2));
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(service.Counters.LoopRestarts, Is.EqualTo(2));
        Assert.That(results.Count(result => result.Gateway == "gw1"), Is.GreaterThanOrEqualTo(4));
        Assert.That(results.Count(result => result.Gateway == "gw2"), Is.GreaterThanOrEqualTo(6));
        Assert.That(service.Lanes.Prompt.Inside, Is.Zero);
    }

    [Test]
    public void ANameWithoutAnAddressIsSilence()
    {
        names.Fails = true;
        using var service = Poll(256, Gateways.At("gw7", "snmp://no.such.name:7", Interval));
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        Assert.That(results.Single().Silent);
        Assert.That(results.Single().Reasons.Single(), Does.Contain("no.such.name has no address"));
        names.Fails = false;
        time.AdvanceBy(TimeSpan.FromMinutes(2));
        Assert.That(results[^1].Complete);

        // If the resolver fails later, the last address stays in use.
        names.Fails = true;
        time.AdvanceBy(TimeSpan.FromMinutes(2));
        Assert.That(results[^1].Complete);
    }

    [Test]
    public void AChangedConfigurationIsFollowed()
    {
        using var service = Poll(256, Gateway(1), Gateway(2), Gateway(3));
        time.AdvanceBy(TimeSpan.FromSeconds(30));
        var removed = service.Follow(
            Configuration(256, Gateway(1), Gateway(2, TimeSpan.FromSeconds(5)), Gateway(4))
        );
        Assert.That(removed.Select(gateway => gateway.Id), Is.EqualTo(new[] { "gw3" }));
        runner.Runs.Clear();
        time.AdvanceBy(TimeSpan.FromSeconds(30));
        Assert.Multiple(() =>
        {
            Assert.That(runner.Of(1), Has.Count.EqualTo(3), "goes on undisturbed");
            Assert.That(runner.Of(2), Has.Count.InRange(6, 7), "begins anew at its new interval");
            Assert.That(runner.Of(3), Is.Empty);
            Assert.That(runner.Of(4), Has.Count.InRange(3, 4));
        });
    }

    [Test]
    public void NothingHappensAfterTheEnd()
    {
        var service = Poll(256, Gateway(1));
        time.AdvanceBy(TimeSpan.FromSeconds(15));
        service.Dispose();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        var count = results.Count;
        time.AdvanceBy(TimeSpan.FromHours(1));
        Assert.That(results, Has.Count.EqualTo(count));
        Assert.That(runner.Running, Is.Zero);
    }

    [Test]
    public void WhatComesFromOutsideCannotHaveAGatewayAskedWithoutAPause()
    {
        using var service = Poll(256, Gateway(1, TimeSpan.FromHours(1)));
        time.AdvanceBy(TimeSpan.FromSeconds(5));
        var before = runner.Runs.Count;
        service.Trigger("gw1", AuditCause.Restart);
        time.AdvanceBy(TimeSpan.FromMilliseconds(100));
        Assert.That(runner.Runs, Has.Count.EqualTo(before + 1), "the first one at once");
        for (var n = 0; n < 1000; n++)
        {
            service.Trigger("gw1", n % 2 == 0 ? AuditCause.Restart : AuditCause.Reconnect);
            time.AdvanceBy(TimeSpan.FromMilliseconds(10));
        }

        Assert.That(runner.Runs, Has.Count.EqualTo(before + 11).Within(1), "one a second");
        time.AdvanceBy(TimeSpan.FromSeconds(2));
        Assert.That(
            runner.Runs[^1].Begun.Micros,
            Is.GreaterThan((clock.Now.Steady - TimeSpan.FromSeconds(3)).Micros),
            "and one after the last of them"
        );
    }
}
