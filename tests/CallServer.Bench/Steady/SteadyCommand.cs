using System.CommandLine;
using System.Diagnostics;
using CallServer.Bench.Fleet;
using CallServer.Gateway;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Output;
using CallServer.Server.Net;

namespace CallServer.Bench.Steady;

/// <summary>
/// <c>steady</c>: hours of a network at many times its speed, on one server that keeps a bounded past. Shows that its
/// memory and its file do not grow.
/// </summary>
internal static class SteadyCommand
{
    // Network time before the measurement begins, as a share of the measured time: it fills the past that is kept.
    private const double WarmUpShare = 0.25;
    private const int Samples = 120;

    public static Command Build()
    {
        var gateways = new Option<int>("--gateways") { DefaultValueFactory = _ => 20 };
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 250 };
        var churn = new Option<double>("--churn")
        {
            Description = "Connections that begin and end a second of the network, in all",
            DefaultValueFactory = _ => 40,
        };
        var interval = Options.Duration(
            "--interval",
            "Between the audits of a gateway, of the network [default: 10s]"
        );
        var speed = new Option<double>("--speed") { DefaultValueFactory = _ => 20 };
        var hours = new Option<double>("--hours")
        {
            Description = "Of the network",
            DefaultValueFactory = _ => 2,
        };
        var kept = new Option<int>("--cdrs-at-most") { DefaultValueFactory = _ => 50_000 };
        var picture = new Option<FileInfo?>("--picture") { Description = "An SVG file of both lines" };
        var command = new Command("steady", "Runs hours of a network at many times its speed.")
        {
            gateways,
            connections,
            churn,
            interval,
            speed,
            hours,
            kept,
            picture,
        };
        command.SetAction(
            (parsed, cancel) =>
                new SteadyRun(
                    parsed.GetValue(gateways),
                    parsed.GetValue(connections),
                    parsed.GetValue(churn),
                    parsed.GetValue(interval) ?? TimeSpan.FromSeconds(10),
                    parsed.GetValue(speed),
                    TimeSpan.FromHours(parsed.GetValue(hours)),
                    parsed.GetValue(kept)
                ).RunAsync(parsed.GetValue(picture), cancel)
        );
        return command;
    }

    private sealed record SteadyRun(
        int Gateways,
        int Connections,
        double Churn,
        TimeSpan Interval,
        double Speed,
        TimeSpan Measured,
        int CdrsAtMost
    )
    {
        public async Task<int> RunAsync(FileInfo? picture, CancellationToken cancel)
        {
            var title = FormattableString.Invariant(
                $"{Environment.ProcessorCount} cores; {Gateways} gateways of {Connections} connections, {Churn:0} end a second, {Measured.TotalHours:0.#} h at {Speed:0} times the speed"
            );
            Console.WriteLine(title);
            using var folder = new TempFolder();
            var clock = new SystemClock();
            List<FleetGateway> fleet =
            [
                .. Enumerable
                    .Range(1, Gateways)
                    .Select(number => new FleetGateway(
                        FormattableString.Invariant($"gw-{number:000}"),
                        GatewayKind.Healthy,
                        new GatewaySettings
                        {
                            Connections = Connections,
                            Churn = Churn * Speed / Gateways,
                            Seed = (ulong)number,
                        },
                        clock
                    )),
            ];
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var serving = Task.WhenAll(
                fleet.Select(gateway =>
                    Task.Run(() => gateway.ServeAsync(stop.Token), CancellationToken.None)
                )
            );
            try
            {
                await using var server = new ServerUnderTest(
                    folder.Path,
                    Interval / Speed,
                    Interval / Speed / 2,
                    fleet.ToDictionary(gateway => gateway.Id, gateway => gateway.Uri),
                    more: new Dictionary<string, object>
                    {
                        ["keep"] = new { cdrsAtMost = CdrsAtMost, changes = CdrsAtMost },
                    }
                );
                server.Start();
                await server.ReadyAsync(cancel);
                await Task.Delay(Measured * WarmUpShare / Speed, cancel);
                var samples = await SampleAsync(server, cancel);
                if (picture is not null)
                    await File.WriteAllTextAsync(
                        picture.FullName,
                        SteadyPicture.Draw(samples, title),
                        cancel
                    );
                return Judge(samples);
            }
            finally
            {
                await stop.CancelAsync();
                await serving;
                foreach (var gateway in fleet)
                    gateway.Dispose();
            }
        }

        private async Task<List<SteadySample>> SampleAsync(ServerUnderTest server, CancellationToken cancel)
        {
            List<SteadySample> samples = [];
            Console.WriteLine($"{"network", 9}  {"memory", 9}  {"file", 9}  {"connections", 11}");
            using var timer = new PeriodicTimer(Measured / Speed / Samples);
            var watch = Stopwatch.StartNew();
            do
            {
                var status = await server.StatusAsync(cancel);
                var sample = new SteadySample(
                    watch.Elapsed * Speed,
                    server.Process.Memory,
                    Octets(server.Data),
                    (long)status.Number("connections")!.Value
                );
                if (samples.Count % (Samples / 12) == 0)
                    Console.WriteLine(
                        FormattableString.Invariant(
                            $"{sample.At.TotalMinutes, 5:0} min  {sample.Memory / 1e6, 6:0} MB  {sample.Database / 1e6, 6:0} MB  {sample.Connections, 11}"
                        )
                    );
                samples.Add(sample);
            } while (watch.Elapsed * Speed < Measured && await timer.WaitForNextTickAsync(cancel));
            return samples;
        }

        private static long Octets(string data) =>
            new[] { data, data + "-wal", data + "-shm" }
                .Select(path => new FileInfo(path))
                .Sum(file => file.Exists ? file.Length : 0);

        /// <summary>Compares the second half with the first.</summary>
        private static int Judge(List<SteadySample> samples)
        {
            double Growth(Func<SteadySample, long> value)
            {
                var half = samples.Count / 2;
                return samples.Skip(half).Average(value) / samples.Take(half).Average(value) - 1;
            }

            double Most(Func<SteadySample, long> value) => samples.Max(value) / 1e6;
            Console.WriteLine(
                FormattableString.Invariant(
                    $"second half against the first: memory {Growth(sample => sample.Memory):+0.0 %;-0.0 %}, at most {Most(sample => sample.Memory):0} MB; file {Growth(sample => sample.Database):+0.0 %;-0.0 %}, at most {Most(sample => sample.Database):0} MB"
                )
            );
            return ExitCode.Complete;
        }
    }
}
