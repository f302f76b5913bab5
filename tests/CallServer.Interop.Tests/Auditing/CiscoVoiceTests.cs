using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>
/// A real agent serves calls; the audit lists all of them, proves that it did, and bounds every time.
/// </summary>
internal sealed class CiscoVoiceTests : AuditTest
{
    private static readonly Credentials Both = new(
        Auth: SnmpdPeer.AuthPassphrase,
        Priv: SnmpdPeer.PrivPassphrase
    );

    [Test]
    public async Task Snmpd_with_1000_calls_is_told_whole_and_within_200_ms()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 1000);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);

        // A start is only as exact as its reply was prompt. Other work on this machine may delay one audit, but not
        // all of them.
        var exact = false;
        for (var look = 0; look < 3 && !exact; look++)
        {
            var audit = await CompleteAsync(V2c(agent.Port));
            Listing.AssertFacts(audit, calls, agent.TimeBase);
            Listing.AssertTimes(audit, calls, agent.TimeBase);
            exact = Listing.IsExact(audit);
        }

        Assert.That(exact, "a start is not narrower than 200 ms");
    }

    [TestCase("u256", "auth=sha256&priv=aes128", true)]
    [TestCase("usha", "auth=sha1&priv=aes128", true)]
    [TestCase("unoprv", "auth=sha256", false)]
    public async Task Snmpd_over_v3_tells_the_same(string user, string options, bool encrypted)
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 1000, seed: 2);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var credentials = encrypted ? Both : Both with { Priv = null };

        var audit = await CompleteAsync(V3(agent.Port, user, options), credentials);

        Listing.AssertFacts(audit, calls, agent.TimeBase);
        Listing.AssertTimes(audit, calls, agent.TimeBase);
    }

    [Test]
    public async Task An_agent_that_cuts_its_replies_short_is_told_whole()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 200);
        var agent = await SnmpdPeer.StartAsync(Scope, calls, configuration: "maxGetbulkResponses 10");
        await AssertWholeAsync(agent, calls);
    }

    // 347 days: stamps beyond 2^31. An hour: older calls were set up before the counter's last wrap. A second before
    // 2^32 centiseconds: the counter wraps during the audit.
    [TestCase(3_000_000_000u)]
    [TestCase(360_000u)]
    [TestCase(4_294_967_196u)]
    public async Task Any_uptime_bounds_the_true_times(uint uptime)
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 200);
        var agent = await SnmpdPeer.StartAsync(Scope, calls, uptime);
        await AssertWholeAsync(agent, calls);
    }

    [Test]
    public async Task A_gateway_without_calls_is_complete_and_empty()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 0);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var audit = await CompleteAsync(V2c(agent.Port));
        Assert.That(audit.Connections, Is.Empty);
    }

    [Test]
    public async Task Without_a_profile_the_answers_choose_it()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 20);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var audit = await CompleteAsync($"snmp://127.0.0.1:{agent.Port}");
        Listing.AssertFacts(audit, calls, agent.TimeBase);
    }

    [Test]
    public async Task Snmpsim_tells_the_same_calls()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 200);
        var agent = await SnmpsimPeer.StartAsync(Scope, calls);
        var audit = await CompleteAsync(V2c(agent.Port));
        Listing.AssertFacts(audit, calls, agent.TimeBase);
        Listing.AssertTimes(audit, calls, agent.TimeBase);
    }

    private async Task AssertWholeAsync(SnmpdPeer agent, CiscoCalls calls)
    {
        var audit = await CompleteAsync(V2c(agent.Port));
        Listing.AssertFacts(audit, calls, agent.TimeBase);
        Listing.AssertTimes(audit, calls, agent.TimeBase);
    }
}
