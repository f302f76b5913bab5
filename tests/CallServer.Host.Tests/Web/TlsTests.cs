using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using CallServer.Host.Tests.Configuration;
using CallServer.Host.Tests.Storage;
using CallServer.Server;
using CallServer.Server.Configuration;

namespace CallServer.Host.Tests.Web;

#pragma warning disable CA5359 // the certificate was made a moment ago, and is compared here

/// <summary>The server by https.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class TlsTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    private ServerConfiguration Secure(ServerConfiguration configuration) =>
        configuration with
        {
            Listen = new Uri("https://127.0.0.1:0"),
            Tls = new TlsConfiguration
            {
                Certificate = directory.File("cert.pem"),
                Key = directory.File("key.pem"),
            },
        };

    [Test]
    public async Task ItShowsItsCertificateAndSpeaksNothingOlderThanTls12(CancellationToken cancel)
    {
        var thumbprint = TestCertificate.Write(directory.File("cert.pem"), directory.File("key.pem"));
        await using var server = await TestServer.StartAsync(directory, gateways, Secure);
        Assert.That(server.Http.BaseAddress!.Scheme, Is.EqualTo("https"));

        string? shown = null;
        using var handler = new SocketsHttpHandler
        {
            SslOptions =
            {
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                {
                    shown = certificate?.GetCertHashString();
                    return true;
                },
            },
        };
        using var http = new HttpClient(handler) { BaseAddress = server.Http.BaseAddress };
        using var answer = await http.GetAsync(new Uri("v1/status", UriKind.Relative), cancel);
        Assert.That(answer.IsSuccessStatusCode);
        Assert.That(shown, Is.EqualTo(thumbprint));

        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", server.Http.BaseAddress.Port, cancel);
        await using var old = new SslStream(client.GetStream(), false, (_, _, _, _) => true);
#pragma warning disable CA5397, SYSLIB0039 // what must be refused
        var wanted = new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = SslProtocols.Tls11,
        };
#pragma warning restore CA5397, SYSLIB0039
        Assert.That(
            async () => await old.AuthenticateAsClientAsync(wanted, cancel),
            Throws.InstanceOf<AuthenticationException>().Or.InstanceOf<IOException>()
        );
    }

    [Test]
    public async Task SomebodyWhoSpeaksHttpDoesNoHarm(CancellationToken cancel)
    {
        TestCertificate.Write(directory.File("cert.pem"), directory.File("key.pem"));
        await using var server = await TestServer.StartAsync(directory, gateways, Secure);
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", server.Http.BaseAddress!.Port, cancel);
        await client
            .GetStream()
            .WriteAsync("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), cancel);
        using var reader = new StreamReader(client.GetStream());
        Assert.That(await reader.ReadToEndAsync(cancel), Does.Not.Contain("200"));
    }

    [Test]
    public void WithoutItsFilesItDoesNotStart()
    {
        var thrown = Assert.ThrowsAsync<ConfigurationException>(() =>
            TestServer.StartAsync(directory, gateways, Secure)
        );
        Assert.That(thrown!.Message, Does.Contain("server.tls.certificate: there is no file"));
    }

    [Test]
    public void ARenewedCertificateIsTakenAndAWrongOneIsNot()
    {
        var (cert, key) = (directory.File("cert.pem"), directory.File("key.pem"));
        var tls = new TlsConfiguration { Certificate = cert, Key = key };
        var time = new StepTime();
        var log = new TestLog();
        TestCertificate.Write(cert, key);
        var first = TlsFiles.Read(tls, TimeProvider.System.GetUtcNow(), out _)!;
        var fresh = new FreshFile<ServerCertificate>(
            tls.Files,
            first,
            () => (TlsFiles.Read(tls, TimeProvider.System.GetUtcNow(), out var wrong), wrong.Message),
            time,
            log
        );

        // Another certificate without its key is on its way to being renewed.
        var second = TestCertificate.Write(cert, directory.File("secondkey.pem"));
        Touch(cert, 1);
        Assert.That(fresh.Value, Is.SameAs(first), "it was looked at a moment ago");
        time.Step();
        Assert.That(fresh.Value, Is.SameAs(first));
        Assert.That(log.Text, Does.Contain("is not taken").And.Contain("the one before stays"));

        File.Copy(directory.File("secondkey.pem"), key, overwrite: true);
        Touch(key, 2);
        time.Step();
        Assert.That(fresh.Value.Leaf.Thumbprint, Is.EqualTo(second));

        File.Delete(cert);
        time.Step();
        Assert.That(fresh.Value.Leaf.Thumbprint, Is.EqualTo(second));
    }

    private static void Touch(string file, int hours) =>
        File.SetLastWriteTimeUtc(file, new DateTime(2026, 1, 31, hours, 0, 0, DateTimeKind.Utc));

    /// <summary>A clock that moves on when the test says so.</summary>
    private sealed class StepTime : TimeProvider
    {
        private long stamp;

        public void Step() => stamp += 2 * TimestampFrequency;

        public override long GetTimestamp() => stamp;
    }
}
