using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace CallServer.Bench.Performance.Tools;

/// <summary>
/// Makes an agent on this machine as far away as another one: datagrams wait in a queue for half of the round trip in
/// either direction, as many as there are. Each direction has a thread that receives and one that sends what is due.
/// </summary>
internal sealed class FarAway : IDisposable
{
    private const int Buffer = 8 << 20;

    private readonly Socket front = Open();
    private readonly IPEndPoint agent;
    private readonly TimeSpan half;
    private readonly ConcurrentDictionary<IPEndPoint, Socket> behind = new();
    private readonly DelayLine there;
    private readonly DelayLine back;
    private int requests;
    private volatile bool stopped;

    /// <param name="port">The agent's port on loopback.</param>
    /// <param name="roundTrip">How far away it is.</param>
    public FarAway(int port, TimeSpan roundTrip)
    {
        agent = new IPEndPoint(IPAddress.Loopback, port);
        half = roundTrip / 2;
        (there, back) = (new DelayLine(), new DelayLine());
        Run(Receive);
    }

    /// <summary>Where it is asked.</summary>
    public int Port => ((IPEndPoint)front.LocalEndPoint!).Port;

    /// <summary>Requests so far.</summary>
    public int Requests => Volatile.Read(ref requests);

    public void Dispose()
    {
        stopped = true;
        front.Dispose();
        foreach (var socket in behind.Values)
            socket.Dispose();
        there.Dispose();
        back.Dispose();
    }

    private static Socket Open()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)
        {
            ReceiveBufferSize = Buffer,
            SendBufferSize = Buffer,
        };
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private static void Run(Action loop) => new Thread(() => loop()) { IsBackground = true }.Start();

    private void Receive() =>
        Read(
            front,
            (datagram, from) =>
            {
                Interlocked.Increment(ref requests);
                var socket = behind.GetOrAdd(from, OpenBehind);
                there.Put(half, () => socket.SendTo(datagram, agent));
            }
        );

    private Socket OpenBehind(IPEndPoint client)
    {
        var socket = Open();
        Run(() => Read(socket, (datagram, _) => back.Put(half, () => front.SendTo(datagram, client))));
        return socket;
    }

    private void Read(Socket socket, Action<byte[], IPEndPoint> take)
    {
        var buffer = new byte[65536];
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        while (!stopped)
        {
            try
            {
                var length = socket.ReceiveFrom(buffer, ref from);
                take(buffer[..length], (IPEndPoint)from);
            }
            catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
            {
                // A port on either side is closed, or this one is.
            }
        }
    }

    /// <summary>A thread that does things after a wait, in the order in which they came.</summary>
    private sealed class DelayLine : IDisposable
    {
        private readonly BlockingCollection<(long Due, Action Send)> waiting = [];

        public DelayLine() => Run(Serve);

        public void Put(TimeSpan wait, Action send)
        {
            if (!waiting.IsAddingCompleted)
                waiting.Add(
                    (
                        Stopwatch.GetTimestamp() + wait.Ticks * Stopwatch.Frequency / TimeSpan.TicksPerSecond,
                        send
                    )
                );
        }

        public void Dispose() => waiting.CompleteAdding();

        private void Serve()
        {
            foreach (var (due, send) in waiting.GetConsumingEnumerable())
            {
                // It sleeps for the first of a burst only: those behind it are due at once. The nearest millisecond, so that it
                // is early as often as late.
                var left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due).TotalMilliseconds;
                if (left >= 0.5)
                    Thread.Sleep((int)Math.Round(left));
                try
                {
                    send();
                }
                catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
                {
                    // Lost, like any other datagram that nobody takes.
                }
            }
        }
    }
}
