using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Model;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Supervision;
using CallServer.Storage;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.Logging;

namespace CallServer.Host.Tests.Web;

/// <summary>
/// A whole server on a port that the system picks, with a store in its own directory and gateways that answer within
/// the process. Every wait is for something that must come.
/// </summary>
internal sealed class TestServer : IAsyncDisposable
{
    private static readonly TimeSpan LooksEvery = TimeSpan.FromMilliseconds(50);
    private readonly RunningServer server;

    private TestServer(RunningServer server, TestGateways gateways, TestLog log)
    {
        this.server = server;
        Gateways = gateways;
        Log = log;
        Http = new HttpClient { BaseAddress = server.Address };
    }

    public TestGateways Gateways { get; }

    public TestLog Log { get; }

    public HttpClient Http { get; }

    public ServerRuntime Runtime => server.Runtime;

    /// <summary><c>METHOD /path</c> of everything that is mapped, in the form that OpenAPI writes.</summary>
    public IEnumerable<string> Routes =>
        from route in server.Routes
        from method in route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? []
        select $"{method} /{string.Join('/', route.RoutePattern.PathSegments.Select(Written))}";

    private static string Written(RoutePatternPathSegment segment) =>
        string.Concat(
            segment.Parts.Select(part =>
                part switch
                {
                    RoutePatternLiteralPart literal => literal.Content,
                    RoutePatternParameterPart parameter => $"{{{parameter.Name}}}",
                    RoutePatternSeparatorPart separator => separator.Content,
                    _ => throw new InvalidOperationException($"no such part: {part}"),
                }
            )
        );

    /// <summary>Whether the test causes errors that the server logs.</summary>
    public bool MayComplain { get; set; }

    public static async Task<TestServer> StartAsync(
        TestDirectory directory,
        TestGateways gateways,
        Func<ServerConfiguration, ServerConfiguration>? change = null,
        ServiceManager? manager = null,
        Func<ILedgerStore>? openStore = null,
        IGatewayShare? share = null
    )
    {
        var log = new TestLog();
        var configuration = new ServerConfiguration
        {
            Name = "test",
            Listen = new Uri("http://127.0.0.1:0"),
            Data = directory.File("callserver.db"),
            Gateways =
            [
                Tests.Gateways.At("gw1", "snmp://127.0.0.1:1?profile=cisco-voice", TimeSpan.FromHours(1)),
                Tests.Gateways.At("gw2", "snmp://127.0.0.1:2", TimeSpan.FromHours(1)),
            ],
        };
        var server = await ServerHost.StartAsync(
            change?.Invoke(configuration) ?? configuration,
            CancellationToken.None,
            new ServerParts
            {
                OpenNetwork = gateways.On,
                OpenStore = openStore,
                Logging = logging => logging.AddProvider(log),
                Manager = manager,
                Share = share,
            }
        );
        return new TestServer(server, gateways, log);
    }

    /// <summary>
    /// Waits until the server meets a condition. Looks whenever something new was stored, and at short intervals,
    /// because not everything it does is stored (a role decided, held CDRs released).
    /// </summary>
    public async Task UntilAsync(Func<ServerRuntime, bool> isSo, CancellationToken cancel)
    {
        while (true)
        {
            var news = Runtime.Events.News;
            if (isSo(Runtime))
                return;
            try
            {
                await Task.WhenAny(news, Task.Delay(LooksEvery, cancel));
                cancel.ThrowIfCancellationRequested();
            }
            catch (OperationCanceledException)
            {
                throw new AssertionException($"what had to come did not:\n{Log.Text}\n{Describe()}");
            }
        }
    }

    /// <summary>The progress of everything, for a failure's message.</summary>
    private string Describe() =>
        string.Join(
            '\n',
            [
                .. Runtime.Ledger.States.Select(state =>
                    $"{state.Gateway}: {state.Record.Count} connections, {state.Record.UnconfirmedCount} unconfirmed, "
                    + $"asked {state.AskedSinceStart}, {state.LastAudit}"
                ),
                $"audits {string.Join(", ", Runtime.Ledger.Counters.Audits)}, commits {Runtime.Writer.Commits}, {Runtime.Writer.Health}",
                $"running {Runtime.Polling.Lanes.Prompt.Inside}, {Runtime.Polling.Lanes.Silent.Inside}, now {Runtime.Clock.Now}",
            ]
        );

