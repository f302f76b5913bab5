using System.CommandLine;
using System.Diagnostics;
using CallServer.Gateway;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Output;
using CallServer.Server.Net;

namespace CallServer.Bench.Fleet;

/// <summary>
/// <c>fleet</c>: many gateways on one server, one of them dead and one slow. Shows by the audits' own times that
/// these two delay no other, and what that costs.
/// </summary>
internal static class FleetCommand
{
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(800);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    // Audits that began within the measured time end within this time after it.
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(3);

    public static Command Build()
    {
        var gateways = new Option<int>("--gateways") { DefaultValueFactory = _ => 200 };
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 500 };
        var churn = new Option<double>("--churn")
        {
            Description = "Connections that begin and end a second, on each",
            DefaultValueFactory = _ => 1,
        };
        var interval = Options.Duration("--interval", "Between the audits of a gateway [default: 10s]");
        var seconds = new Option<int>("--seconds") { DefaultValueFactory = _ => 60 };
        var command = new Command("fleet", "Audits a fleet of gateways, a dead and a slow one among them.")
        {
            gateways,
            connections,
            churn,
            interval,
            seconds,
        };
        command.SetAction(
            (parsed, cancel) =>
                RunAsync(
                    parsed.GetValue(gateways),
                    parsed.GetValue(connections),
                    parsed.GetValue(churn),
                    parsed.GetValue(interval) ?? TimeSpan.FromSeconds(10),
                    TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                    cancel
                )
        );
        return command;
    }

    private static async Task<int> RunAsync(
        int count,
        int connections,
        double churn,
        TimeSpan interval,
        TimeSpan measured,
        CancellationToken cancel
    )
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9;
        Console.WriteLine(
            FormattableString.Invariant(
                $"{Environment.ProcessorCount} cores, {memory:0.0} GB; {count} gateways of {connections} connections, {churn} begin and end a second on each; one more is slow, one dead"
            )
        );
        using var folder = new TempFolder();
        var clock = new SystemClock();
        long Now() => (clock.Now.Steady + clock.Correction).Micros;

        FleetGateway Make(int number, GatewayKind kind) =>
            new(
                FormattableString.Invariant($"{kind}-{number:000}").ToLowerInvariant(),
                kind,
                new GatewaySettings
                {
                    Connections = connections,
                    Churn = churn,
                    Seed = (ulong)number,
                    Vices = kind == GatewayKind.Slow ? [$"ms-per-request={Late.TotalMilliseconds}"] : [],
                },
                clock
            );
        List<FleetGateway> fleet =
        [
            .. Enumerable.Range(1, count).Select(number => Make(number, GatewayKind.Healthy)),
            Make(count + 1, GatewayKind.Slow),
            Make(count + 2, GatewayKind.Dead),
        ];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var serving = Task.WhenAll(
            fleet.Select(gateway => Task.Run(() => gateway.ServeAsync(stop.Token), CancellationToken.None))
        );
        try
        {
            var uris = fleet.ToDictionary(gateway => gateway.Id, gateway => gateway.Uri);
            await using var server = new ServerUnderTest(folder.Path, interval, Timeout, uris);
            var started = Now();
            server.Start();
            await server.ReadyAsync(cancel);
            // The server starts with all of them at once; only the steady state is measured.
            await server.UntilAsync(
                "told all by every healthy gateway",
                async () => (await server.StatusAsync(cancel)).Member("gateways").Number("complete") >= count,
                cancel
            );
            var heard = TimeSpan.FromMicroseconds(Now() - started);
            await Task.Delay(2 * interval, cancel);

            using var self = Process.GetCurrentProcess();
            var (from, serverCpu, fleetCpu) = (Now(), server.Process.Cpu, self.TotalProcessorTime);
            await Task.Delay(measured, cancel);
            self.Refresh();
            var (to, serverPeak) = (Now(), server.Process.PeakMemory);
            serverCpu = server.Process.Cpu - serverCpu;
            fleetCpu = self.TotalProcessorTime - fleetCpu;

            await Task.Delay(Rest, cancel);
            var audits = await server.Client.AllAsync("audits", null, cancel);
            var status = await server.StatusAsync(cancel);
            await stop.CancelAsync();
            await serving;
            var report = new FleetReport(
                from,
                to,
                interval,
                fleet.ToDictionary(gateway => gateway.Id, gateway => gateway.Kind),
                [.. audits.Items.Select(FleetAudit.Of)],
                heard,
                serverCpu,
                fleetCpu,
                serverPeak,
                (long)status.Number("connections")!.Value,
                fleet
                    .Where(gateway => gateway.Kind != GatewayKind.Dead)
                    .Sum(gateway => (long)gateway.CountNow())
            );
            return report.Write(Console.Out) ? ExitCode.Complete : 1;
        }
        finally
        {
            await stop.CancelAsync();
            await serving;
            foreach (var gateway in fleet)
                gateway.Dispose();
        }
    }
}
