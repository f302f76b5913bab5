using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>A gateway that refuses or is silent: exit 2, and one line that names the cause and what to try.</summary>
internal sealed class RefusalTests : AuditTest
{
    private const string Timeout = "2s";

    [Test]
    public async Task A_wrong_passphrase_is_told_from_a_wrong_user_and_a_wrong_level()
    {
        var agent = await SnmpdPeer.StartAsync(Scope, await CiscoCalls.MakeAsync(Scope, 5));
        var right = new Credentials(Auth: SnmpdPeer.AuthPassphrase, Priv: SnmpdPeer.PrivPassphrase);
        var wrongAuth = right with { Auth = "not-the-passphrase-1" };
        var wrongPriv = right with { Priv = "not-the-passphrase-2" };
        var authOnly = right with { Priv = null };
        const string encrypted = "auth=sha256&priv=aes128";

        await AssertRefusedAsync(V3(agent.Port, "u256", encrypted), wrongAuth, "passphrase", "--auth-from");
        await AssertRefusedAsync(V3(agent.Port, "u256", encrypted), wrongPriv, "passphrase", "--priv-from");
        await AssertRefusedAsync(V3(agent.Port, "nobody", encrypted), right, "user", "nobody");
        await AssertRefusedAsync(V3(agent.Port, "unoprv", encrypted), right, "level", "priv=");
        await AssertRefusedAsync(V3(agent.Port, "u256", "auth=sha256"), authOnly, "without privacy", "priv=");
    }

    [Test]
    public async Task A_wrong_community_meets_silence()
    {
        var agent = await SnmpdPeer.StartAsync(Scope, await CiscoCalls.MakeAsync(Scope, 5));
        var wrong = new Credentials(Community: "not-the-community");
        await AssertRefusedAsync(V2c(agent.Port), wrong, "no answer", "--community-from");
    }

    [Test]
    public async Task A_closed_port_is_told_from_silence() =>
        await AssertRefusedAsync(V2c(FreePort.Udp()), Credentials.None, "nothing listens", "port");

    [Test]
    public async Task A_silent_agent_is_given_up()
    {
        var agent = Scope.Own(new SilentAgent());
        await AssertRefusedAsync(V2c(agent.Port), Credentials.None, "no answer", "--community-from");
    }

    [Test]
    public async Task A_silent_v3_agent_is_given_up()
    {
        var agent = Scope.Own(new SilentAgent());
        var credentials = new Credentials(Auth: SnmpdPeer.AuthPassphrase);
        await AssertRefusedAsync(V3(agent.Port, "u256", "auth=sha256"), credentials, "no answer", "try");
    }

    private async Task AssertRefusedAsync(string uri, Credentials credentials, params string[] told)
    {
        var audited = await AuditAsync([uri], credentials, "--timeout", Timeout);
        TestContext.Out.WriteLine(audited.Process.Errors.Trim());
        Assert.Multiple(() =>
        {
            Assert.That(audited.Process.ExitCode, Is.EqualTo(2), Brief(audited));
            Assert.That(audited.Complaints, Has.Count.EqualTo(1));
            foreach (var word in told)
                Assert.That(audited.Process.Errors, Does.Contain(word));
            Assert.That(audited.Lines, Has.Count.EqualTo(1));
            Assert.That(audited.Lines[0].Complete, Is.False);
            Assert.That(audited.Lines[0].Reasons, Is.Not.Empty);
            Assert.That(audited.Lines[0].Connections, Is.Empty);
        });
    }
}
