using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>tshark reads every message that the audit sends.</summary>
internal sealed class WireTests : AuditTest
{
    [Test]
    public async Task Tshark_decodes_every_v2c_message()
    {
        var agent = await SnmpdPeer.StartAsync(Scope, await CiscoCalls.MakeAsync(Scope, 200));
        var capture = await Capture.StartAsync(Scope, agent.Port);

        var audit = await CompleteAsync(V2c(agent.Port));

        await capture.CheckAsync(user: null);
        var sent = await capture.CountAsync($"udp.dstport == {agent.Port} && snmp.variable_bindings", null);
        Assert.That(sent, Is.GreaterThanOrEqualTo(audit.Requests));
    }

    [Test]
    public async Task Tshark_authenticates_and_decrypts_every_v3_message()
    {
        var agent = await SnmpdPeer.StartAsync(Scope, await CiscoCalls.MakeAsync(Scope, 200));
        var capture = await Capture.StartAsync(Scope, agent.Port);
        var credentials = new Credentials(Auth: SnmpdPeer.AuthPassphrase, Priv: SnmpdPeer.PrivPassphrase);

        await CompleteAsync(V3(agent.Port, "u256", "auth=sha256&priv=aes128"), credentials);

        await capture.CheckAsync(Capture.U256);
        var encrypted = await capture.CountAsync("snmp.encryptedPDU", Capture.U256);
        var opened = await capture.CountAsync("snmp.encryptedPDU && snmp.variable_bindings", Capture.U256);
        Assert.That(encrypted, Is.GreaterThan(4));
        Assert.That(opened, Is.EqualTo(encrypted), "decrypted");
        var forged = await capture.CountAsync("snmp.v3.auth == 0", Capture.U256);
        Assert.That(forged, Is.Zero, "authenticated");
    }
}
