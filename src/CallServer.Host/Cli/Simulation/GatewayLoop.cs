using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Gateway;
using CallServer.Server;
using CallServer.Server.Net;

namespace CallServer.Host.Cli.Simulation;

/// <summary>The network path to a simulated gateway.</summary>
/// <param name="Delay">Added to the gateway's own delay, half of it in each direction.</param>
/// <param name="Loss">The share of datagrams lost, in each direction.</param>
/// <param name="Seed">Decides which datagrams are lost.</param>
public sealed record PathSettings(TimeSpan Delay, double Loss, ulong Seed);

/// <summary>
/// Gives a simulated gateway ports and time. Everything that happens to it happens on one event loop, one event at a
/// time.
/// </summary>
public sealed class GatewayLoop : IGatewayHost, IDisposable
{
    // Calls end and begin at their own time; the truth is written no later than this afterwards.
    private static readonly TimeSpan Granularity = TimeSpan.FromMilliseconds(10);

    // A kernel would drop more than this when its buffer is full.
    private const int MostWaiting = 4096;

    private readonly LoopScheduler? own;
    private readonly IScheduler loop;
    private readonly TimeSpan granularity;
    private readonly CompositeDisposable scheduled = [];
    private readonly IReadOnlyDictionary<string, GatewayPort> ports;
    private readonly IClock clock;
    private readonly PathSettings path;
    private readonly TextWriter? truth;
    private readonly Random chance;
    private readonly TaskCompletionSource broken = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Streams that the gateway may write to; used on the loop only.
    private readonly Dictionary<int, GatewayStream> streams = [];
    private readonly SerialDisposable wake = new();
    private SimulatedGateway gateway;
    private Model.Instant wakesAt = Model.InstantModule.distantFuture;
    private int waiting;
    private int lastStream;

    /// <summary>The ports, one for each protocol, and the truth's writer remain the caller's.</summary>
    /// <param name="gateway">The gateway that answers.</param>
    /// <param name="ports">The ports on which it answers.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="path">The network path to it.</param>
    /// <param name="truth">Takes the truth's lines; null if nobody wants them.</param>
    /// <param name="shared">An event loop that remains the caller's, for many gateways in one process; null gives the
    /// gateway its own.</param>
    /// <param name="granularity">How late the truth may be written; null is 10 ms.</param>
    public GatewayLoop(
        SimulatedGateway gateway,
        IEnumerable<GatewayPort> ports,
        IClock clock,
        PathSettings path,
        TextWriter? truth,
        LoopScheduler? shared = null,
        TimeSpan? granularity = null
    )
    {
        ArgumentNullException.ThrowIfNull(path);
        own = shared is null ? new LoopScheduler("gateway") : null;
        loop = own ?? shared!;
        this.granularity = granularity ?? Granularity;
        this.gateway = gateway;
        this.ports = ports.ToDictionary(port => port.Protocol);
        this.clock = clock;
        this.path = path;
        this.truth = truth;
#pragma warning disable CA5394 // which datagrams are lost is no secret, and has to be the same again
        chance = new Random((int)(path.Seed ^ (path.Seed >> 32)));
#pragma warning restore CA5394
    }

    /// <summary>Is told of each datagram from where it came, on any thread and before it is answered.</summary>
    public Action<IPAddress>? Asked { get; init; }

    /// <summary>Writes the truth about the connections that already exist, and lets time pass from here on.</summary>
    public void Start()
    {
        Tell(gateway.Present);
        scheduled.Add(wake);
        loop.Schedule(() => Guarded(() => Apply(gateway.Advance(Now))));
    }

    /// <summary>
    /// Takes the gateway down with all its calls after <paramref name="wait"/>, and brings it back after <paramref
    /// name="downFor"/>.
    /// </summary>
    public void RebootAfter(TimeSpan wait, TimeSpan downFor) =>
        After(wait, () => Apply(gateway.Reboot(Now, downFor)));

    /// <summary>Answers until cancelled, then writes the last of the truth.</summary>
    public async Task ServeAsync(CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var serving = Task.WhenAll(
            ports
                .Values.Select(port => ReceiveAsync(port, stop.Token))
                .Concat(ports.Values.Select(port => AcceptAsync(port, stop.Token)))
                .Select(WatchAsync)
        );
        try
        {
            await await Task.WhenAny(serving, broken.Task);
        }
        finally
        {
            await stop.CancelAsync();
            await serving;
        }
        scheduled.Dispose();
        await loop.RunAsync(() => Guarded(() => Apply(gateway.Advance(Now))));
    }

    public void Dispose()
    {
        scheduled.Dispose();
        own?.Dispose();
    }

    void IGatewayHost.Send(string protocol, string peer, TimeSpan after, byte[] datagram)
    {
        if (IsLost() || !IPEndPoint.TryParse(peer, out var to))
            return;
        var wait = after + path.Delay / 2;
        var socket = ports[protocol].Datagrams;
        if (wait > TimeSpan.Zero)
            After(wait, () => Send(socket, datagram, to));
        else
            Send(socket, datagram, to);
    }

    void IGatewayHost.Write(int stream, TimeSpan after, byte[] octets) => Put(stream, after, octets);

    void IGatewayHost.HangUp(int stream)
    {
        Put(stream, TimeSpan.Zero, null);
        streams.Remove(stream);
    }

    private Model.Instant Now => clock.Now.Steady;

    /// <summary>A port that fails ends the serving on all of them.</summary>
    private async Task WatchAsync(Task serving)
    {
        try
        {
            await serving;
        }
#pragma warning disable CA1031 // carried to whoever awaits ServeAsync
        catch (Exception fault)
#pragma warning restore CA1031
        {
            broken.TrySetException(fault);
        }
    }

