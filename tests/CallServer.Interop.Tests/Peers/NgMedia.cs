using System.Net;
using System.Net.Sockets;

namespace CallServer.Interop.Peers;

/// <summary>Both parties of some calls, sending PCMU until disposed.</summary>
internal sealed class NgMedia : IAsyncDisposable
{
    private readonly CancellationTokenSource over = new();
    private readonly List<Socket> sockets = [];
    private Task speaking = Task.CompletedTask;

    public static async Task<NgMedia> BeginAsync(NgClient proxy, IReadOnlyList<NgCall> calls)
    {
        var media = new NgMedia();
        foreach (var call in calls)
        {
            var told = await proxy.AskAsync("query", ("call-id", call.CallId));
            foreach (
                var (tag, from) in new[]
                {
                    (call.OfferingTag, call.CallerMedia),
                    (call.AnsweringTag, call.CalleeMedia),
                }
            )
            {
                var stream = told["tags"]![tag]!["medias"]![0]!["streams"]![0]!;
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                media.sockets.Add(socket);
                socket.Bind(IPEndPoint.Parse(from));
                await socket.ConnectAsync(IPAddress.Loopback, stream["local port"]!.GetValue<int>());
            }
        }

        var first = new TaskCompletionSource();
        media.speaking = media.SpeakAsync(first);
        await first.Task;
        return media;
    }

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        await speaking;
        foreach (var socket in sockets)
            socket.Dispose();
        over.Dispose();
    }

    private async Task SpeakAsync(TaskCompletionSource first)
    {
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var packet = new byte[172];
        packet[0] = 0x80;
        for (ushort number = 0; !over.IsCancellationRequested; number++)
        {
            packet[2] = (byte)(number >> 8);
            packet[3] = (byte)number;
            foreach (var socket in sockets)
                await socket.SendAsync(packet);
            // By now rtpengine has received the first packets.
            if (number == 10)
                first.SetResult();
            try
            {
                await beat.WaitForNextTickAsync(over.Token);
            }
            catch (OperationCanceledException) { }
        }
    }
}
