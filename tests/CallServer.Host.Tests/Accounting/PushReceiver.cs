using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CallServer.Host.Tests.Accounting;

/// <summary>A request as the receiver got it.</summary>
internal sealed record PushRequest(string Key, string? ContentType, string? Authorization, string Body)
{
    /// <summary>How the body was encoded on the way; empty if it was not.</summary>
    public string Encoding { get; init; } = "";

    /// <summary>How many octets the body had on the way.</summary>
    public long Octets { get; init; }

    public IReadOnlyList<string> Lines => Body.Split('\n')[..^1];

    /// <summary>The ids of its CDRs.</summary>
    public IReadOnlyList<string> Ids =>
        [.. Lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!)];
}

/// <summary>A billing system on a port that the system picks: a real Kestrel, which answers as the test says.</summary>
internal sealed class PushReceiver : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly List<PushRequest> requests = [];

    private PushReceiver(WebApplication app) => this.app = app;

    public Uri Url => new(new Uri(app.Urls.Single()), "cdrs?tenant=7");

    /// <summary>Answers a request; 204 unless a test says otherwise.</summary>
    public Func<PushRequest, HttpContext, Task> Answer { get; set; } = (_, http) => Says(http, 204);

    /// <summary>All requests so far, in order.</summary>
    public IReadOnlyList<PushRequest> Requests
    {
        get
        {
            lock (requests)
                return [.. requests];
        }
    }

    /// <summary>Answers with this status, and a text.</summary>
    public static Task Says(HttpContext http, int status, string text = "", string? retryAfter = null)
    {
        http.Response.StatusCode = status;
        if (retryAfter is not null)
            http.Response.Headers.RetryAfter = retryAfter;
        return text.Length > 0 ? http.Response.WriteAsync(text) : Task.CompletedTask;
    }

    /// <summary>Begins to say that it has the records, and dies before the end.</summary>
    public static async Task DiesAsync(HttpContext http)
    {
        http.Response.ContentLength = 100;
        await http.Response.WriteAsync("half an ans");
        await http.Response.Body.FlushAsync();
        http.Abort();
    }

    public static async Task<PushReceiver> StartAsync(
        X509Certificate2? certificate = null,
        long? longestBody = null
    )
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            if (longestBody is { } octets)
                kestrel.Limits.MaxRequestBodySize = octets;
            kestrel.Listen(
                IPAddress.Loopback,
                0,
                listen =>
                {
                    if (certificate is not null)
                        listen.UseHttps(certificate);
                }
            );
        });
        var app = builder.Build();
        var receiver = new PushReceiver(app);
        app.Run(async http =>
        {
            var encoding = http.Request.Headers.ContentEncoding.ToString();
            using var octets = new MemoryStream();
            await http.Request.Body.CopyToAsync(octets, http.RequestAborted);
            octets.Position = 0;
            using Stream plain =
                encoding == "gzip"
                    ? new GZipStream(octets, CompressionMode.Decompress, leaveOpen: true)
                    : octets;
            using var reader = new StreamReader(plain, System.Text.Encoding.UTF8);
            var body = await reader.ReadToEndAsync(http.RequestAborted);
            var request = new PushRequest(
                http.Request.Headers["Idempotency-Key"].ToString(),
                http.Request.ContentType,
                http.Request.Headers.Authorization,
                body
            )
            {
                Encoding = encoding,
                Octets = http.Request.ContentLength ?? 0,
            };
            lock (receiver.requests)
                receiver.requests.Add(request);
            await receiver.Answer(request, http);
        });
        await app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}

/// <summary>
/// A server that says what it likes and closes, on a port that the system picks: what a proper one would not do.
/// </summary>
internal sealed class RudeReceiver : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly Task serving;

    /// <param name="answer">The octets of the answer, given the head of the request.</param>
    /// <param name="readsBody">Whether it reads the body before it answers, given the same.</param>
    public RudeReceiver(Func<string, string> answer, Func<string, bool> readsBody)
    {
        listener.Start();
        serving = ServeAsync(answer, readsBody);
    }

    public Uri Url => new($"http://{listener.LocalEndpoint}/cdrs");

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await serving;
        listener.Dispose();
        stopping.Dispose();
    }

    private async Task ServeAsync(Func<string, string> answer, Func<string, bool> readsBody)
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(stopping.Token);
                var stream = client.GetStream();
                var head = await HeadAsync(stream);
                if (readsBody(head))
                    await stream.ReadExactlyAsync(new byte[Length(head)], stopping.Token);
                await stream.WriteAsync(Encoding.ASCII.GetBytes(answer(head)), stopping.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task<string> HeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var octet = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(octet, stopping.Token);
            head.Append((char)octet[0]);
        }

        return head.ToString();
    }

    private static int Length(string head) =>
        int.Parse(
            head.Split("\r\n")
                .Single(line => line.StartsWith("Content-Length: ", StringComparison.OrdinalIgnoreCase))
                .AsSpan("Content-Length: ".Length),
            CultureInfo.InvariantCulture
        );
}

/// <summary>An authority of a test's own, and a certificate that it issued.</summary>
internal static class TestAuthority
{
    /// <summary>Writes the authority in PEM, and returns a server's certificate with its key.</summary>
    public static X509Certificate2 Issue(string file, string name)
    {
        var now = TimeProvider.System.GetUtcNow();
        using var root = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=a test's authority", root, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(
            new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false)
        );
        using var authority = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        File.WriteAllText(file, authority.ExportCertificatePem() + "\n");

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var leaf = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (IPAddress.TryParse(name, out var address))
            names.AddIpAddress(address);
        else
            names.AddDnsName(name);
        leaf.CertificateExtensions.Add(names.Build());
        leaf.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false)
        );
        using var issued = leaf.Create(authority, now.AddDays(-1), now.AddDays(29), [1, 2, 3, 4]);
        using var whole = issued.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null);
    }
}
