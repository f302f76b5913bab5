using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>MGCP: a third-party gateway that lists nothing, and our own as tshark reads it.</summary>
internal sealed class MgcpTests : AuditTest
{
    private static readonly string[] ListsNothing = ["does-not-list-connections"];

    [Test]
    public async Task Osmo_mgw_is_called_what_it_is()
    {
        var gateway = await OsmoMgwPeer.StartAsync(Scope);
        await gateway.ConnectAsync(3);

        var audited = await AuditAsync([$"mgcp://{gateway.EndPoint}?endpoints={OsmoMgwPeer.Endpoints}"]);

        Assert.Multiple(() =>
        {
            Assert.That(audited.Process.ExitCode, Is.EqualTo(1), Brief(audited));
            Assert.That(audited.Lines[0].Complete, Is.False);
            Assert.That(audited.Lines[0].Reasons, Is.EqualTo(ListsNothing));
            Assert.That(audited.Lines[0].Connections, Is.Empty);
        });
    }

    [Test]
    public async Task A_gateway_that_goes_by_another_name_refuses_and_the_way_out_is_told()
    {
        var gateway = await OsmoMgwPeer.StartAsync(Scope);

        var audited = await AuditAsync([$"mgcp://{gateway.EndPoint}"]);

        Assert.Multiple(() =>
        {
            Assert.That(audited.Process.ExitCode, Is.EqualTo(2), Brief(audited));
            Assert.That(audited.Complaints, Has.Count.EqualTo(1));
            Assert.That(audited.Process.Errors, Does.Contain("500").And.Contain("endpoints="));
        });
    }

    [TestCase("")]
    [TestCase("mgcp:no-bulk-audit")]
    [TestCase("mgcp:provisional-every=5")]
    public async Task Tshark_decodes_every_command_of_an_audit(string vice)
    {
        const int connections = 60;
        var port = await SimulateAsync("mgcp", connections, vice);
        var capture = await Capture.StartAsync(Scope, port);

        var audited = await AuditAsync([$"mgcp://127.0.0.1:{port}"]);

        Assert.That(audited.Process.ExitCode, Is.Zero, Brief(audited));
        Assert.That(audited.Lines[0].Connections, Has.Count.EqualTo(connections));
        await capture.CheckAsync(user: null, "mgcp");
        var sent = $"udp.dstport == {port}";
        var audits = await capture.CountAsync($"{sent} && mgcp.req.verb == \"AUCX\"", null, "mgcp");
        var commands = await capture.CountAsync($"{sent} && mgcp.req", null, "mgcp");
        var all = await capture.CountAsync(sent, null, "mgcp");
        var acknowledgements = await capture.CountAsync($"{sent} && mgcp.rsp.rspcode == 0", null, "mgcp");
        Assert.Multiple(() =>
        {
            Assert.That(audits, Is.GreaterThanOrEqualTo(connections));
            Assert.That(commands + acknowledgements, Is.EqualTo(all));
            Assert.That(all, Is.GreaterThanOrEqualTo(audited.Lines[0].Requests));
            Assert.That(
                acknowledgements > 0,
                Is.EqualTo(vice.Contains("provisional", StringComparison.Ordinal))
            );
        });
    }
}
