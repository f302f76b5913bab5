using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using CallServer.Bench.Performance.Tools;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Lines;

/// <summary>
/// An audit of a real rtpengine over TCP by a whole process. Beside it: how long rtpengine itself takes to restore as many
/// calls from its Redis, and the bare fetch of the same answers.
/// </summary>
internal sealed class RtpengineLine : ILine
{
    public string Name => "rtpengine";

    public string What => "audit of a real rtpengine over TCP, `callserver audit --json`, whole process";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (count, times) = size == Size.Long ? (4500, 3) : (100, 1);
        await using var scope = new Scope();
        var redis = await RedisPeer.StartAsync(scope);
        var rtpengine = await RtpenginePeer.StartAsync(scope, count, redis: redis);
        var calls = await NgCall.MakeAsync(rtpengine.Proxy, 0, count);
        var ids = calls.SelectMany(call => call.Ids).ToHashSet();

        var (audits, fetches, wrong) = (new List<WholeProcess>(), new List<double>(), new List<string>());
        for (var time = 0; time < times; time++)
        {
            cancel.ThrowIfCancellationRequested();
            audits.Add(
                await WholeProcess.CallServerAsync(
                    scope,
                    "audit",
                    $"ng+tcp://127.0.0.1:{rtpengine.Tcp}",
                    "--json",
                    "--timeout",
                    "60s"
                )
            );
            using var told = JsonDocument.Parse(audits[^1].Output);
            var listed = told.RootElement.Member("connections").EnumerateArray().ToList();
            var missed = ids.Except(listed.Select(connection => connection.Text("id")!)).Count();
            if (audits[^1].ExitCode != 0 || missed > 0 || listed.Count != ids.Count)
                wrong.Add(
                    $"an audit ended with {audits[^1].ExitCode}, lists {listed.Count} of {ids.Count} parties and misses {missed}"
                );
            fetches.Add(await FetchAsync(rtpengine.Tcp, calls, cancel));
        }

        var restores = new List<double>();
        for (var time = 0; time < times; time++)
        {
            await rtpengine.KillAsync();
            await rtpengine.StartAgainAsync();
            restores.Add((await rtpengine.RestoreTimeAsync()).TotalSeconds);
            if (await rtpengine.Proxy.CallsAsync() is var restored && restored != count)
                wrong.Add($"rtpengine restored {restored} of {count} calls");
        }
        var start = await WholeProcess.CallServerAsync(scope, "--version");
        var ours = new Samples("s", audits.Select(audit => audit.Seconds));
        return new Measured(
            [
                new Row($"{count:N0} calls", ours)
                {
                    Beside = "rtpengine's own restore of as many from Redis",
                    Rival = new Samples("s", restores),
                    Reach = new Reach(Ratio: 3),
                    Note = $"CPU {new Samples("s", audits.Select(audit => audit.Cpu))}",
                },
                new Row(
                    $"{count:N0} calls, without what `callserver --version` takes",
                    new Samples("s", audits.Select(audit => audit.Seconds - start.Seconds))
                )
                {
                    Beside = "a bare fetch of the same answers over one connection",
                    Rival = new Samples("s", fetches),
                    Reach = new Reach(Ratio: 1 / 1.5),
                },
            ],
            wrong
        );
    }

    /// <summary>Seconds until every call's answer has come, all questions written at once.</summary>
    private static async Task<double> FetchAsync(
        int port,
        IReadOnlyList<NgCall> calls,
        CancellationToken cancel
    )
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        var watch = Stopwatch.StartNew();
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, port, limit.Token);
        var stream = client.GetStream();
        // rtpengine answers a cookie that it remembers without looking.
        var cookie = Guid.NewGuid().ToString("n");
        var list = string.Create(
            CultureInfo.InvariantCulture,
            $"{cookie}list d7:command4:list5:limiti{calls.Count}ee"
        );
        await stream.WriteAsync(Encoding.ASCII.GetBytes(list), limit.Token);
        await CountAsync(stream, cookie, 1, limit.Token);
        var questions = string.Concat(
            calls.Select(call =>
                $"{cookie}{call.Number} d7:call-id{call.CallId.Length}:{call.CallId}7:command5:querye"
            )
        );
        var written = stream.WriteAsync(Encoding.ASCII.GetBytes(questions), limit.Token);
        await CountAsync(stream, cookie, calls.Count, limit.Token);
        await written;
        return watch.Elapsed.TotalSeconds;
    }

    /// <summary>Reads until this many answers have begun and nothing more has come with the last.</summary>
    private static async Task CountAsync(
        NetworkStream stream,
        string cookie,
        int answers,
        CancellationToken cancel
    )
    {
        var wanted = Encoding.ASCII.GetBytes(cookie);
        var buffer = new byte[1 << 20];
        var (kept, seen) = (0, 0);
        while (seen < answers || stream.DataAvailable)
        {
            var read = await stream.ReadAsync(buffer.AsMemory(kept), cancel);
            if (read == 0)
                throw Trouble.Failed($"rtpengine closed the connection after {seen} of {answers} answers");
            var length = kept + read;
            seen += buffer.AsSpan(0, length).Count(wanted);
            // A cookie may lie across two reads.
            kept = Math.Min(wanted.Length - 1, length);
            buffer.AsSpan(length - kept, kept).CopyTo(buffer);
        }
    }
}
