using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CallServer.Host.Tests.Configuration;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CallServer.Host.Tests.Net;

/// <summary>Messages over HTTP, against a scripted server on loopback.</summary>
public sealed class HttpFleetTests : NetworkTests
{
    private static readonly HttpForm Ng = new("/ng", "application/x-rtpengine-ng", ErrorsAnswer: false);

    private Task<AuditOutcome> RunAsync(
        IPEndPoint gateway,
        TimeSpan timeout,
        int attempts,
        CancellationToken cancel,
        HttpForm? form = null
    ) =>
        new AuditRunner(Network, Clock, Loop).RunAsync(
            ScriptedAudit.Target("gw", timeout, attempts),
            new GatewayAddress(gateway, form ?? Ng),
            null,
            TimeSpan.FromSeconds(15),
            cancel
        );

    [Test]
    public async Task TheAnswersBodyIsTheReply(CancellationToken cancel)
    {
        await using var server = await Server.StartAsync((_, _) => (200, [ScriptedAudit.Mine, 1, 2, 3]));
        var outcome = await RunAsync(server.EndPoint, TimeSpan.FromSeconds(15), 1, cancel);
        Assert.That((outcome.Result.Complete, outcome.Result.Count), Is.EqualTo((true, 3)));
        Assert.That(
            server.Requests,
            Is.EqualTo(new[] { ("POST", "/ng", "application/x-rtpengine-ng", ScriptedAudit.Mine) })
        );
        Assert.That((Network.Http.Sent, Network.Http.Received), Is.EqualTo((1, 1)));
    }

