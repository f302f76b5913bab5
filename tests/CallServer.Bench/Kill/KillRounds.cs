using System.Diagnostics;
using System.Runtime.CompilerServices;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;
using CallServer.Server.Net;

namespace CallServer.Bench.Kill;

/// <summary>
/// A simulated gateway carries calls that come and go. A server that audits it is killed at random moments and
/// restarted on the same file.
/// </summary>
internal sealed class KillRounds(string folder, int seed)
{
    private const string Gateway = "gw1";
    private const int Connections = 200;
    private const int Churn = 20;

    /// <summary>One kill in this many is followed by another before the server is ready.</summary>
    private const int EarlyOnceIn = 4;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(0.3);
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan MostEarly = TimeSpan.FromSeconds(0.8);

    // After this time the gateway has written what happened until now.
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(200);

    private readonly SystemClock clock = new();
#pragma warning disable CA5394 // the same seed is to kill at the same moments
    private readonly Random random = new(seed);
#pragma warning restore CA5394
    private readonly string truth = Path.Combine(folder, "truth.ndjson");

    private readonly AuditTimes audits = new();

    public async IAsyncEnumerable<KillRound> PlayAsync(
        int times,
        [EnumeratorCancellation] CancellationToken cancel
    )
    {
        await using var gateway = await SimulatedGateway.StartAsync(Connections, Churn, truth, cancel);
        var uris = new Dictionary<string, string> { [Gateway] = gateway.Uri };
        await using var server = new ServerUnderTest(folder, Interval, Interval, uris);
        server.Start();
        await server.ReadyAsync(cancel);
        var ready = Now;
        for (var number = 1; number <= times; number++)
        {
            var moment = ready + (long)Between(Least, Most).TotalMicroseconds;
            if (moment > Now)
                await Task.Delay(TimeSpan.FromMicroseconds(moment - Now), cancel);
            var killed = Now;
            await server.KillAsync();
            var after = TimeSpan.FromMicroseconds(killed - ready);
            var file = await DataFileCheck.OfAsync(server.Data, cancel);

            TimeSpan? early = IsEarly() ? Between(TimeSpan.Zero, MostEarly) : null;
            if (early is { } wait && DataFileCheck.IsSound(file))
            {
                server.Start();
                await Task.Delay(wait, cancel);
                await server.KillAsync();
                file = await DataFileCheck.OfAsync(server.Data, cancel);
            }

            var restarted = Now;
            server.Start();
            await server.ReadyAsync(cancel);
            ready = Now;
            await audits.CompleteAsync(server, gateways: 1, ready, cancel);
            var verdict = await JudgeAsync(server, killed, restarted, cancel);
            yield return new KillRound(
                number,
                after,
                early,
                file,
                TimeSpan.FromMicroseconds(ready - restarted),
                verdict
            );
        }
    }

    private long Now => (clock.Now.Steady + clock.Correction).Micros;

#pragma warning disable CA5394
    private bool IsEarly() => random.Next(EarlyOnceIn) == 0;

    private TimeSpan Between(TimeSpan least, TimeSpan most) => least + (most - least) * random.NextDouble();
#pragma warning restore CA5394

    private async Task<DemoVerdict> JudgeAsync(
        ServerUnderTest server,
        long killed,
        long restarted,
        CancellationToken cancel
    )
    {
        var from = Now;
        await audits.ReadAsync(server, cancel);
        var connections = await server.Client.AllAsync("connections", null, cancel);
        var cdrs = await server.Client.AllAsync("cdrs", null, cancel);
        var to = Now;
        await Task.Delay(Glance, cancel);
        var record = new DemoRecord(connections.Items, cdrs.Items, [], audits.All, from, to);
        return DemoVerdict.Of(
            DemoTruth.Read(Gateway, await DemoTruth.LinesAsync(truth, cancel)),
            record,
            killed,
            restarted,
            new Dictionary<string, int> { [Gateway] = 1 }
        );
    }
}
