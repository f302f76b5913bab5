using System.Net;
using System.Reactive.Concurrency;
using System.Text;
using CallServer.Host.Tests.Web;
using CallServer.Model;
using CallServer.Server.Listening;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Host.Tests.Listening;

/// <summary>What the server does with messages that gateways send unasked.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HearingTests
{
    private readonly AddressBook addresses = new();
    private readonly ListenerCounters counters = new();
    private readonly List<string> done = [];
    private readonly HistoricalScheduler time = new(new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero));
    private readonly TestLog log = new();
    private Moment now;
    private int transaction = 1000;

    [SetUp]
    public void Configure()
    {
        clock = new SchedulerClock(time);
        now = clock.Now;
        Enter("gw1", "mgcp://192.0.2.1");
        Enter("gw2", "mgcp://192.0.2.2:2427");
        Enter("gw3", "mgcp://192.0.2.2:2428");
        Enter("sw1", "snmp://192.0.2.1");
        Enter("sw4", "snmp://192.0.2.4");
    }

    private void Enter(string id, string uri)
    {
        var gateway = Gateways.At(id, uri);
        addresses.Enter(gateway, GatewayLocator.Literal(gateway.Uri));
    }

    private IReadOnlyList<string> Rsip(string from, string endpoint, string method) =>
        Mgcp(from, $"RSIP {++transaction} {endpoint} MGCP 1.0\r\nRM: {method}\r\n");

    private MgcpHearing? mgcp;
    private SchedulerClock clock = null!;

    private NoticePace Pace() => new(clock, time);

    private IReadOnlyList<string> Mgcp(string from, string message)
    {
        mgcp ??= new MgcpHearing(
            addresses,
            (gateway, at) => done.Add($"restarted {gateway} {(at.Equals(now.Steady) ? "now" : "then")}"),
            (gateway, cause) => done.Add($"ask {gateway} {cause}"),
            counters,
            Pace(),
            Pace(),
            log.CreateLogger("test")
        );
        return
        [
            .. mgcp.Hear(IPEndPoint.Parse(from), now, Encoding.ASCII.GetBytes(message))
                .Select(reply => Encoding.ASCII.GetString(reply)),
        ];
    }

    private IReadOnlyList<byte[]> Trap(string from, string hex) =>
        new TrapHearing(
            addresses,
            (gateway, cause) => done.Add($"ask {gateway} {cause}"),
            counters,
            Pace(),
            NullLogger.Instance
        ).Hear(IPEndPoint.Parse(from), now, Convert.FromHexString(hex.Replace(" ", "")));

    [TestCase("restart")]
    [TestCase("forced")]
    public void ARestartOfAllEndpointsIsNotedAndTheGatewayIsAsked(string method)
    {
        var replies = Rsip("192.0.2.1:2427", "*@gw1.example.net", method);
        Assert.That(done, Is.EqualTo(new[] { "restarted gw1 now", "ask gw1 Restart" }));
        Assert.That(replies.Single(), Does.StartWith($"200 {transaction} "));
        Assert.That(counters.Notices.Single(), Is.EqualTo(KeyValuePair.Create(method, 1L)));
    }

    [Test]
    public void AFloodLeavesOneRowAndOneLineInTenSecondsAndItsLastIsNotLost()
    {
        for (var notice = 0; notice < 34_001; notice++)
        {
            time.AdvanceBy(TimeSpan.FromMicroseconds(200));
            now = clock.Now;
            Rsip("192.0.2.1:2427", "*@gw1.example.net", "restart");
        }

        time.AdvanceBy(TimeSpan.FromMinutes(1));
        var noted = done.Where(what => what.StartsWith("restarted", StringComparison.Ordinal)).ToList();
        Assert.That(
            noted,
            Is.EqualTo(new[] { "restarted gw1 now", "restarted gw1 now" }),
            "the first, and the newest"
        );
        Assert.That(
            log.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line[line.IndexOf("gw1", StringComparison.Ordinal)..].TrimEnd()),
            Is.EqualTo(
                new[]
                {
                    "gw1: restart of *@gw1.example.net",
                    "gw1: restart of *@gw1.example.net, and 33,999 more notices",
                }
            )
        );
        Rsip("192.0.2.1:2427", "*@gw1.example.net", "restart");
        Assert.That(done[^2], Does.StartWith("restarted gw1"), "after a rest at once again");
    }

    [Test]
    public void OfSomeEndpointsOnlyTheAuditTells()
    {
        Rsip("192.0.2.1:2427", "aaln/*@gw1.example.net", "restart");
        Rsip("192.0.2.1:2427", "aaln/1@gw1.example.net", "forced");
        Assert.That(done, Is.EqualTo(new[] { "ask gw1 Restart", "ask gw1 Restart" }));
    }

    [Test]
    public void WhoLostItsCallAgentIsAskedAtOnce()
    {
        Rsip("192.0.2.1:2427", "*@gw1.example.net", "disconnected");
        Assert.That(done, Is.EqualTo(new[] { "ask gw1 Reconnect" }));
    }

    [TestCase("graceful")]
    [TestCase("cancel-graceful")]
    public void NothingIsLostYet(string method)
    {
        var replies = Rsip("192.0.2.1:2427", "*@gw1.example.net", method);
        Assert.That(done, Is.Empty);
        Assert.That(replies.Single(), Does.StartWith($"200 {transaction} "));
    }

    [Test]
    public void ARepetitionIsAnsweredAndNotTakenAgain()
    {
        var first = Rsip("192.0.2.1:2427", "*@gw1.example.net", "restart");
        transaction--;
        var second = Rsip("192.0.2.1:2427", "*@gw1.example.net", "restart");
        Assert.That(second, Is.EqualTo(first));
        Assert.That(done, Has.Count.EqualTo(2));
    }

    [TestCase("198.51.100.7:2427")]
    [TestCase("192.0.2.4:2427")]
    public void StrangersAreDroppedAndCounted(string from)
    {
        Assert.That(Rsip(from, "*@gw1.example.net", "restart"), Is.Empty);
        Assert.That(done, Is.Empty);
        Assert.That((counters.Strangers, counters.Taken), Is.EqualTo((1, 0)));
    }

    [Test]
    public void OfSeveralAtOneAddressTheOneAtThatPortIsMeant()
    {
        Rsip("192.0.2.2:2428", "*@gw3.example.net", "restart");
        Assert.That(done, Is.EqualTo(new[] { "restarted gw3 now", "ask gw3 Restart" }));
        done.Clear();
        Rsip("192.0.2.2:40000", "*@gw3.example.net", "restart");
        Assert.That(
            done,
            Is.EqualTo(new[] { "ask gw2 Restart", "ask gw3 Restart" }),
            "all are asked, none is noted"
        );
    }

    [Test]
    public void NoiseIsCounted()
    {
        Assert.That(Mgcp("192.0.2.1:2427", "GET / HTTP/1.1\r\n\r\n"), Is.Empty);
        Assert.That((counters.Unreadable, counters.Taken), Is.EqualTo((1, 0)));
    }

    // coldStart, warmStart and linkDown in SNMPv1; enterprise and agent do not matter.
    private const string V1 =
        "30 2B 02 01 00 04 06 70 75 62 6C 69 63 A4 1E 06 0A 2B 06 01 04 01 BF 08 03 02 0A "
        + "40 04 C0 00 02 01 02 01 {0} 02 01 00 43 02 04 D2 30 00";

    [TestCase("00", true)]
    [TestCase("01", true)]
    [TestCase("02", false)]
    public void AStartHasItsGatewayAsked(string generic, bool asks)
    {
        var replies = Trap("192.0.2.4:161", V1.Replace("{0}", generic));
        Assert.That(done, asks ? Is.EqualTo(new[] { "ask sw4 Restart" }) : Is.Empty);
        Assert.That((replies.Count, counters.Taken), Is.EqualTo((0, 1)));
    }

    [Test]
    public void ATrapComesFromAnyPortAndAsksAllAtItsAddress()
    {
        Trap("192.0.2.1:50000", V1.Replace("{0}", "00"));
        Assert.That(done, Is.EqualTo(new[] { "ask gw1 Restart", "ask sw1 Restart" }));
    }

    [Test]
    public void ATrapOfAStrangerOrOneThatCannotBeReadAsksNobody()
    {
        Trap("198.51.100.7:161", V1.Replace("{0}", "00"));
        Trap("192.0.2.4:161", "30 01");
        Assert.That(done, Is.Empty);
        Assert.That((counters.Strangers, counters.Unreadable), Is.EqualTo((1, 1)));
    }

    [Test]
    public void AnInformIsAnswered()
    {
        var replies = Trap(
            "192.0.2.4:50000",
            "30 27 02 01 01 04 01 70 A6 1F 02 01 07 02 01 00 02 01 00 30 14 "
                + "30 12 06 0A 2B 06 01 06 03 01 01 04 01 00 06 04 2B 06 01 06"
        );
        Assert.That(replies.Single()[8], Is.EqualTo(0xA2), "a Response");
    }

    [Test]
    public void AGatewayIsHeardFromWhereItAnswersToo()
    {
        Enter("gw8", "mgcp://192.0.2.80?replies=192.0.2.81");
        Rsip("192.0.2.81:2427", "*@gw8", "disconnected");
        Rsip("192.0.2.80:2427", "*@gw8", "disconnected");
        Assert.That((done.Count, counters.Strangers), Is.EqualTo((2, 0)));
        addresses.Leave(addresses.At(IPAddress.Parse("192.0.2.81")).Single().Gateway);
        Assert.That(addresses.At(IPAddress.Parse("192.0.2.80")), Is.Empty);
        Assert.That(addresses.At(IPAddress.Parse("192.0.2.81")), Is.Empty);
    }

    [Test]
    public void ANameCountsWhenItWasLookedUpAndMovesWithIt()
    {
        var gateway = Gateways.At("gw9", "mgcp://gw9.example.net");
        addresses.Enter(gateway, null);
        Rsip("192.0.2.9:2427", "*@gw9", "disconnected");
        Assert.That(done, Is.Empty);
        addresses.Move(gateway, new(IPEndPoint.Parse("192.0.2.9:2427")));
        Rsip("192.0.2.9:2427", "*@gw9", "disconnected");
        Assert.That(done, Has.Count.EqualTo(1));
        addresses.Move(gateway, new(IPEndPoint.Parse("192.0.2.10:2427")));
        Rsip("192.0.2.9:2427", "*@gw9", "disconnected");
        Rsip("192.0.2.10:2427", "*@gw9", "disconnected");
        Assert.That((done.Count, counters.Strangers), Is.EqualTo((2, 2)));
        addresses.Leave(gateway);
        addresses.Move(gateway, new(IPEndPoint.Parse("192.0.2.9:2427")));
        Assert.That(addresses.At(IPAddress.Parse("192.0.2.9")), Is.Empty, "it is not asked any more");
        Assert.That(addresses.At(IPAddress.Parse("192.0.2.10")), Is.Empty);
    }
}