    [TestCase(404)]
    [TestCase(500)]
    [TestCase(302)]
    public async Task AnyOtherStatusIsALoss(int status, CancellationToken cancel)
    {
        await using var server = await Server.StartAsync(
            (request, _) =>
                request == 1 ? (status, [ScriptedAudit.Mine, 9]) : (200, [ScriptedAudit.Mine, 1, 2])
        );
        var outcome = await RunAsync(server.EndPoint, TimeSpan.FromMilliseconds(200), 60, cancel);
        Assert.That(outcome.Result.Count, Is.EqualTo(2));
        Assert.That(Network.Http.Failures, Is.EqualTo(1));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task WhereErrorsAnswerTheirBodyIsTheReplyIfItIsOfTheRightType(
        bool isRight,
        CancellationToken cancel
    )
    {
        await using var server = await Server.StartAsync(
            (request, _) => request == 1 ? (500, [ScriptedAudit.Mine, 9]) : (200, [ScriptedAudit.Mine, 1, 2])
        );
        var form = new HttpForm("/RPC", isRight ? Ng.ContentType : "application/json", ErrorsAnswer: true);
        var outcome = await RunAsync(server.EndPoint, TimeSpan.FromMilliseconds(200), 60, cancel, form);
        Assert.That(outcome.Result.Count, Is.EqualTo(isRight ? 1 : 2));
        Assert.That(server.Requests.First().Path, Is.EqualTo("/RPC"));
    }

    [Test]
    public async Task AClosedPortIsALossAndSaidToWhoLooksOnce(CancellationToken cancel)
    {
        var nobody = Nobody();
        var outcome = await RunAsync(nobody, TimeSpan.FromMilliseconds(50), 2, cancel);
        Assert.That(outcome.Result.Silent);
        Assert.That(outcome.Result.Reasons.Single(), Does.EndWith("no answer; connection refused"));
        Assert.That(
            await Network.Http.FindFaultAsync(nobody, Ng, [1], cancel),
            Is.EqualTo("connection refused")
        );
    }

    [Test]
    public async Task AServerOfAnotherKindIsSaidToWhoLooksOnce(CancellationToken cancel)
    {
        await using var server = await Server.StartAsync((_, _) => (404, []));
        Assert.That(
            await Network.Http.FindFaultAsync(server.EndPoint, Ng, [1], cancel),
            Is.EqualTo("HTTP status 404")
        );
    }

    [Test]
    public async Task AnAnswerThatBelongsToNothingIsAStray(CancellationToken cancel)
    {
        await using var server = await Server.StartAsync(
            (request, _) => (200, request == 1 ? [1, 2, 3] : [ScriptedAudit.Mine])
        );
        var outcome = await RunAsync(server.EndPoint, TimeSpan.FromMilliseconds(200), 60, cancel);
        Assert.That(outcome.Result.Complete);
        Assert.That(Network.Http.Strays, Is.EqualTo(1));
    }

    [Test]
    public async Task AnAnswerThatIsTooLongIsNotReadAndNamesTheLimit(CancellationToken cancel)
    {
        await using var server = await Server.StartAsync(
            (request, _) => (200, request == 1 ? new byte[17 * 1024 * 1024] : [ScriptedAudit.Mine, 1])
        );
        var outcome = await RunAsync(server.EndPoint, TimeSpan.FromSeconds(15), 1, cancel);
        Assert.That(
            outcome.Result.Reasons,
            Is.EqualTo(new[] { "limit: polling.replyOctets: a reply of more than 8 MB" })
        );
        Assert.That(server.Requests, Has.Count.EqualTo(1));
    }

    [TestCase(200)]
    [TestCase(404)]
    [TestCase(503)]
    public async Task AMessageMayBeARequestOfItsOwnAndItsAnswerAResponseOfAnyStatus(
        int status,
        CancellationToken cancel
    )
    {
        await using var server = await Server.StartAsync((_, _) => (status, [1, 2, 3]));
        var answers = new Answers();
        using var channel = Network.Http.Open(server.EndPoint, HttpForm.Requests, answers);
        channel.Send(
            "GET /a/b%2Fc?d=(e) HTTP/1.1\r\nX-Request-Id: 7\r\nAuthorization: Basic eDp5\r\n\r\n"u8.ToArray()
        );
        var answer = await answers.First.WaitAsync(cancel);
        var text = System.Text.Encoding.Latin1.GetString(answer);
        Assert.That(text, Does.StartWith($"HTTP/1.1 {status} "));
        Assert.That(text, Does.Contain("X-Request-Id: 7\r\n"));
        Assert.That(text, Does.Contain($"Content-Type: {Ng.ContentType}\r\n"));
        Assert.That(text, Does.EndWith("\r\n\r\n\u0001\u0002\u0003"));
        var (method, path, _, _) = server.Requests.Single();
        Assert.That((method, path), Is.EqualTo(("GET", "/a/b%2Fc")));
    }

    [TestCase("pin", true)]
    [TestCase("another pin", false)]
    [TestCase("ca", true)]
    [TestCase("another ca", false)]
    [TestCase("ca, another name", false)]
    [TestCase("pin, another name", true)]
    [TestCase("no file", false)]
    [TestCase("machine", false)]
    public async Task OnlyTheCertificateThatIsNamedIsBelieved(
        string believed,
        bool isTaken,
        CancellationToken cancel
    )
    {
        using var folder = new TestDirectory();
        var (mine, key) = (folder.File("mine.pem"), folder.File("mine.key"));
        var (other, otherKey) = (folder.File("other.pem"), folder.File("other.key"));
        TestCertificate.Write(mine, key);
        TestCertificate.Write(other, otherKey);
        await using var server = await Server.StartAsync(
            (_, _) => (200, [ScriptedAudit.Mine, 1, 2]),
            X509Certificate2.CreateFromPemFile(mine, key)
        );
        var tls = believed.Split(',')[0] switch
        {
            "pin" => new GatewayTls(Sha256(mine), null),
            "another pin" => new GatewayTls(Sha256(other), null),
            "ca" => new GatewayTls(null, mine),
            "another ca" => new GatewayTls(null, other),
            "no file" => new GatewayTls(null, folder.File("none.pem")),
            _ => new GatewayTls(null, null),
        };
        var form = Ng with
        {
            Tls = tls,
            Name = believed.EndsWith("another name", StringComparison.Ordinal)
                ? "gw.example.net"
                : "localhost",
        };
        var fault = await Network.Http.FindFaultAsync(server.EndPoint, form, [1], cancel);
        Assert.That(fault, isTaken ? Is.Null : Does.Contain("certificate"));
        var patience = isTaken ? TimeSpan.FromSeconds(15) : TimeSpan.FromMilliseconds(50);
        var outcome = await RunAsync(server.EndPoint, patience, 1, cancel, form);
        Assert.That(outcome.Result.Complete, Is.EqualTo(isTaken));
        Assert.That(
            outcome.Result.Reasons,
            isTaken ? Is.Empty : Has.One.StartsWith("silent: no answer; ").And.One.Contains("certificate")
        );
        Assert.That(server.Requests, isTaken ? Is.Not.Empty : Is.Empty);
    }

    private static string Sha256(string file)
    {
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(file);
        return certificate.GetCertHashString(HashAlgorithmName.SHA256);
    }

    private sealed class Answers : IDatagramReceiver
    {
        private readonly TaskCompletionSource<byte[]> first = new(
            TaskCreationOptions.RunContinuationsAsynchronously
        );

        public Task<byte[]> First => first.Task;

        public void OnDatagram(Datagram datagram) => first.TrySetResult(datagram.Message);
    }

    private static IPEndPoint Nobody()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    private sealed class Server(WebApplication app) : IAsyncDisposable
    {
        private int count;

        public ConcurrentQueue<(string Method, string Path, string? Type, byte First)> Requests { get; } =
            new();

        public IPEndPoint EndPoint => new(IPAddress.Loopback, new Uri(app.Urls.Single()).Port);

        /// <summary>Starts a server; <paramref name="answer"/> gets the request's number and body.</summary>
        public static async Task<Server> StartAsync(
            Func<int, byte[], (int Status, byte[] Body)> answer,
            X509Certificate2? certificate = null
        )
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseKestrelHttpsConfiguration();
            builder.WebHost.ConfigureKestrel(kestrel =>
                kestrel.Listen(
                    IPAddress.Loopback,
                    0,
                    listen =>
                    {
                        if (certificate is not null)
                            listen.UseHttps(certificate);
                    }
                )
            );
            var app = builder.Build();
            var server = new Server(app);
            app.Run(async context =>
            {
                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body, context.RequestAborted);
                var request = context.Request;
                server.Requests.Enqueue(
                    (
                        request.Method,
                        request.Path.ToString(),
                        request.ContentType,
                        body.ToArray().FirstOrDefault()
                    )
                );
                var (status, octets) = answer(Interlocked.Increment(ref server.count), body.ToArray());
                context.Response.StatusCode = status;
                context.Response.ContentType = Ng.ContentType;
                await context.Response.Body.WriteAsync(octets, context.RequestAborted);
            });
            await app.StartAsync();
            return server;
        }

        public ValueTask DisposeAsync() => app.DisposeAsync();
    }
}
