using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using CallServer.Bench.Fleet;
using CallServer.Gateway;
using CallServer.Host.Cli;
using CallServer.Server.Net;

namespace CallServer.Bench.Hostile;

/// <summary>
/// <c>hostile</c>: healthy gateways, first alone and then beside twenty hostile ones. Measures the memory that takes,
/// whether the healthy ones' audits keep their schedule, and what was refused and why.
/// </summary>
internal static class HostileCommand
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    public static Command Build()
    {
        var gateways = new Option<int>("--gateways")
        {
            Description = "Healthy ones",
            DefaultValueFactory = _ => 100,
        };
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 200 };
        var interval = Options.Duration("--interval", "Between the audits of a gateway [default: 5s]");
        var minutes = new Option<double>("--minutes")
        {
            Description = "Beside the hostile ones",
            DefaultValueFactory = _ => 10,
        };
        var before = new Option<double>("--before")
        {
            Description = "Minutes of the healthy ones alone",
            DefaultValueFactory = _ => 1,
        };
        var only = new Option<string[]>("--only")
        {
            Description = "These vices alone",
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("hostile", "Audits healthy gateways beside hostile ones.")
        {
            gateways,
            connections,
            interval,
            minutes,
            before,
            only,
        };
        command.SetAction(
            async (parsed, cancel) =>
            {
                var pace = parsed.GetValue(interval) ?? TimeSpan.FromSeconds(5);
                var (healthy, each) = (parsed.GetValue(gateways), parsed.GetValue(connections));
                var alone = await RunAsync(
                    healthy,
                    each,
                    pace,
                    TimeSpan.FromMinutes(parsed.GetValue(before)),
                    (_, _) => [],
                    cancel
                );
                alone.Write(Console.Out, "alone");
                var wanted = parsed.GetValue(only) ?? [];
                var beside = await RunAsync(
                    healthy,
                    each,
                    pace,
                    TimeSpan.FromMinutes(parsed.GetValue(minutes)),
                    (mgcp, traps) =>
                        [
                            .. HostileFleet
                                .Make(mgcp, traps)
                                .Where(vice => wanted.Length == 0 || wanted.Contains(vice.Id)),
                        ],
                    cancel
                );
                beside.Write(Console.Out, "beside the hostile ones");
                var slower = beside.Interval.P99 / alone.Interval.P99 - 1;
                Console.WriteLine(
                    FormattableString.Invariant(
                        $"healthy audits' p99 interval: {100 * slower:+0.0;-0.0} % beside the hostile ones"
                    )
                );
                return slower <= 0.02 && beside.HealthyPartial == 0 ? ExitCode.Complete : 1;
            }
        );
        return command;
    }

    private static async Task<HostileReport> RunAsync(
        int healthy,
        int connections,
        TimeSpan interval,
        TimeSpan measured,
        Func<IPEndPoint, IPEndPoint, IReadOnlyList<HostileGateway>> vices,
        CancellationToken cancel
    )
    {
        var clock = new SystemClock();
        long Now() => (clock.Now.Steady + clock.Correction).Micros;
        List<FleetGateway> fleet =
        [
            .. Enumerable
                .Range(1, healthy)
                .Select(number => new FleetGateway(
                    FormattableString.Invariant($"healthy-{number:000}"),
                    GatewayKind.Healthy,
                    new GatewaySettings
                    {
                        Connections = connections,
                        Churn = 0.2,
                        Seed = (ulong)number,
                    },
                    clock
                )),
        ];
        // Picked last, so that none of the others takes one of these ports meanwhile.
        var (mgcp, traps) = (FreeUdp(), FreeUdp());
        var hostile = vices(mgcp, traps);
        using var folder = new TempFolder();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var serving = Task.WhenAll([
            .. fleet.Select(gateway =>
                Task.Run(() => gateway.ServeAsync(stop.Token), CancellationToken.None)
            ),
            .. hostile.Select(gateway =>
                Task.Run(() => gateway.ServeAsync(stop.Token), CancellationToken.None)
            ),
        ]);
        try
        {
            var uris = fleet
                .Select(gateway => (gateway.Id, gateway.Uri))
                .Concat(hostile.Select(gateway => (gateway.Id, gateway.Uri)))
                .ToDictionary(gateway => gateway.Id, gateway => gateway.Uri);
            await using var server = new ServerUnderTest(
                folder.Path,
                interval,
                Timeout,
                uris,
                more: new Dictionary<string, object>
                {
                    ["listeners"] = new { mgcp = mgcp.ToString(), traps = traps.ToString() },
                }
            );
            server.Start();
            await server.ReadyAsync(cancel);
            await Task.Delay(2 * interval, cancel);

            var measure = new HostileMeasure(server, fleet.Select(gateway => gateway.Id).ToHashSet());
            var (from, cpu) = (Now(), server.Process.Cpu);
            await measure.WatchAsync(measured, cancel);
            return await measure.EndAsync(from, Now(), server.Process.Cpu - cpu, folder.Path, cancel);
        }
        finally
        {
            await stop.CancelAsync();
            await serving;
            foreach (var gateway in fleet.Concat<IDisposable>(hostile))
                gateway.Dispose();
        }
    }

    private static IPEndPoint FreeUdp()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }
}
