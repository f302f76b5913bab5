using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace CallServer.Server.Supervision;

/// <summary>
/// The service manager that started this process, told in systemd's words: a datagram a message, to the socket that
/// <c>NOTIFY_SOCKET</c> names (sd_notify(3)).
/// </summary>
/// <remarks>
/// Microsoft.Extensions.Hosting.Systemd would say that the server is ready as soon as HTTP listens, which is before it
/// has asked a gateway, and knows no watchdog.
/// </remarks>
public sealed class ServiceManager : IDisposable
{
    private readonly Socket socket;
    private readonly UnixDomainSocketEndPoint address;

    private ServiceManager(UnixDomainSocketEndPoint address, TimeSpan? watchdog)
    {
        this.address = address;
        Watchdog = watchdog;
        socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified)
        {
            // A manager that does not read must not hold up the server.
            Blocking = false,
        };
    }

    /// <summary>
    /// How long this process may be silent before it is ended (<c>WATCHDOG_USEC</c>); null if it may be for ever, or
    /// if <c>WATCHDOG_PID</c> names another process (sd_watchdog_enabled(3)).
    /// </summary>
    public TimeSpan? Watchdog { get; }

    /// <summary>The manager that the environment names; null if there is none.</summary>
    /// <param name="variable">Reads an environment variable; null if it is not set.</param>
    /// <param name="process">This process's id.</param>
    public static ServiceManager? Find(Func<string, string?> variable, int process)
    {
        ArgumentNullException.ThrowIfNull(variable);
        return Address(variable("NOTIFY_SOCKET")) is { } address
            ? new ServiceManager(address, Patience(variable, process))
            : null;
    }

    /// <summary>
    /// Sends assignments such as <c>READY=1</c>. False if the manager did not take them: it is gone, or does not read.
    /// </summary>
    public bool Tell(params IEnumerable<string> assignments)
    {
        var message = Encoding.UTF8.GetBytes(string.Concat(assignments.Select(each => each + "\n")));
        try
        {
            return socket.SendTo(message, address) == message.Length;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();

    /// <summary>A path in the file system, or after <c>@</c> a name in Linux's abstract namespace.</summary>
    private static UnixDomainSocketEndPoint? Address(string? name)
    {
        if (name is not ['/' or '@', _, ..])
            return null;
        try
        {
            return new UnixDomainSocketEndPoint(name[0] == '@' ? '\0' + name[1..] : name);
        }
        catch (ArgumentOutOfRangeException)
        {
            // Longer than an address can be.
            return null;
        }
    }

    private static TimeSpan? Patience(Func<string, string?> variable, int process) =>
        Number(variable("WATCHDOG_USEC")) is { } micros
        && (variable("WATCHDOG_PID") is not { Length: > 0 } named || Number(named) == process)
            ? TimeSpan.FromMicroseconds(micros)
            : null;

    /// <summary>A positive number that fits a time; null if it is none.</summary>
    private static long? Number(string? text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number is > 0 and <= long.MaxValue / TimeSpan.TicksPerMicrosecond
            ? number
            : null;
}
