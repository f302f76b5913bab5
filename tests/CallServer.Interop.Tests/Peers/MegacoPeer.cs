using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CallServer.Interop.Peers;

/// <summary>What a gateway of Erlang's megaco speaks.</summary>
/// <param name="Version">The version of H.248.1, 1 to 3.</param>
/// <param name="Encoding">pretty or compact: long tokens in lines, or short ones without blanks.</param>
/// <param name="LargestPdu">In version 3, longer replies are divided into segments; 0: no reply is.</param>
internal sealed record MegacoSpeech(int Version = 1, string Encoding = "pretty", int LargestPdu = 0);

/// <summary>A gateway whose H.248 is Erlang's megaco. Context K has two terminations, and began 10 K seconds before the start.</summary>
internal sealed class MegacoPeer
{
    private readonly IPEndPoint control;

    private MegacoPeer(int port, int control, DateTimeOffset started)
    {
        Port = port;
        this.control = new IPEndPoint(IPAddress.Loopback, control);
        Started = started;
    }

    public int Port { get; }

    /// <summary>When its script began, by its own clock, to the millisecond.</summary>
    public DateTimeOffset Started { get; }

    /// <summary>The connections of a context, as an audit names them.</summary>
    public static string[] Ids(int context) =>
        [$"{context}/ds/ds1-1/{context}", $"{context}/rtp/{10000 + context}"];

    /// <summary>When the terminations of this context left the null context.</summary>
    public DateTimeOffset Began(int context) => Started - TimeSpan.FromSeconds(10 * context);

    /// <summary>Starts one with this many contexts, and returns when it answers.</summary>
    public static async Task<MegacoPeer> StartAsync(Scope scope, MegacoSpeech speech, int contexts)
    {
        var escript = Programs.Find("escript");
        if (Directory.GetDirectories("/usr/lib/erlang/lib", "megaco-*").Length == 0)
            throw Programs.Missing("erlang-megaco is missing: sudo scripts/peers.sh");
        string[] arguments =
        [
            Programs.Script("megaco", "gateway.escript"),
            $"{IPAddress.Loopback}",
            $"{speech.Version}",
            speech.Encoding,
            $"{contexts}",
            $"{speech.LargestPdu}",
        ];
        var environment = new Dictionary<string, string?> { ["ERL_CRASH_DUMP_SECONDS"] = "0" };
        var process = scope.Start(escript, arguments, environment);
        var ready = await process.LineAsync(line => line.StartsWith("ready ", StringComparison.Ordinal));
        var words = ready.Split(' ');
        return new MegacoPeer(Number(words[1]), Number(words[2]), Time(words[3]));
    }

    /// <summary>Ends a context.</summary>
    public Task EndAsync(int context) => TellAsync($"end {context}");

    /// <summary>From now on it says that a transaction is pending before it answers it, and wants its answer acknowledged.</summary>
    public Task SlowDownAsync() => TellAsync("slow");

    private async Task TellAsync(string order)
    {
        using var socket = new UdpClient();
        socket.Connect(control);
        await socket.SendAsync(Encoding.ASCII.GetBytes(order));
        await socket.ReceiveAsync();
    }

    private static int Number(string digits) => int.Parse(digits, CultureInfo.InvariantCulture);

    private static DateTimeOffset Time(string milliseconds) =>
        DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(milliseconds, CultureInfo.InvariantCulture));
}
