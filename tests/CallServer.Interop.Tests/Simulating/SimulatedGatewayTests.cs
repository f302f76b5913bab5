using System.Globalization;
using CallServer.Interop.Auditing;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Simulating;

/// <summary>
/// net-snmp's client and tshark read our own simulated gateway: whoever tries things on it tries them on real SNMP.
/// </summary>
internal sealed class SimulatedGatewayTests : PeerTest
{
    private const int Connections = 100;

    [Test]
    public async Task Net_snmp_and_tshark_read_it_over_v2c()
    {
        var port = await StartAsync(Credentials.None);
        var capture = await Capture.StartAsync(Scope, port);
        Assert.That(
            await NetSnmp.WalkCallsAsync(Scope, port, NetSnmp.Public),
            Has.Count.EqualTo(Connections)
        );
        await capture.CheckAsync(user: null);
    }

    [Test]
    public async Task Net_snmp_and_tshark_read_it_over_v3()
    {
        var secrets = new Credentials(Auth: SnmpdPeer.AuthPassphrase, Priv: SnmpdPeer.PrivPassphrase);
        var port = await StartAsync(secrets, "--user", "u256", "--auth", "sha256", "--priv", "aes128");
        var capture = await Capture.StartAsync(Scope, port);
        Assert.That(await NetSnmp.WalkCallsAsync(Scope, port, NetSnmp.U256), Has.Count.EqualTo(Connections));
        await capture.CheckAsync(Capture.U256);
        Assert.That(
            await capture.CountAsync("snmp.encryptedPDU && !snmp.variable_bindings", Capture.U256),
            Is.Zero,
            "not decrypted"
        );
        Assert.That(await capture.CountAsync("snmp.v3.auth == 0", Capture.U256), Is.Zero, "not authentic");
    }

    private async Task<int> StartAsync(Credentials secrets, params string[] options)
    {
        string[] arguments = ["gateway", "--snmp", "0", "--connections", $"{Connections}", .. options];
        var gateway = CallServerProcess.Start(Scope, [.. arguments, .. secrets.Options], secrets.Variables);
        const string host = "127.0.0.1:";
        var line = await gateway.LineAsync(line => line.Contains(host, StringComparison.Ordinal));
        var digits = line[(line.IndexOf(host, StringComparison.Ordinal) + host.Length)..]
            .TakeWhile(char.IsAsciiDigit);
        return int.Parse(string.Concat(digits), CultureInfo.InvariantCulture);
    }
}
