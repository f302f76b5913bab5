using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Tools;

/// <summary>Debian's Prometheus exporter for SNMP, told to read the three tables of a Cisco voice gateway.</summary>
internal sealed class SnmpExporter : IDisposable
{
    /// <summary>The name of the program and of its package.</summary>
    public const string Program = "prometheus-snmp-exporter";

    private readonly HttpClient http;

    private SnmpExporter(int port) =>
        http = new HttpClient
        {
            BaseAddress = new Uri($"http://127.0.0.1:{port}"),
            Timeout = TimeSpan.FromMinutes(2),
        };

    /// <summary>Starts it; null if it is not installed.</summary>
    public static async Task<SnmpExporter?> TryStartAsync(Scope scope)
    {
        if (Optional.Find(Program) is not { } program)
            return null;
        var configuration = scope.PathOf("snmp.yml");
        // One metric: whatever is walked is read, and this one shows that every row was.
        await File.WriteAllTextAsync(
            configuration,
            $"""
            calls:
              version: 2
              auth: [community: public]
              max_repetitions: 50
              timeout: 30s
              walk: [{string.Join(", ", CiscoTables.Entries)}]
              metrics:
              - name: callActiveCallState
                oid: {CiscoTables.State}
                type: gauge
                indexes:
                - labelname: callActiveSetupTime
                  type: gauge
                - labelname: callActiveIndex
                  type: gauge

            """.Replace("[community: public]", "{community: public}", StringComparison.Ordinal)
        );
        var port = FreePort.Tcp();
        var process = scope.Start(
            program,
            [$"--config.file={configuration}", $"--web.listen-address=127.0.0.1:{port}"]
        );
        var exporter = new SnmpExporter(port);
        await Eventually.GetAsync(
            async () =>
            {
                if (process.HasExited)
                    throw Trouble.Failed($"{process}");
                try
                {
                    return await exporter.http.GetStringAsync(new Uri("/", UriKind.Relative));
                }
                catch (HttpRequestException)
                {
                    return null;
                }
            },
            () => $"an answer of {process}"
        );
        return exporter;
    }

    /// <summary>Has it read an agent, and returns how many calls it tells.</summary>
    public async Task<int> ScrapeAsync(int port)
    {
        var text = await http.GetStringAsync(
            new Uri($"/snmp?module=calls&target=127.0.0.1:{port}", UriKind.Relative)
        );
        return text.Split('\n')
            .Count(line => line.StartsWith("callActiveCallState{", StringComparison.Ordinal));
    }

    public void Dispose() => http.Dispose();
}
