using System.Net;
using System.Net.Sockets;

namespace CallServer.Interop.Peers;

/// <summary>Debian's redis-server, empty, writing no file.</summary>
internal sealed class RedisPeer
{
    private RedisPeer(int port) => Port = port;

    public int Port { get; }

    /// <summary>Starts one on a free port of 127.0.0.1, and returns when it answers.</summary>
    public static async Task<RedisPeer> StartAsync(Scope scope)
    {
        var program = Programs.Find("redis-server");
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort.Tcp();
            string[] arguments =
            [
                .. (string[])["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
                .. (string[])["--dir", scope.NewFolder("redis")],
            ];
            var process = scope.Start(program, arguments);
            var outcome = await Eventually.GetAsync(
                async () =>
                    process.HasExited ? "ended"
                    : await AnswersAsync(port) ? "answers"
                    : null,
                () => $"an answer of {process}"
            );
            if (outcome == "answers")
                return new RedisPeer(port);
            if (attempt == 3)
                throw Trouble.Failed($"redis-server does not start: {process}");
        }
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        using var client = new TcpClient();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port, patience.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
