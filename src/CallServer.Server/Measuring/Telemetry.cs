using System.Diagnostics.Metrics;
using CallServer.Server.Configuration;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace CallServer.Server.Measuring;

/// <summary>
/// Shows the server's meter at <c>/metrics</c>, and sends it, with the spans of audits, to an OpenTelemetry collector if
/// the environment names one.
/// </summary>
internal static class Telemetry
{
    /// <summary>How the standard variables begin.</summary>
    private const string Variables = "OTEL_";

    /// <summary>The one that names the collector (OTLP).</summary>
    private const string Collector = Variables + "EXPORTER_OTLP_ENDPOINT";

    // The SDK makes room for 2,000 series of each instrument unless told how many there may be. Ours differ in a few
    // words, except those of gateways.
    private const int FewSeries = 100;

    // A gateway seldom has more kinds of reasons than this.
    private const int ReasonsOfGateway = 4;

    /// <summary>Adds what is needed to a server.</summary>
    public static void Add(WebApplicationBuilder builder, ServerConfiguration configuration)
    {
        // The server's host reads no environment by itself.
        builder.Configuration.AddInMemoryCollection(
            ServerConfiguration
                .ProcessEnvironment()
                .Where(variable => variable.Key.StartsWith(Variables, StringComparison.Ordinal))
                .Select(variable => KeyValuePair.Create(variable.Key, (string?)variable.Value))
        );
        var hasCollector = builder.Configuration[Collector] is { Length: > 0 };
        var services = builder.Services;
        services.AddMetrics();
        var telemetry = services
            .AddOpenTelemetry()
            .ConfigureResource(resource =>
                resource.AddService("callserver", serviceInstanceId: configuration.Name)
            )
            .WithMetrics(metrics =>
            {
                metrics
                    .AddMeter(Measures.MeterName)
                    .AddRuntimeInstrumentation()
                    .AddPrometheusExporter(exporter =>
                    {
                        exporter.ScopeInfoEnabled = false;
                        exporter.TargetInfoEnabled = false;
                        // Whoever asks twice in a moment sees the second moment.
                        exporter.ScrapeResponseCacheDurationMilliseconds = 0;
                    });
                if (hasCollector)
                    metrics.AddOtlpExporter();
            });
        services.ConfigureOpenTelemetryMeterProvider(
            (provider, metrics) =>
                metrics.AddView(instrument =>
                    View(
                        instrument,
                        provider.GetRequiredService<IMeterFactory>(),
                        configuration.Gateways.Count
                    )
                )
        );
        if (hasCollector)
            telemetry.WithTracing(tracing => tracing.AddSource(Spans.SourceName).AddOtlpExporter());
    }

    /// <summary>
    /// How an instrument is shown. Another server's meter in this process has the same name, and is left out.
    /// </summary>
    private static MetricStreamConfiguration View(Instrument instrument, IMeterFactory own, int gateways)
    {
        if (instrument.Meter.Name != Measures.MeterName)
            return new MetricStreamConfiguration
            {
                Name = Plural(instrument.Name),
                CardinalityLimit = FewSeries,
            };
        if (!ReferenceEquals(instrument.Meter.Scope, own))
            return MetricStreamConfiguration.Drop;
        return new MetricStreamConfiguration { CardinalityLimit = Series(instrument, gateways) };
    }

    /// <summary>Leaves room for as many gateways again, since a running server takes new ones.</summary>
    private static int Series(Instrument instrument, int gateways)
    {
        if (!instrument.Name.StartsWith(Measures.OfGateway, StringComparison.Ordinal))
            return FewSeries;
        var most = FewSeries + (2 * gateways);
        return instrument is Counter<long> ? most * ReasonsOfGateway : most;
    }

    /// <summary>In Prometheus only a histogram's or summary's name ends in <c>_count</c>.</summary>
    private static string Plural(string name) =>
        name switch
        {
            "dotnet.assembly.count" => "dotnet.assemblies",
            "dotnet.process.cpu.count" => "dotnet.process.cpus",
            "dotnet.timer.count" => "dotnet.timers",
            _ => name,
        };
}
