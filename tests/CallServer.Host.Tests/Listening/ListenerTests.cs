using System.Net;
using System.Net.Sockets;
using System.Text;
using CallServer.Host.Tests.Storage;
using CallServer.Host.Tests.Web;
using CallServer.Server.Configuration;

namespace CallServer.Host.Tests.Listening;

/// <summary>A whole server whose gateway sends messages unasked, over real sockets on loopback.</summary>
[CancelAfter(20_000)]
public sealed class ListenerTests
{
    private TestDirectory directory = null!;
    private TestGateways gateways = null!;

    [SetUp]
    public void Begin()
    {
        directory = new TestDirectory();
        gateways = new TestGateways();
    }

    [TearDown]
    public void End() => directory.Dispose();

    private async Task<TestServer> StartAsync(CancellationToken cancel)
    {
        var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    MgcpListener = new IPEndPoint(IPAddress.Loopback, 0),
                    TrapListener = new IPEndPoint(IPAddress.Loopback, 0),
                    Gateways = [Tests.Gateways.At("gw1", "mgcp://127.0.0.1:1", TimeSpan.FromHours(1))],
                }
        );
        await server.UntilAsync(runtime => runtime.Ledger.Find("gw1")?.Record.Count == 2, cancel);
        return server;
    }

    private static Socket Gateway()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    [Test]
    public async Task ARestartIsAnsweredNotedAndFollowedByAnAudit(CancellationToken cancel)
    {
        gateways.Connections[1] = [1, 2];
        await using var server = await StartAsync(cancel);
        // Since the restart it carries another connection.
        gateways.Connections[1] = [3];
        using var gateway = Gateway();
        await gateway.SendToAsync(
            Encoding.ASCII.GetBytes("RSIP 1201 *@gw1.example.net MGCP 1.0\r\nRM: restart\r\n"),
            SocketFlags.None,
            server.Runtime.Listeners!.Mgcp!.Local,
            cancel
        );
        var answer = new byte[100];
        var length = await gateway.ReceiveAsync(answer, cancel);
        Assert.That(Encoding.ASCII.GetString(answer, 0, length), Does.StartWith("200 1201 "));

        await server.UntilAsync(
            runtime => runtime.Ledger.Find("gw1")?.Record is { Count: 1, UnconfirmedCount: 0 },
            cancel
        );
        var cdrs = (await server.GetAsync("v1/cdrs", cancel)).GetProperty("items").EnumerateArray().ToList();
        Assert.That(
            cdrs.Select(cdr => cdr.GetProperty("end_evidence").GetString()),
            Is.EqualTo(new[] { "gateway-restart", "gateway-restart" })
        );
        var metrics = await server.Http.GetStringAsync(new Uri("metrics", UriKind.Relative), cancel);
        Assert.That(
            metrics,
            Does.Contain("callserver_listener_datagrams_total{listener=\"mgcp\",result=\"taken\"} 1")
                .And.Contain("callserver_notices_total{kind=\"restart\",listener=\"mgcp\"} 1")
                .And.Contain("callserver_changes_total{kind=\"gateway-restarted\"} 1")
        );
    }

    [Test]
    public async Task AColdStartIsFollowedByAnAudit(CancellationToken cancel)
    {
        gateways.Connections[1] = [1, 2];
        await using var server = await StartAsync(cancel);
        gateways.Connections[1] = [1, 2, 3];
        using var gateway = Gateway();
        await gateway.SendToAsync(
            Convert.FromHexString(
                "302B02010004067075626C6963A41E060A2B06010401BF0803020A4004C0000201020100020100430204D23000"
            ),
            SocketFlags.None,
            server.Runtime.Listeners!.Traps!.Local,
            cancel
        );
        await server.UntilAsync(runtime => runtime.Ledger.Find("gw1")?.Record.Count == 3, cancel);
    }

    [Test]
    public async Task APortThatIsTakenIsAMistakeOfTheConfiguration(CancellationToken cancel)
    {
        using var taken = Gateway();
        var thrown = Assert.ThrowsAsync<ConfigurationException>(async () =>
        {
            await using var server = await TestServer.StartAsync(
                directory,
                gateways,
                configuration => configuration with { MgcpListener = (IPEndPoint)taken.LocalEndPoint! }
            );
        });
        Assert.That(thrown!.Message, Does.Contain("listeners.mgcp: cannot listen on 127.0.0.1:"));
        await Task.CompletedTask;
    }
}
