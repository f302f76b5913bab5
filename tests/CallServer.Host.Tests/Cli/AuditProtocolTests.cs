using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace CallServer.Host.Tests.Cli;

/// <summary>
/// What <c>callserver audit</c> says when gateways of the other protocols are absent, silent, or refuse.
/// </summary>
[TestFixture]
internal sealed class AuditProtocolTests
{
    private static int ClosedPort(SocketType type)
    {
        using var socket = new Socket(
            AddressFamily.InterNetwork,
            type,
            type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp
        );
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static Socket Udp()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    [TestCase("mgcp://127.0.0.1:{0}", SocketType.Dgram, "nothing listens on that UDP port")]
    [TestCase("ng://127.0.0.1:{0}", SocketType.Dgram, "nothing listens on that UDP port")]
    [TestCase("sip:u@127.0.0.1:{0};transport=udp", SocketType.Dgram, "nothing listens on that UDP port")]
    [TestCase("sip:u@127.0.0.1:{0};transport=tcp", SocketType.Stream, "nothing listens on that TCP port")]
    [TestCase("ng+tcp://127.0.0.1:{0}", SocketType.Stream, "nothing listens on that TCP port")]
    [TestCase("ng+http://127.0.0.1:{0}", SocketType.Stream, "nothing listens on that TCP port")]
    public async Task A_closed_port_is_said(string uri, SocketType type, string says)
    {
        var text = string.Format(null, uri, ClosedPort(type));
        var run = await CliRun.Of("audit", text, "--timeout", "1s", "--json");
        using var audit = JsonDocument.Parse(run.Lines.Single());
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(2), run.Error);
            Assert.That(run.Complaints.Single(), Does.Contain(says));
            Assert.That(audit.RootElement.GetProperty("uri").GetString(), Is.EqualTo(text));
            Assert.That(
                audit.RootElement.GetProperty("protocol").GetString(),
                Is.EqualTo(text[..text.IndexOf(':')].Split('+')[0])
            );
        });
    }

    [TestCase("mgcp://127.0.0.1:{0}", "which call agents it answers")]
    [TestCase("ng://127.0.0.1:{0}", "ng+tcp://")]
    [TestCase("sip:u@127.0.0.1:{0};transport=udp", "the other ;transport=")]
    public async Task A_silent_gateway_is_exit_2_with_what_to_try(string uri, string says)
    {
        using var silent = Udp();
        var port = ((IPEndPoint)silent.LocalEndPoint!).Port;
        var run = await CliRun.Of("audit", string.Format(null, uri, port), "--timeout", "1s");
        Assert.That(run.Status, Is.EqualTo(2), run.Error);
        Assert.That(run.Complaints.Single(), Does.StartWith($"127.0.0.1:{port}: silent: ").And.Contain(says));
    }

    [TestCase(404, "")]
    [TestCase(200, "no ng message")]
    public async Task A_web_server_of_another_kind_is_no_rtpengine(int status, string body)
    {
        await using var web = await StubServer.StartAsync(_ => (status, body));
        var port = new Uri(web.Address).Port;
        var run = await CliRun.Of("audit", $"ng+http://127.0.0.1:{port}", "--timeout", "1s");
        Assert.That(run.Status, Is.EqualTo(2), run.Error);
        Assert.That(
            run.Complaints.Single(),
            status == 404 ? Does.Contain("POST /ng there (HTTP status 404)") : Does.Contain("silent: ")
        );
        Assert.That(web.Requests, Has.All.EqualTo("/ng"));
    }

    [TestCase("", "404 Not Found", "the user before the @")]
    [TestCase("", "403 Forbidden", "another user in from=")]
    [TestCase("", "503 Service Unavailable", "the gateway's log")]
    [TestCase("", "401 Unauthorized", "?from=sip:WHO@DOMAIN")]
    [TestCase("?from=sip:w@example.net", "401 Unauthorized", "--auth-from")]
    [TestCase("", "405 Method Not Allowed", "its presence server")]
    [TestCase("", "489 Bad Event", "offers dialog-info")]
    public async Task A_refusal_over_SIP_names_its_cause_and_what_to_try(
        string options,
        string status,
        string says
    )
    {
        var (run, port) = await AuditAsync(
            $"sip:u@127.0.0.1:{{0}};transport=udp{options}",
            request => Refusal(request, status)
        );
        Assert.That(
            run.Complaints.Single(),
            Does.StartWith($"127.0.0.1:{port}: refused: {status}").And.Contain(says)
        );
    }

    [TestCase("500 {0} unknown endpoint", "endpoints=")]
    [TestCase("510 {0} protocol error", "version=0.1")]
    [TestCase("521 {0} redirected", "which call agent controls it")]
    [TestCase("528 {0} incompatible protocol version", "version=0.1")]
    [TestCase("502 {0} no resources", "takes commands of this call agent")]
    public async Task A_refusal_over_MGCP_names_its_cause_and_what_to_try(string response, string says)
    {
        var (run, port) = await AuditAsync(
            "mgcp://127.0.0.1:{0}",
            request => string.Format(null, response, request.Split(' ')[1]) + "\r\n"
        );
        Assert.That(
            run.Complaints.Single(),
            Does.StartWith($"127.0.0.1:{port}: refused: ").And.Contain($" {response[..3]} ").And.Contain(says)
        );
    }

    /// <summary>Audits a gateway that answers every request in the same way, and expects exit status 2.</summary>
    private static async Task<(CliRun Run, int Port)> AuditAsync(string uri, Func<string, string> respond)
    {
        using var gateway = Udp();
        using var stop = new CancellationTokenSource();
        var answering = AnswerAsync(gateway, respond, stop.Token);
        var port = ((IPEndPoint)gateway.LocalEndPoint!).Port;
        var run = await CliRun.Of("audit", string.Format(null, uri, port), "--timeout", "5s");
        await stop.CancelAsync();
        await answering;
        Assert.That(run.Status, Is.EqualTo(2), run.Error);
        return (run, port);
    }

    /// <summary>A final response with this status to a SIP request.</summary>
    private static string Refusal(string request, string status)
    {
        string[] copied = ["Via", "From", "To", "Call-ID", "CSeq"];
        var kept = request
            .Split("\r\n")
            .Where(line => copied.Any(name => line.StartsWith(name + ":", StringComparison.Ordinal)))
            .Select(line => line.StartsWith("To:", StringComparison.Ordinal) ? line + ";tag=there" : line);
        return string.Join(
            "\r\n",
            [
                $"SIP/2.0 {status}",
                .. kept,
                "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
                "Content-Length: 0",
                "",
                "",
            ]
        );
    }

    private static async Task AnswerAsync(
        Socket gateway,
        Func<string, string> respond,
        CancellationToken cancel
    )
    {
        var buffer = new byte[4096];
        var any = new IPEndPoint(IPAddress.Any, 0);
        try
        {
            while (true)
            {
                var got = await gateway.ReceiveFromAsync(buffer, SocketFlags.None, any, cancel);
                var response = respond(Encoding.UTF8.GetString(buffer, 0, got.ReceivedBytes));
                await gateway.SendToAsync(
                    Encoding.UTF8.GetBytes(response),
                    SocketFlags.None,
                    got.RemoteEndPoint,
                    cancel
                );
            }
        }
        catch (OperationCanceledException)
        {
            // Cancelled.
        }
    }
}
