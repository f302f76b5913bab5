using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Host.Tests.Polling;

/// <summary>Gateways whose audits take more than their share of a core, beside cheap ones, in virtual time.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HeavyTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Much = TimeSpan.FromSeconds(3);

    private readonly HistoricalScheduler time = new(new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero));
    private readonly List<string> takenIn = [];
    private Func<Task> takes = () => Task.CompletedTask;
    private ScriptedRunner usual = null!;
    private ScriptedRunner aside = null!;

    [SetUp]
    public void Begin()
    {
        usual = new ScriptedRunner(time, new SchedulerClock(time)) { Work = Costs };
        aside = new ScriptedRunner(time, new SchedulerClock(time)) { Work = Costs };
    }

    private Func<int, TimeSpan> costs = port => port >= 100 ? Much : TimeSpan.FromMilliseconds(20);

    private Func<int, TimeSpan> longest = _ => TimeSpan.FromMilliseconds(1);

    private AuditWork Costs(int port) => new(costs(port), longest(port));

    private PollingService Poll(params int[] ports)
    {
        var configuration = new ServerConfiguration
        {
            Name = "test",
            Listen = new Uri("http://127.0.0.1:0"),
            Data = "none",
            GatewaysInFlight = 256,
            Gateways =
            [
                .. ports.Select(port => Gateways.At($"gw{port}", $"snmp://127.0.0.1:{port}", Interval)),
            ],
        };
        var service = new PollingService(
            new SchedulerClock(time),
            new EndpointResolver(),
            configuration,
            [new AuditLoop(time, usual, new AuditLoop(time, aside))],
            _ => null,
            NullLogger.Instance,
            gateway =>
            {
                takenIn.Add(gateway);
                return takes();
            }
        );
        service.Follow(configuration);
        return service;
    }

    private static int[] Hundred(int count) => [.. Enumerable.Range(100, count)];

    [Test]
    public void TheyAreAskedAsideAndTheOthersAsEver()
    {
        using var service = Poll([.. Enumerable.Range(1, 20), .. Hundred(20)]);
        time.AdvanceBy(TimeSpan.FromMinutes(10));
        using (Assert.EnterMultipleScope())
        {
            foreach (var port in Enumerable.Range(1, 20))
                Assert.That(usual.Of(port), Has.Count.InRange(60, 62), $"gw{port}");
            foreach (var port in Hundred(20))
            {
                Assert.That(usual.Of(port), Has.Count.EqualTo(1), $"gw{port} before it is known");
                Assert.That(aside.Of(port), Has.Count.GreaterThan(2), $"gw{port} is not forgotten");
            }

            Assert.That(aside.MostRunning, Is.EqualTo(service.Lanes.Heavy.Limit));
        }
    }

    [Test]
    public void EachLeavesAsMuchTimeAsItTook()
    {
        using var service = Poll(Hundred(20));
        time.AdvanceBy(TimeSpan.FromMinutes(10));
        var begun = aside.Runs.Select(run => run.Begun).Order().ToList();
        var pauses = begun.Zip(begun.Skip(service.Lanes.Heavy.Limit), (a, b) => b - a);
        Assert.That(pauses.Min(), Is.GreaterThanOrEqualTo(Much));
        Assert.That(pauses.Max(), Is.LessThan(Much * 2), "nobody waits longer than that");
    }

    [Test]
    public void OneByItselfKeepsItsInterval()
    {
        using var service = Poll(100);
        time.AdvanceBy(TimeSpan.FromMinutes(10));
        Assert.That(aside.Of(100), Has.Count.InRange(58, 61));
    }

    [Test]
    public void OneThatTakesMuchInEveryOtherAuditStaysAside()
    {
        var audits = 0;
        costs = _ => audits++ % 2 == 0 ? Much : TimeSpan.Zero;
        using var service = Poll(1);
        time.AdvanceBy(TimeSpan.FromMinutes(10));
        Assert.That(usual.Of(1), Has.Count.EqualTo(1));
    }

    [Test]
    public void OneThatTakesLittleAgainComesBack()
    {
        using var service = Poll(100);
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(aside.Of(100), Is.Not.Empty);
        costs = _ => TimeSpan.FromMilliseconds(20);
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        var sofar = usual.Runs.Count;
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(usual.Runs, Has.Count.EqualTo(sofar + 6));
    }

    [Test]
    public void ThoseOfLongStepsAreAskedAsideAndWaitForNobody()
    {
        costs = _ => TimeSpan.FromMilliseconds(100);
        longest = _ => TimeSpan.FromMilliseconds(80);
        using var service = Poll(Hundred(20));
        time.AdvanceBy(TimeSpan.FromMinutes(10));
        foreach (var port in Hundred(20))
            Assert.That(aside.Of(port), Has.Count.InRange(59, 61), $"gw{port}");
        Assert.That(usual.Runs, Has.Count.EqualTo(20), "once each, before it is known");
    }

    [TestCase(350)]
    [TestCase(3_000, Description = "the runtime took back memory on its thread")]
    public void NobodyIsHeavyByOneHiccup(int milliseconds)
    {
        var audits = 0;
        costs = _ => audits++ % 8 == 3 ? TimeSpan.FromMilliseconds(milliseconds) : TimeSpan.Zero;
        using var service = Poll(1);
        time.AdvanceBy(TimeSpan.FromMinutes(10));
        Assert.That(aside.Runs, Is.Empty);
    }

    [Test]
    public void OneThatBeginsToTakeMuchInEveryOtherAuditIsAskedAside()
    {
        var audits = 0;
        costs = _ => ++audits > 10 && audits % 2 == 0 ? Much : TimeSpan.Zero;
        using var service = Poll(1);
        time.AdvanceBy(TimeSpan.FromMinutes(10));
        Assert.That(usual.Of(1), Has.Count.EqualTo(14), "ten, and until it has taken much twice");
    }

    [Test]
    public void TheNextOneBeginsWhenWhatTheLastOneToldIsTakenIn()
    {
        var slow = new TaskCompletionSource();
        takes = () => slow.Task;
        using var service = Poll(100);
        time.AdvanceBy(TimeSpan.FromMinutes(5));
        Assert.That(aside.Of(100), Has.Count.EqualTo(1), "the place is kept");
        slow.SetResult();
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        // The wait counts as time used: others get the same amount.
        Assert.That(aside.Of(100), Has.Count.EqualTo(1));
        time.AdvanceBy(TimeSpan.FromMinutes(5));
        Assert.That(aside.Of(100), Has.Count.GreaterThan(1));
        Assert.That(takenIn, Has.All.EqualTo("gw100"));
    }

    [Test]
    public void ATakeoverWaitsForNobody()
    {
        using var service = Poll(Hundred(20));
        time.AdvanceBy(TimeSpan.FromMinutes(10));
        var before = aside.Runs.Count;
        foreach (var port in Hundred(20))
            service.Trigger($"gw{port}", AuditCause.Takeover);
        time.AdvanceBy(TimeSpan.FromSeconds(4));
        Assert.That(aside.Runs.Count - before, Is.GreaterThanOrEqualTo(20));
    }
}
