using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using CallServer.Server.Configuration;
using CallServer.Server.Net;

namespace CallServer.Server.Accounting;

/// <summary>Posts batches to the receiver, and says what its answers mean.</summary>
internal sealed class PushHttp : IDisposable
{
    /// <summary>The header by which the receiver tells repeats (draft-ietf-httpapi-idempotency-key-header).</summary>
    public const string KeyHeader = "Idempotency-Key";

    // An answer is read to its end, so that its connection can be used again; a longer one is cut off.
    private const int LongestAnswer = 64 * 1024;
    private const int LongestWords = 200;

    // A larger body is sent once the receiver has looked at the headers: it may refuse its length or the token at once,
    // and what it closes on the way would look like a lost connection.
    private const int SmallBody = 64 * 1024;

    private static readonly MediaTypeHeaderValue MediaType = new("application/x-ndjson");

    private readonly PushConfiguration configuration;
    private readonly IClock clock;
    private readonly HttpMessageInvoker client;
    private volatile bool expects = true;

    /// <summary>Opens no connection yet.</summary>
    public PushHttp(PushConfiguration configuration, IClock clock)
    {
        this.configuration = configuration;
        this.clock = clock;
        var handler = new SocketsHttpHandler
        {
            // A token goes where the configuration says, and nowhere else.
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = !configuration.Url.IsLoopback,
            ConnectTimeout = configuration.Deadline,
            MaxConnectionsPerServer = 1,
            MaxResponseHeadersLength = 16,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
            // A receiver that moves to another address is found there.
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            ActivityHeadersPropagator = null,
        };
        if (configuration.Authorities.Count > 0)
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, faults) =>
                Authorities.Trust(configuration.Authorities, certificate, chain, faults);
        client = new HttpMessageInvoker(handler);
    }

    /// <summary>Posts a batch. Every failure is an answer; nothing is thrown.</summary>
    public async Task<PushAnswer> SendAsync(PushBatch batch, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, configuration.Url);
        // The key is that of the records, whether compressed or not.
        var isCompressed = batch.Body.Length >= configuration.GzipFrom;
        var body = isCompressed ? Compressed(batch.Body) : batch.Body;
        request.Content = new ByteArrayContent(body);
        request.Content.Headers.ContentType = MediaType;
        if (isCompressed)
            request.Content.Headers.ContentEncoding.Add("gzip");
        request.Headers.Add(KeyHeader, $"\"{batch.Key}\"");
        request.Headers.ExpectContinue = expects && body.Length > SmallBody;
        if (configuration.Token is { } token)
            request.Headers.Authorization = new("Bearer", Encoding.ASCII.GetString(token));
        try
        {
            using var response = await client.SendAsync(request, cancel);
            var text = await TextAsync(response.Content, cancel);
            return Judge(response, text);
        }
        catch (OperationCanceledException)
        {
            return new PushAnswer(
                PushResult.Late,
                $"no whole answer within {Durations.Format(configuration.Deadline)}"
            );
        }
#pragma warning disable CA1031 // whatever went wrong, the batch was not taken and is sent again
        catch (Exception fault)
#pragma warning restore CA1031
        {
            return new PushAnswer(PushResult.Unreachable, Words(fault));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();

    private static byte[] Compressed(byte[] body)
    {
        using var octets = new MemoryStream();
        using (var gzip = new GZipStream(octets, CompressionLevel.Optimal))
            gzip.Write(body);
        return octets.ToArray();
    }

    private PushAnswer Judge(HttpResponseMessage response, string text)
    {
        var status = (int)response.StatusCode;
        var result = status switch
        {
            >= 200 and < 300 => PushResult.Taken,
            413 => PushResult.TooLarge,
            // It does not know Expect: the next request does without.
            417 when expects => PushResult.Failed,
            408 or 425 or 429 => PushResult.Busy,
            >= 500 => PushResult.Failed,
            _ => PushResult.Refused,
        };
        if (status == 417)
            expects = false;
        if (result == PushResult.Taken)
            return new PushAnswer(result, "");
        var said = string.Create(
            CultureInfo.InvariantCulture,
            $"it answers with HTTP status {status}{(text.Length > 0 ? $": {text}" : "")}"
        );
        return new PushAnswer(
            result,
            result == PushResult.Refused ? $"{said}; {Hint(response)}" : said,
            Wait(response)
        );
    }

    /// <summary>What somebody could look at.</summary>
    private string Hint(HttpResponseMessage response) =>
        (int)response.StatusCode switch
        {
            401 or 403 => "look whether cdr.http.token names the right token",
            404 or 405 or 410 => "look whether cdr.http.url is the right place",
            415 when configuration.GzipFrom is not null =>
                "look whether it takes gzip: without cdr.http.gzipFrom nothing is compressed",
            >= 300 and < 400 =>
                $"redirects are not followed: cdr.http.url must name the place itself{(response.Headers.Location is { } to ? $" ({Cut(to.ToString())})" : "")}",
            _ => "its own log may say what it does not take",
        };

    /// <summary>
    /// Retry-After (RFC 9110 §10.2.3), a date counted by the receiver's own clock where it tells that.
    /// </summary>
    private TimeSpan? Wait(HttpResponseMessage response) =>
        response.Headers.RetryAfter switch
        {
            { Delta: { } wait } => wait,
            { Date: { } date } => date - (response.Headers.Date ?? clock.WallTime()),
            _ => null,
        };

    private static async Task<string> TextAsync(HttpContent content, CancellationToken cancel)
    {
        await using var stream = await content.ReadAsStreamAsync(cancel);
        var octets = new byte[LongestAnswer];
        var length = await stream.ReadAtLeastAsync(octets, octets.Length, throwOnEndOfStream: false, cancel);
        return Cut(Encoding.UTF8.GetString(octets.AsSpan(0, Math.Min(length, LongestWords * 4))).Trim());
    }

    private static string Cut(string text)
    {
        var words = Printable.Of(text);
        return words.Length <= LongestWords ? words : words[..LongestWords] + "…";
    }

    private string Words(Exception fault)
    {
        for (var cause = fault; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case AuthenticationException when configuration.Authorities.Count > 0:
                    return "its certificate is for another host, or neither this machine nor cdr.http.ca trusts it";
                case AuthenticationException:
                    return $"TLS fails: {Cut(cause.Message).TrimEnd('.')}; a certificate of your own authority is trusted with cdr.http.ca";
                case SocketException { SocketErrorCode: SocketError.ConnectionReset }:
                    return "it reset the connection";
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData }:
                    return $"{configuration.Url.Host} is not found in DNS";
                case SocketException socket:
                    return SocketWords.Of(socket.SocketErrorCode);
            }
        }

        return $"no whole answer: {Cut(fault.Message)}";
    }
}
