using System.CommandLine;
using CallServer.Bench.Takeover;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;
using CallServer.Server.Net;

namespace CallServer.Bench.Rtpengine;

/// <summary>
/// <c>takeover-rtpengine</c>: kills the primary of a real rtpengine with SIGKILL and measures how long until its
/// backup has the record. In the same run rtpengine itself is killed, and reports how long it took to restore as many
/// calls from its Redis.
/// </summary>
internal static class TakeoverRtpengineCommand
{
    private const int CallsBetweenLooks = 100;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    public static Command Build()
    {
        var calls = new Option<int>("--calls") { DefaultValueFactory = _ => 4500 };
        var times = new Option<int>("--times") { DefaultValueFactory = _ => 3 };
        var interval = Options.Duration("--interval", "Between the audits of rtpengine [default: 30s]");
        var cold = new Option<bool>("--cold") { Description = "The backup asks nobody before it takes over" };
        var command = new Command(
            "takeover-rtpengine",
            "Kills a primary of a real rtpengine, and times its backup beside rtpengine's own restore."
        )
        {
            calls,
            times,
            interval,
            cold,
        };
        command.SetAction(
            (parsed, cancel) =>
                RunAsync(
                    parsed.GetValue(calls),
                    parsed.GetValue(times),
                    parsed.GetValue(interval) ?? TimeSpan.FromSeconds(30),
                    parsed.GetValue(cold),
                    cancel
                )
        );
        return command;
    }

    private static async Task<int> RunAsync(
        int calls,
        int times,
        TimeSpan interval,
        bool cold,
        CancellationToken cancel
    )
    {
        Console.WriteLine(
            $"{Environment.ProcessorCount} cores; one rtpengine over TCP with {calls} calls; {(cold ? "cold" : "warm")} backup; times in seconds from kill -9"
        );
        Console.WriteLine(RtpengineRun.Heading);
        var runs = new List<RtpengineRun>();
        for (var number = 1; number <= times; number++)
        {
            cancel.ThrowIfCancellationRequested();
            var run = await OnceAsync(number, calls, interval, cold, cancel);
            Console.WriteLine(run);
            runs.Add(run);
        }

        var bad = runs.Count(run => !run.IsGood);
        Console.WriteLine(
            FormattableString.Invariant(
                $"worst: whole {runs.Max(run => run.Whole).TotalSeconds:0.00} s after kill -9; rtpengine's own restore {runs.Max(run => run.Restore).TotalSeconds:0.00} s, {runs.Max(run => run.Answers).TotalSeconds:0.00} s from its kill to its answer"
            )
        );
        Console.WriteLine(
            bad == 0
                ? $"verdict: {times} of {times} whole, nothing missed, nothing wrong"
                : $"verdict: {bad} of {times} runs missed something or are wrong"
        );
        return bad == 0 ? ExitCode.Complete : 1;
    }

    private static async Task<RtpengineRun> OnceAsync(
        int number,
        int count,
        TimeSpan interval,
        bool cold,
        CancellationToken cancel
    )
    {
        var clock = new SystemClock();
        await using var scope = new Scope();
        var redis = await RedisPeer.StartAsync(scope);
        var rtpengine = await RtpenginePeer.StartAsync(scope, count, redis: redis);
        var calls = new List<NgCall>(count);
        while (calls.Count < count)
        {
            cancel.ThrowIfCancellationRequested();
            var next = Math.Min(CallsBetweenLooks, count - calls.Count);
            calls.AddRange(await NgCall.MakeAsync(rtpengine.Proxy, calls.Count, next));
        }

        var gateways = new Dictionary<string, string> { ["gw1"] = $"ng+tcp://127.0.0.1:{rtpengine.Tcp}" };
        long killed,
            detected,
            whole;
        RecordCheck check;
        await using (var pair = new ServerPair(scope.NewFolder("pair"), interval, Timeout, gateways, cold))
        {
            await pair.StartAsync(gateways.Count, cancel);
            killed = Now(clock);
            await pair.Primary.KillAsync();
            await pair.Backup.UntilAsync(
                "active",
                async () => (await pair.Backup.StatusAsync(cancel)).Text("role") == "active",
                cancel
            );
            detected = Now(clock);
            await pair.Backup.UntilAsync(
                "whole",
                async () =>
                    (await pair.Backup.Client.AllAsync("audits", null, cancel))
                        .Items.Select(AuditTime.Of)
                        .Any(audit => audit is { Complete: true } && audit.Asked > killed),
                cancel
            );
            whole = Now(clock);
            var record = (await pair.Backup.Client.AllAsync("connections", null, cancel)).Items;
            check = RecordCheck.Of(calls, record, killed);
        }

        // Nobody asks it any more, so its restore has the machine to itself.
        var ended = clock.Now.Steady;
        await rtpengine.KillAsync();
        await rtpengine.StartAgainAsync();
        var answers = clock.Now.Steady - ended;
        return new RtpengineRun(
            number,
            count,
            TimeSpan.FromMicroseconds(detected - killed),
            TimeSpan.FromMicroseconds(whole - killed),
            check.Missed,
            check.Wrong,
            check.Outside,
            await rtpengine.RestoreTimeAsync(),
            answers,
            await rtpengine.Proxy.CallsAsync()
        );
    }

    private static long Now(SystemClock clock) => (clock.Now.Steady + clock.Correction).Micros;
}
