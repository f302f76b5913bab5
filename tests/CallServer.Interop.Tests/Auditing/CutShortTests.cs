using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>An agent that dies during an audit, and several gateways at once.</summary>
internal sealed class CutShortTests : AuditTest
{
    // Six requests take 83 % of it, and more on a busy machine.
    private const string Timeout = "5s";

    [Test]
    public async Task An_agent_that_dies_in_mid_walk_leaves_a_partial_audit()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 300);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var proxy = Scope.Own(new UdpProxy(agent.Port));
        proxy.CutAfter(8);

        var audited = await AuditAsync([V2c(proxy.Port)], null, "--timeout", Timeout);

        Assert.That(audited.Process.ExitCode, Is.EqualTo(1), Brief(audited));
        AssertCutShort(audited.Lines.Single(), calls);
    }

    [Test]
    public async Task Several_gateways_are_told_in_the_order_given_and_the_worst_decides()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 300);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var dying = Scope.Own(new UdpProxy(agent.Port));
        dying.CutAfter(8);
        var silent = Scope.Own(new SilentAgent());

        string[] uris = [V2c(silent.Port), V2c(dying.Port), V2c(agent.Port)];
        var audited = await AuditAsync(uris, null, "--timeout", Timeout);

        Assert.That(audited.Process.ExitCode, Is.EqualTo(2), Brief(audited));
        Assert.That(audited.Lines.Select(line => line.Uri), Is.EqualTo(uris));
        Assert.That(audited.Lines[0].Connections, Is.Empty);
        AssertCutShort(audited.Lines[1], calls);
        Assert.That(audited.Lines[2].Complete);
        Listing.AssertFacts(audited.Lines[2], calls, agent.TimeBase);

        dying.CutAfter(8);
        var withoutSilent = await AuditAsync([uris[2], uris[1]], null, "--timeout", Timeout);
        Assert.That(withoutSilent.Process.ExitCode, Is.EqualTo(1), Brief(withoutSilent));
        Assert.That(withoutSilent.Lines[0].Complete);
        AssertCutShort(withoutSilent.Lines[1], calls);
    }

    private static void AssertCutShort(AuditLine line, CiscoCalls calls)
    {
        Assert.Multiple(() =>
        {
            Assert.That(line.Complete, Is.False);
            Assert.That(line.Proof, Is.Empty);
            Assert.That(line.Reasons, Has.Some.StartsWith("cut-short"));
            Assert.That(line.Connections, Is.Not.Empty, "what was learnt before is told");
            Assert.That(line.Connections, Has.Count.LessThan(calls.Truth.Count));
        });
    }
}