    public Task UntilAskedAsync(CancellationToken cancel) => UntilAsync(runtime => runtime.IsReady, cancel);

    public async Task<JsonElement> GetAsync(string path, CancellationToken cancel)
    {
        var text = await Http.GetStringAsync(new Uri(path, UriKind.Relative), cancel);
        return JsonDocument.Parse(text).RootElement;
    }

    public async Task<(HttpStatusCode Status, JsonElement Problem)> RefusedAsync(
        HttpMethod method,
        string path,
        CancellationToken cancel,
        HttpContent? content = null
    )
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Content = content;
        using var response = await Http.SendAsync(request, cancel);
        var text = await response.Content.ReadAsStringAsync(cancel);
        Assert.That(
            response.Content.Headers.ContentType?.MediaType,
            Is.EqualTo("application/problem+json"),
            text
        );
        return (response.StatusCode, JsonDocument.Parse(text).RootElement);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await server.DisposeAsync();
        if (!MayComplain)
            Assert.That(Log.Text, Does.Not.Contain("Error "), "nothing here should have gone wrong");
    }
}

/// <summary>Gateways by port. Each answers at once with its connections; one without any set is silent.</summary>
internal sealed class TestGateways : IGatewayNetwork
{
    private IClock? clock;

    public IGatewayNetwork On(IClock server)
    {
        clock = server;
        return this;
    }

    public ConcurrentDictionary<int, byte[]> Connections { get; } = new();

    /// <summary>A gateway's answer to the release of a connection, by its port; by default none answers.</summary>
    public Func<int, byte, byte?> Release { get; set; } = (_, _) => null;

    /// <summary>Every release that was requested.</summary>
    public ConcurrentQueue<byte> Released { get; } = new();

    public IMessageChannel Open(GatewayAddress gateway, IDatagramReceiver receiver) =>
        new Channel(this, gateway.EndPoint.Port, receiver);

    public IStreamChannel Connect(IPEndPoint gateway, IStreamReceiver receiver) =>
        throw new NotSupportedException();

    private sealed class Channel(TestGateways gateways, int port, IDatagramReceiver receiver)
        : IMessageChannel
    {
        public string Local => "127.0.0.1:1";

        public void Send(byte[] message)
        {
            if (message is [ScriptedAudit.Mine, ScriptedAudit.Ends, var connection])
            {
                gateways.Released.Enqueue(connection);
                if (gateways.Release(port, connection) is { } answer)
                    Answer([ScriptedAudit.Mine, ScriptedAudit.Ends, answer]);
            }
            else if (gateways.Connections.TryGetValue(port, out var connections))
                Answer([ScriptedAudit.Mine, .. connections]);
        }

        private void Answer(byte[] message) =>
            receiver.OnDatagram(new Datagram(gateways.clock!.Now, message, 1, null));

        public void Dispose() { }
    }
}

/// <summary>Collects every logged line.</summary>
internal sealed class TestLog : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<string> lines = new();
    private TaskCompletionSource news = NewSource();

    public string Text => string.Join('\n', lines);

    /// <summary>Waits for a line that contains these words.</summary>
    public async Task SaysAsync(string words, CancellationToken cancel)
    {
        while (true)
        {
            var next = Volatile.Read(ref news).Task;
            if (Text.Contains(words, StringComparison.Ordinal))
                return;
            try
            {
                await next.WaitAsync(cancel);
            }
            catch (OperationCanceledException)
            {
                throw new AssertionException($"'{words}' was not logged:\n{Text}");
            }
        }
    }

    private static TaskCompletionSource NewSource() =>
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");
        Interlocked.Exchange(ref news, NewSource()).SetResult();
    }

    public void Dispose() { }
}
