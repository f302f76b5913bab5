using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace CallServer.Interop.Peers;

/// <summary>A connection that a call agent created: endpoint, call id, and the gateway's own id.</summary>
internal sealed record MgcpConnection(string Endpoint, string Call, string Id, int LocalPort)
{
    /// <summary>The id that an audit gives it.</summary>
    public string Name => $"{Endpoint}/{Id}";
}

/// <summary>A call agent's side of MGCP: one command at a time, and no transaction id twice.</summary>
internal sealed partial class MgcpClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly UdpClient socket;
    private int transaction = RandomNumberGenerator.GetInt32(1, 900_000_000);

    public MgcpClient(IPEndPoint gateway)
    {
        socket = new UdpClient();
        socket.Connect(gateway);
    }

    /// <summary>The answer, or null if none comes; a lost command is repeated with its id.</summary>
    public async Task<string?> TryAskAsync(
        string verb,
        string endpoint,
        string parameters = "",
        int attempts = 5
    )
    {
        var id = ++transaction;
        var lines = $"{verb} {id} {endpoint} MGCP 1.0\n{parameters}".TrimEnd() + "\n";
        var message = Encoding.ASCII.GetBytes(lines.ReplaceLineEndings("\r\n"));
        for (var attempt = 0; attempt < attempts; attempt++)
        {
            using var patience = new CancellationTokenSource(Patience);
            try
            {
                await socket.SendAsync(message, patience.Token);
                while (true)
                {
                    var answer = Encoding.ASCII.GetString((await socket.ReceiveAsync(patience.Token)).Buffer);
                    if (answer.Split(' ') is [_, var answered, ..] && answered.Trim() == $"{id}")
                        return answer;
                }
            }
            catch (OperationCanceledException) { }
            // Nobody listens on the port yet.
            catch (SocketException) { }
        }

        return null;
    }

    /// <summary>Creates a connection to a far end that never speaks.</summary>
    public async Task<MgcpConnection> CreateAsync(string endpoint, string call, int remotePort)
    {
        var answer = await AskAsync(
            "CRCX",
            endpoint,
            $"""
            C: {call}
            L: p:20, a:PCMU
            M: sendrecv

            v=0
            o=- 1 1 IN IP4 127.0.0.1
            s=-
            c=IN IP4 127.0.0.1
            t=0 0
            m=audio {remotePort} RTP/AVP 0
            a=ptime:20

            """
        );
        var port = int.Parse(
            AudioPort().Match(answer).Groups[1].Value,
            System.Globalization.CultureInfo.InvariantCulture
        );
        return new MgcpConnection(endpoint, call, Id().Match(answer).Groups[1].Value, port);
    }

    /// <summary>Deletes a connection, as its call agent would.</summary>
    public Task DeleteAsync(MgcpConnection connection) =>
        AskAsync("DLCX", connection.Endpoint, $"C: {connection.Call}\nI: {connection.Id}\n");

    /// <summary>Whether the gateway still has a connection, found by an MDCX that changes nothing.</summary>
    public async Task<bool> HasAsync(MgcpConnection connection)
    {
        var answer = await TryAskAsync(
            "MDCX",
            connection.Endpoint,
            $"C: {connection.Call}\nI: {connection.Id}\n"
        );
        return answer is null
            ? throw Trouble.Failed("the gateway stopped answering")
            : answer.StartsWith('2');
    }

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>An answer that must come, and must be one of success.</summary>
    public async Task<string> AskAsync(string verb, string endpoint, string parameters)
    {
        var answer = await TryAskAsync(verb, endpoint, parameters);
        return answer is ['2', ..] ? answer : throw Trouble.Failed($"{verb} {endpoint}: {answer}");
    }

    [GeneratedRegex(@"^I: *(\w+)", RegexOptions.Multiline)]
    private static partial Regex Id();

    [GeneratedRegex(@"^m=audio (\d+)", RegexOptions.Multiline)]
    private static partial Regex AudioPort();
}
