using System.Collections.Concurrent;
using System.Net;
using System.Text;
using CallServer.Interop.Peers;
using CallServer.Interop.Running;

namespace CallServer.Interop.Measuring;

/// <summary>A server whose environment names an OpenTelemetry collector.</summary>
internal sealed class CollectorTests : PeerTest
{
    [Test]
    public async Task A_collector_gets_metrics_and_the_spans_of_audits()
    {
        await using var collector = new Collector();
        await Running.Server.StartAsync(
            Scope,
            Scope.NewFolder("server"),
            [("gw1", $"snmp://127.0.0.1:{FreePort.Udp()}?profile=cisco-voice")],
            secrets: new Dictionary<string, string?>
            {
                ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address,
                ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
                ["OTEL_METRIC_EXPORT_INTERVAL"] = "200",
                ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
            }
        );
        // Names stand as they are in the octets of a message.
        await collector.GetsAsync("/v1/metrics", "callserver.gateway.partial_audits");
        await collector.GetsAsync("/v1/traces", "reconcile");
    }

    /// <summary>Takes whatever is posted to it.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly ConcurrentQueue<(string Path, string Body)> posted = new();
        private readonly HttpListener listener = new();
        private readonly Task taking;

        public Collector()
        {
            Address = $"http://127.0.0.1:{FreePort.Tcp()}/";
            listener.Prefixes.Add(Address);
            listener.Start();
            taking = TakeAsync();
        }

        public string Address { get; }

        public async Task GetsAsync(string path, string name) =>
            await Eventually.GetAsync(
                () =>
                    Task.FromResult(
                        posted.Any(one =>
                            one.Path == path && one.Body.Contains(name, StringComparison.Ordinal)
                        )
                            ? "so"
                            : null
                    ),
                () =>
                    $"{name} at {path}; what came: {string.Join(", ", posted.Select(one => one.Path).Distinct())}"
            );

        public async ValueTask DisposeAsync()
        {
            listener.Close();
            await taking;
        }

        private async Task TakeAsync()
        {
            while (listener.IsListening)
            {
                HttpListenerContext context;
                try
                {
                    context = await listener.GetContextAsync();
                }
                catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }

                using var reader = new StreamReader(context.Request.InputStream, Encoding.Latin1);
                posted.Enqueue((context.Request.Url!.AbsolutePath, await reader.ReadToEndAsync()));
                context.Response.Close();
            }
        }
    }
}