    private async Task ReceiveAsync(GatewayPort port, CancellationToken cancel)
    {
        // Of the longest datagram's room only what datagrams fill is ever touched: many gateways may wait here.
        var buffer = GC.AllocateUninitializedArray<byte>(65536, pinned: true);
        var anyone = new IPEndPoint(IPAddress.Any, 0);
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                var received = await port.Datagrams.ReceiveFromAsync(
                    buffer,
                    SocketFlags.None,
                    anyone,
                    cancel
                );
                var from = received.RemoteEndPoint.ToString()!;
                Asked?.Invoke(((IPEndPoint)received.RemoteEndPoint).Address);
                var datagram = buffer[..received.ReceivedBytes];
                if (Interlocked.Increment(ref waiting) > MostWaiting)
                    Interlocked.Decrement(ref waiting);
                else
                    loop.Schedule(() => Guarded(() => Arrive(port.Protocol, datagram, from)));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // An earlier answer could not be delivered: its receiver is gone.
            }
        }
    }

    private async Task AcceptAsync(GatewayPort port, CancellationToken cancel)
    {
        var open = new List<Task>();
        try
        {
            while (port.Streams is { } listener)
            {
                var socket = await listener.AcceptAsync(cancel);
                open.RemoveAll(stream => stream.IsCompleted);
                open.Add(TalkAsync(port.Protocol, socket, cancel));
            }
        }
        catch (OperationCanceledException)
        {
            // Serving has ended.
        }
        await Task.WhenAll(open);
    }

    private async Task TalkAsync(string protocol, Socket socket, CancellationToken cancel)
    {
        socket.NoDelay = true;
        using var stream = new GatewayStream(socket);
        var number = Interlocked.Increment(ref lastStream);
        await OnLoopAsync(
            TimeSpan.Zero,
            () =>
            {
                streams.Add(number, stream);
                Apply(gateway.Open(Now, protocol, number));
            }
        );
        await stream.ServeAsync(octets => OnLoopAsync(path.Delay / 2, () => Hear(number, octets)), cancel);
    }

    private void Hear(int stream, byte[]? octets)
    {
        if (octets is not null)
        {
            Apply(gateway.Read(Now, stream, octets));
            return;
        }
        Apply(gateway.Ended(Now, stream));
        // Replies that are already queued are still sent: the peer may have closed only its own direction.
        Put(stream, TimeSpan.Zero, null);
        streams.Remove(stream);
    }

    private void Put(int number, TimeSpan after, byte[]? octets)
    {
        if (!streams.TryGetValue(number, out var stream))
            return;
        var now = Now;
        stream.Due = Model.InstantModule.max(stream.Due, now + (after + path.Delay / 2));
        stream.Pending.Enqueue(octets);
        if (stream.Due <= now)
            stream.Put(stream.Pending.Dequeue());
        else
            After(stream.Due - now, () => stream.Put(stream.Pending.Dequeue()));
    }

    private void Arrive(string protocol, byte[] datagram, string from)
    {
        if (IsLost())
            Interlocked.Decrement(ref waiting);
        else if (path.Delay > TimeSpan.Zero)
            After(path.Delay / 2, () => Answer(protocol, datagram, from));
        else
            Answer(protocol, datagram, from);
    }

    private void Answer(string protocol, byte[] datagram, string from)
    {
        Interlocked.Decrement(ref waiting);
        Apply(gateway.Receive(Now, protocol, from, datagram));
    }

    private void Apply(GatewayStep step)
    {
        gateway = step.Next;
        Tell(step.Truth);
        step.Dispatch(this);
        WakeWhenDue();
    }

    /// <summary>A gateway on which nothing is due costs nothing: one process may carry many.</summary>
    private void WakeWhenDue()
    {
        var now = Now;
        // What is due soon is seen together with what is due at once.
        var at = Model.InstantModule.max(gateway.NextDue, now + granularity);
        if (at >= wakesAt || scheduled.IsDisposed)
            return;
        wakesAt = at;
        wake.Disposable = loop.Schedule(
            at - now,
            () =>
            {
                wakesAt = Model.InstantModule.distantFuture;
                Guarded(() => Apply(gateway.Advance(Now)));
            }
        );
    }

    private static void Send(Socket socket, byte[] datagram, EndPoint to)
    {
        try
        {
            socket.SendTo(datagram, to);
        }
        catch (SocketException)
        {
            // Lost like any other datagram.
        }
    }

    private void After(TimeSpan wait, Action action)
    {
        var once = new SingleAssignmentDisposable();
        scheduled.Add(once);
        once.Disposable = loop.Schedule(
            wait,
            () =>
            {
                scheduled.Remove(once);
                Guarded(action);
            }
        );
    }

    /// <summary>Completes when the loop has run the action.</summary>
    private Task OnLoopAsync(TimeSpan wait, Action action)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Schedule(
            wait,
            () =>
            {
                Guarded(action);
                done.SetResult();
            }
        );
        return done.Task;
    }

    private void Tell(IReadOnlyList<string> lines)
    {
        foreach (var line in lines)
            truth?.WriteLine(line);
    }

#pragma warning disable CA5394
    private bool IsLost() => path.Loss > 0 && chance.NextDouble() < path.Loss;
#pragma warning restore CA5394

    /// <summary>A failure on the loop ends the serving, and does not silently end the loop.</summary>
    private void Guarded(Action action)
    {
        try
        {
            action();
        }
#pragma warning disable CA1031 // carried to whoever awaits ServeAsync
        catch (Exception fault)
#pragma warning restore CA1031
        {
            broken.TrySetException(fault);
        }
    }
}
