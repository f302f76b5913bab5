using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CallServer.Interop.Peers;

/// <summary>A proxy's side of rtpengine's ng protocol, in JSON over UDP, one request at a time.</summary>
internal sealed class NgClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly UdpClient socket;

    public NgClient(int port)
    {
        socket = new UdpClient();
        socket.Connect(IPAddress.Loopback, port);
    }

    /// <summary>The answer, or null if none comes; a lost request is repeated with its cookie.</summary>
    public async Task<JsonNode?> TryAskAsync(JsonObject request, int attempts = 10)
    {
        var cookie = Guid.NewGuid().ToString("n");
        var message = Encoding.UTF8.GetBytes($"{cookie} {request.ToJsonString()}");
        for (var attempt = 0; attempt < attempts; attempt++)
        {
            using var patience = new CancellationTokenSource(Patience);
            try
            {
                await socket.SendAsync(message, patience.Token);
                while (true)
                {
                    var answer = Encoding.UTF8.GetString((await socket.ReceiveAsync(patience.Token)).Buffer);
                    if (answer.StartsWith(cookie, StringComparison.Ordinal))
                        return JsonNode.Parse(answer[(cookie.Length + 1)..]);
                }
            }
            catch (OperationCanceledException) { }
            // Nobody listens on the port yet.
            catch (SocketException) { }
        }

        return null;
    }

    /// <summary>An answer that must come, and must be ok.</summary>
    public async Task<JsonNode> AskAsync(string command, params (string Key, JsonNode Value)[] rest)
    {
        var request = new JsonObject { ["command"] = command };
        foreach (var (key, value) in rest)
            request[key] = value;
        var answer = await TryAskAsync(request);
        return answer?["result"]?.GetValue<string>() == "ok"
            ? answer
            : throw Trouble.Failed($"{request}: {answer}");
    }

    /// <summary>The number of calls that it carries.</summary>
    public async Task<long> CallsAsync()
    {
        var answer = await AskAsync("statistics");
        var calls = answer["statistics"]!["currentstatistics"]!["sessionstotal"]!;
        return long.Parse(calls.ToString(), System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Whole seconds since it started.</summary>
    public async Task<long> UpTimeAsync()
    {
        var answer = await AskAsync("statistics");
        var upTime = answer["statistics"]!["totalstatistics"]!["uptime"]!;
        return long.Parse(upTime.ToString(), System.Globalization.CultureInfo.InvariantCulture);
    }

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
