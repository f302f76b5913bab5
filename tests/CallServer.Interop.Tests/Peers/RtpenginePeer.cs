using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace CallServer.Interop.Peers;

/// <summary>Debian's rtpengine, which answers ng over UDP, TCP and HTTP.</summary>
internal sealed partial class RtpenginePeer
{
    // Two parties with RTP and RTCP each.
    private const int FilesPerCall = 4;
    private const int FilesBesides = 200;

    private readonly Scope scope;
    private readonly int deleteDelay;
    private readonly RedisPeer? redis;
    private string state = "";
    private ChildProcess process;

    private RtpenginePeer(Scope scope, int deleteDelay, RedisPeer? redis)
    {
        this.scope = scope;
        this.deleteDelay = deleteDelay;
        this.redis = redis;
        (Udp, Tcp, Http) = (FreePort.Udp(), FreePort.Tcp(), FreePort.Tcp());
        process = Run();
        Proxy = scope.Own(new NgClient(Udp));
    }

    public ChildProcess Process => process;

    public int Udp { get; }

    public int Tcp { get; }

    public int Http { get; }

    /// <summary>A client on its UDP port.</summary>
    public NgClient Proxy { get; }

    /// <summary>The URIs of its three transports.</summary>
    public IReadOnlyList<string> Uris =>
        [$"ng://127.0.0.1:{Udp}", $"ng+tcp://127.0.0.1:{Tcp}", $"ng+http://127.0.0.1:{Http}"];

    /// <summary>Starts one on free ports, and returns when it answers.</summary>
    /// <param name="scope">The test's scope.</param>
    /// <param name="calls">How many calls it must be able to carry.</param>
    /// <param name="deleteDelay">How many seconds it keeps a deleted call, unless the request names another
    /// delay.</param>
    /// <param name="redis">The Redis where it keeps its calls, to restore them after a restart; null to keep
    /// none.</param>
    public static async Task<RtpenginePeer> StartAsync(
        Scope scope,
        int calls,
        int deleteDelay = 0,
        RedisPeer? redis = null
    )
    {
        Programs.Require("rtpengine");
        await RequireFilesAsync(scope, calls);
        for (var attempt = 1; ; attempt++)
        {
            var peer = new RtpenginePeer(scope, deleteDelay, redis);
            if (await peer.AnswersAsync())
                return peer;
            if (attempt == 3)
                throw Trouble.Failed($"rtpengine does not start: {peer.process}");
        }
    }

    /// <summary>Kills it, as a crash would.</summary>
    public async Task KillAsync()
    {
        await process.SignalAsync("KILL");
        await process.FinishAsync(TimeSpan.FromSeconds(20));
    }

    /// <summary>
    /// Restarts it on the same ports, without calls unless it has a Redis. The answer brackets its start.
    /// </summary>
    public async Task<Bracket> StartAgainAsync()
    {
        var before = DateTimeOffset.UtcNow;
        process = Run();
        if (!await AnswersAsync())
            throw Trouble.Failed($"rtpengine does not start: {process}");
        return new Bracket(before, DateTimeOffset.UtcNow);
    }

    /// <summary>How long its last start took to restore its calls from Redis, by its own word.</summary>
    public async Task<TimeSpan> RestoreTimeAsync()
    {
        var log = await File.ReadAllTextAsync(Path.Combine(state, "rtpengine.log"));
        var told = RestoreTime().Match(log);
        if (!told.Success)
            throw Trouble.Failed("rtpengine's log tells no Redis restore time");
        var number = double.Parse(told.Groups[1].Value, CultureInfo.InvariantCulture);
        return told.Groups[2].Value == "ms"
            ? TimeSpan.FromMilliseconds(number)
            : TimeSpan.FromSeconds(number);
    }

    // Through exec, the script's process becomes rtpengine itself.
    private ChildProcess Run()
    {
        state = scope.NewFolder("rtpengine");
        var environment = new Dictionary<string, string?>
        {
            ["STATE"] = state,
            ["DELETE_DELAY"] = $"{deleteDelay}",
            ["REDIS"] = redis is null ? null : $"{redis.Port}",
        };
        string[] arguments = [Programs.Script("rtpengine", "start.sh"), $"{Udp}", $"{Tcp}", $"{Http}"];
        return scope.Start("/bin/sh", arguments, environment);
    }

    // False if it ended: another program took a port in between.
    private async Task<bool> AnswersAsync()
    {
        var ping = new JsonObject { ["command"] = "ping" };
        return await Eventually.GetAsync(
                async () =>
                    process.HasExited ? "ended"
                    : await Proxy.TryAskAsync(ping, attempts: 1) is null ? null
                    : "answers",
                () => $"an answer of {process}"
            ) == "answers";
    }

    private static async Task RequireFilesAsync(Scope scope, int calls)
    {
        var needed = calls * FilesPerCall + FilesBesides;
        var limit = (await scope.RunAsync("/bin/sh", ["-c", "ulimit -Hn"])).Output.Trim();
        if (limit != "unlimited" && int.Parse(limit, CultureInfo.InvariantCulture) < needed)
            throw Programs.Missing($"{calls} calls need {needed} open files, and ulimit -Hn is {limit}");
    }

    [GeneratedRegex(@"Redis restore time\D*([0-9.]+)\s*(ms)?")]
    private static partial Regex RestoreTime();
}
