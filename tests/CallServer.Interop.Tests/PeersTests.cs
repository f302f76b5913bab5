using CallServer.Interop.Peers;

namespace CallServer.Interop;

/// <summary>
/// Tests the peers themselves with net-snmp's client: a failure here is no fault of the program under test.
/// </summary>
internal sealed class PeersTests : PeerTest
{
    [Test]
    public async Task Snmpd_serves_every_call()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 100);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        Assert.That(await WalkAsync(agent.Port), Has.Count.EqualTo(100));

        var left = calls.Without(calls.Truth.Take(30));
        await agent.ServeAsync(left, version: 1);
        Assert.That(await WalkAsync(agent.Port), Has.Count.EqualTo(70));
    }

    [Test]
    public async Task Snmpsim_serves_every_call()
    {
        var calls = await CiscoCalls.MakeAsync(Scope, 100);
        var agent = await SnmpsimPeer.StartAsync(Scope, calls);
        Assert.That(await WalkAsync(agent.Port), Has.Count.EqualTo(100));
    }

    [Test]
    public async Task Freeradius_takes_what_its_own_client_sends()
    {
        var server = await FreeradiusPeer.StartAsync(Scope);
        var packet = Scope.PathOf("packet.txt");
        await File.WriteAllTextAsync(packet, "Acct-Status-Type = Stop\nAcct-Session-Id = \"a\"\n");
        string[] client = ["-f", packet, "-t", "2", $"127.0.0.1:{server.Port}", "acct", server.Secret];
        await Scope.RunAsync(Programs.Find("radclient"), client);
        await server.KillAsync();
        await server.StartAgainAsync();
        await Scope.RunAsync(Programs.Find("radclient"), client);
        var records = await server.RecordsAsync();
        Assert.That(string.Join(' ', records.Select(record => record.Session)), Is.EqualTo("a a"));
    }

    [Test]
    public async Task A_cut_proxy_passes_so_many_replies_and_then_none()
    {
        var agent = await SnmpdPeer.StartAsync(Scope, await CiscoCalls.MakeAsync(Scope, 1));
        var proxy = Scope.Own(new UdpProxy(agent.Port));
        proxy.CutAfter(1);
        Assert.That(await SnmpGet.TryAsync(proxy.Port, SnmpGet.Load), Is.Not.Null);
        Assert.That(await SnmpGet.TryAsync(proxy.Port, SnmpGet.Load), Is.Null);
        proxy.Restore();
        Assert.That(await SnmpGet.TryAsync(proxy.Port, SnmpGet.Load), Is.Not.Null);
        Assert.That((proxy.Requests, proxy.Replies), Is.EqualTo((3, 2)));
    }

    [Test]
    public async Task Tshark_reads_a_walk_and_objects_to_noise()
    {
        var agent = await SnmpdPeer.StartAsync(Scope, await CiscoCalls.MakeAsync(Scope, 10));
        var walk = await Capture.StartAsync(Scope, agent.Port);
        await WalkAsync(agent.Port);
        await walk.CheckAsync(user: null);

        var noise = await Capture.StartAsync(Scope, agent.Port);
        using (var socket = new System.Net.Sockets.UdpClient("127.0.0.1", agent.Port))
            await socket.SendAsync("0123456789"u8.ToArray());
        Assert.That(async () => await noise.CheckAsync(user: null), Throws.InstanceOf<AssertionException>());
    }

    private Task<IReadOnlyList<string>> WalkAsync(int port) =>
        NetSnmp.WalkCallsAsync(Scope, port, NetSnmp.Public);
}
