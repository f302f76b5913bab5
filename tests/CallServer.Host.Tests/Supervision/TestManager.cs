using System.Net.Sockets;
using System.Text;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Supervision;

namespace CallServer.Host.Tests.Supervision;

/// <summary>systemd's side: a datagram socket, in the file system or in the abstract namespace.</summary>
internal sealed class TestManager : IDisposable
{
    private readonly Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    private TestManager(string name)
    {
        Name = name;
        socket.Bind(new UnixDomainSocketEndPoint(name[0] == '@' ? '\0' + name[1..] : name));
    }

    public string Name { get; }

    public static TestManager InFolder(TestDirectory directory) => new(directory.File("notify"));

    public static TestManager Abstract() => new($"@callserver-test-{Guid.NewGuid():N}");

    public Dictionary<string, string> Variables(string? watchdog = null, string? process = null)
    {
        var variables = new Dictionary<string, string> { ["NOTIFY_SOCKET"] = Name };
        if (watchdog is not null)
            variables["WATCHDOG_USEC"] = watchdog;
        if (process is not null)
            variables["WATCHDOG_PID"] = process;
        return variables;
    }

    public ServiceManager Found(string? watchdog = null, string? process = null) =>
        ServiceManager.Find(Variables(watchdog, process).GetValueOrDefault, 4711)!;

    /// <summary>The next message's lines.</summary>
    public async Task<string[]> HearAsync(CancellationToken cancel)
    {
        var buffer = new byte[4096];
        var length = await socket.ReceiveAsync(buffer, cancel);
        return Encoding.UTF8.GetString(buffer, 0, length).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>The first message with this line; those before it are passed over.</summary>
    public async Task<string[]> HearAsync(string line, CancellationToken cancel)
    {
        while (true)
        {
            var message = await HearAsync(cancel);
            if (message.Contains(line))
                return message;
        }
    }

    /// <summary>Whether there is a message that was not heard.</summary>
    public bool HasMore => socket.Available > 0;

    public void Dispose() => socket.Dispose();
}
