using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;
using CallServer.Surface;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Server.Net;

/// <summary>
/// Carries messages as HTTP requests, or as their bodies. One client serves the fleet, and one more each kind of certificate
/// that gateways are believed by; their connections are shared and bounded. A request that fails is a lost message, and is
/// counted.
/// </summary>
public sealed class HttpFleet : IAsyncDisposable
{
    // HTTP/1.1 answers one request at a time on a connection.
    private const int ConnectionsAGateway = 16;

    // The largest answer that a single look at a gateway reads, in octets.
    private const int LargestGlance = 1024 * 1024;

    // How many requests one audit may have open; it repeats what takes too long.
    private const int MostInFlight = 1024;

    private readonly IClock clock;
    private readonly ILogger logger;
    private readonly HttpMessageInvoker client = Client(null);
    private readonly ConcurrentDictionary<GatewayTls, Lazy<HttpMessageInvoker>> secured = new();
    private readonly CancellationTokenSource stopping = new();
    private long sent;
    private long received;
    private long failures;
    private long strays;

    /// <summary>Opens no connection yet.</summary>
    public HttpFleet(IClock clock, ILogger<HttpFleet>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(clock);
        this.clock = clock;
        this.logger = logger ?? NullLogger<HttpFleet>.Instance;
    }

    private static HttpMessageInvoker Client(GatewayTls? tls)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            MaxConnectionsPerServer = ConnectionsAGateway,
            MaxResponseHeadersLength = 16,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
            ActivityHeadersPropagator = null,
        };
        handler.SslOptions.RemoteCertificateValidationCallback = tls?.Check();
        return new HttpMessageInvoker(handler);
    }

    private HttpMessageInvoker ClientOf(HttpForm form) =>
        form.Tls is { } tls
            ? secured.GetOrAdd(tls, static tls => new Lazy<HttpMessageInvoker>(() => Client(tls))).Value
            : client;

    /// <summary>Requests started.</summary>
    public long Sent => Volatile.Read(ref sent);

    /// <summary>Answers handed over.</summary>
    public long Received => Volatile.Read(ref received);

    /// <summary>Requests that brought no usable answer.</summary>
    public long Failures => Volatile.Read(ref failures);

    /// <summary>Answers that matched no question.</summary>
    public long Strays => Volatile.Read(ref strays);

    /// <summary>See <see cref="IGatewayNetwork.Open"/>.</summary>
    public IMessageChannel Open(IPEndPoint gateway, HttpForm form, IDatagramReceiver receiver)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        ArgumentNullException.ThrowIfNull(form);
        ArgumentNullException.ThrowIfNull(receiver);
        return new Channel(this, Address(gateway, form), form, receiver);
    }

    /// <summary>
    /// Sends one request on behalf of a person who looks once. Null if it was answered, else what went wrong, in
    /// words.
    /// </summary>
    public async Task<string?> FindFaultAsync(
        IPEndPoint gateway,
        HttpForm form,
        byte[] message,
        CancellationToken cancel
    )
    {
        ArgumentNullException.ThrowIfNull(gateway);
        ArgumentNullException.ThrowIfNull(form);
        try
        {
            await AskAsync(Address(gateway, form), form, message, LargestGlance, static _ => true, cancel);
            return null;
        }
        catch (AnswerTooLargeException)
        {
            return null;
        }
        catch (HttpRequestException fault)
        {
            return Words(fault, form);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        client.Dispose();
        foreach (var other in secured.Values)
            other.Value.Dispose();
    }

    private static Uri Address(IPEndPoint gateway, HttpForm form) =>
        new UriBuilder(
            form.Tls is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps,
            gateway.Address.ToString(),
            gateway.Port,
            form.Path
        ).Uri;

    private static string Words(HttpRequestException fault, HttpForm form) =>
        fault switch
        {
            { InnerException: AuthenticationException } when form.Tls is { } tls => tls.Fault(),
            { StatusCode: { } status } => $"HTTP status {(int)status}",
            { InnerException: System.Net.Sockets.SocketException socket } => SocketWords.Of(
                socket.SocketErrorCode
            ),
            { HttpRequestError: HttpRequestError.ConnectionError } => "no connection",
            _ => "no HTTP answer",
        };

    private Task<byte[]> AskAsync(
        Uri address,
        HttpForm form,
        byte[] message,
        long largest,
        Func<long, bool> reading,
        CancellationToken cancel
    ) =>
        form.AreRequests
            ? RequestAsync(address, form, message, largest, reading, cancel)
            : PostAsync(address, form, message, largest, reading, cancel);

    private async Task<byte[]> RequestAsync(
        Uri address,
        HttpForm form,
        byte[] message,
        long largest,
        Func<long, bool> reading,
        CancellationToken cancel
    )
    {
        var asked =
            GatewayRequest.Read(message) ?? throw new ArgumentException("no request", nameof(message));
        using var request = new HttpRequestMessage(
            asked.Body.Length == 0 ? HttpMethod.Get : HttpMethod.Post,
            address.GetLeftPart(UriPartial.Authority) + asked.Target
        );
        if (asked.Body.Length > 0)
            request.Content = new ByteArrayContent(asked.Body);
        // A header is the request's or its content's; each kind refuses those of the other.
        foreach (var (name, value) in asked.Headers)
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content?.Headers.TryAddWithoutValidation(name, value);
        Name(request, form);
        using var response = await ClientOf(form).SendAsync(request, cancel);
        var body = await ReadAsync(response.Content, largest, reading, cancel);
        return asked.Answer(
            (int)response.StatusCode,
            response.ReasonPhrase ?? "",
            [.. Raw(response.Headers), .. Raw(response.Content.Headers)],
            body
        );
    }

    /// <summary>A handshake asks for the certificate of the host in this header.</summary>
    private static void Name(HttpRequestMessage request, HttpForm form)
    {
        if (form.Name is { } name)
            request.Headers.Host = $"{name}:{request.RequestUri!.Port}";
    }

    private static IEnumerable<KeyValuePair<string, string>> Raw(HttpHeaders headers) =>
        from header in headers.NonValidated
        select KeyValuePair.Create(header.Key, header.Value.ToString());

    private async Task<byte[]> PostAsync(
        Uri address,
        HttpForm form,
        byte[] message,
        long largest,
        Func<long, bool> reading,
        CancellationToken cancel
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address);
        request.Content = new ByteArrayContent(message);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(form.ContentType);
        Name(request, form);
        // Waits for the headers only; the body is read no further than it is wanted.
        using var response = await ClientOf(form).SendAsync(request, cancel);
        if (response.StatusCode != HttpStatusCode.OK && !Answers(form, response))
            throw new HttpRequestException(null, null, response.StatusCode);
        return await ReadAsync(response.Content, largest, reading, cancel);
    }

    /// <summary>Whether an error's body is a reply: a page for people is none.</summary>
    private static bool Answers(HttpForm form, HttpResponseMessage response) =>
        form.ErrorsAnswer && response.Content.Headers.ContentType?.MediaType == form.ContentType;

    private static async Task<byte[]> ReadAsync(
        HttpContent content,
        long largest,
        Func<long, bool> reading,
        CancellationToken cancel
    )
    {
        if (content.Headers.ContentLength > largest)
            throw new AnswerTooLargeException();
        await using var body = await content.ReadAsStreamAsync(cancel);
        using var whole = new MemoryStream();
        var part = new byte[16 * 1024];
        while (await body.ReadAsync(part, cancel) is > 0 and var length)
        {
            if (whole.Length + length > largest)
                throw new AnswerTooLargeException();
            // Counted twice: the buffer grows by doubling, and the body is copied at the end.
            if (!reading(2 * length))
                throw new OperationCanceledException();
            whole.Write(part, 0, length);
        }

        return whole.ToArray();
    }

    private sealed class AnswerTooLargeException : Exception;

    private sealed class Channel(HttpFleet fleet, Uri address, HttpForm form, IDatagramReceiver receiver)
        : IMessageChannel
    {
        private readonly CancellationTokenSource closing = CancellationTokenSource.CreateLinkedTokenSource(
            fleet.stopping.Token
        );
        private int inFlight;
        private int closed;

        /// <summary>Empty: the gateway cannot send to us unasked.</summary>
        public string Local => "";

        public void Send(byte[] message)
        {
            if (Volatile.Read(ref closed) != 0)
                return;
            if (Interlocked.Increment(ref inFlight) > MostInFlight)
            {
                Interlocked.Decrement(ref inFlight);
                Interlocked.Increment(ref fleet.failures);
                return;
            }

            Interlocked.Increment(ref fleet.sent);
            _ = AskAsync(message, closing.Token);
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref closed, 1) != 0)
                return;
            closing.Cancel();
            closing.Dispose();
        }

        private async Task AskAsync(byte[] message, CancellationToken cancel)
        {
            // An immediate result, such as a refusal, must not re-enter the audit that is still sending.
            await Task.Yield();
            var read = 0L;
            try
            {
                var answer = await fleet.AskAsync(
                    address,
                    form,
                    message,
                    receiver.LargestAnswer,
                    octets =>
                    {
                        read += octets;
                        return receiver.Reading(octets);
                    },
                    cancel
                );
                Interlocked.Increment(ref fleet.received);
                if (Volatile.Read(ref closed) == 0)
                    receiver.OnDatagram(new Datagram(fleet.clock.Now, answer, 1, OnStray));
            }
            catch (OperationCanceledException)
            {
                // The audit has ended.
            }
            catch (AnswerTooLargeException)
            {
                Interlocked.Increment(ref fleet.failures);
                if (Volatile.Read(ref closed) == 0)
                    receiver.OnTooLarge(fleet.clock.Now);
            }
            catch (Exception fault) when (fault is HttpRequestException or IOException)
            {
                Interlocked.Increment(ref fleet.failures);
                fleet.logger.LogDebug("A request to {Address}: {Fault}", address, fault.Message);
                if (Volatile.Read(ref closed) == 0)
                    receiver.OnTrouble(
                        fleet.clock.Now,
                        fault is HttpRequestException known ? Words(known, form) : "no HTTP answer"
                    );
            }
            finally
            {
                receiver.Reading(-read);
                Interlocked.Decrement(ref inFlight);
            }
        }

        private void OnStray() => Interlocked.Increment(ref fleet.strays);
    }
}
