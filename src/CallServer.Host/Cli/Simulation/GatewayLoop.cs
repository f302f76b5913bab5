using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Gateway;
using CallServer.Host.Net;

namespace CallServer.Host.Cli.Simulation;

/// <summary>The way to a simulated gateway.</summary>
/// <param name="Delay">On top of what the gateway itself takes; half of it each way.</param>
/// <param name="Loss">The share of datagrams that never arrive, each way.</param>
/// <param name="Seed">Decides which.</param>
public sealed record PathSettings(TimeSpan Delay, double Loss, ulong Seed);

/// <summary>
/// Gives a simulated gateway a socket and the time. All that happens to it happens on one event loop, one thing after the
/// other.
/// </summary>
public sealed class GatewayLoop : IDisposable
{
    // Calls end and begin at their own time; this is how soon after it the truth is told.
    private static readonly TimeSpan Granularity = TimeSpan.FromMilliseconds(10);

    // What a kernel would drop when its buffer is full.
    private const int MostWaiting = 4096;

    private readonly EventLoopScheduler loop = new();
    private readonly CompositeDisposable scheduled = [];
    private readonly Socket socket;
    private readonly IClock clock;
    private readonly PathSettings path;
    private readonly TextWriter? truth;
    private readonly Random chance;
    private readonly TaskCompletionSource broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SimulatedGateway gateway;
    private int waiting;

    /// <summary>The socket and the truth's writer stay the caller's own.</summary>
    public GatewayLoop(
        SimulatedGateway gateway,
        Socket socket,
        IClock clock,
        PathSettings path,
        TextWriter? truth
    )
    {
        ArgumentNullException.ThrowIfNull(path);
        this.gateway = gateway;
        this.socket = socket;
        this.clock = clock;
        this.path = path;
        this.truth = truth;
#pragma warning disable CA5394 // which datagrams are lost is no secret, and has to be the same again
        chance = new Random((int)(path.Seed ^ (path.Seed >> 32)));
#pragma warning restore CA5394
    }

    /// <summary>Tells the truth about what is there already, and lets time pass from here on.</summary>
    public void Start()
    {
        Tell(gateway.Present);
        scheduled.Add(
            loop.SchedulePeriodic(Granularity, () => Guarded(() => Apply(gateway.Advance(Now), null)))
        );
    }

    /// <summary>Answers until cancelled, and then tells the last of the truth.</summary>
    public async Task ServeAsync(CancellationToken cancel)
    {
        var receiving = ReceiveAsync(cancel);
        await await Task.WhenAny(receiving, broken.Task);
        scheduled.Dispose();
        var last = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Schedule(() =>
        {
            Guarded(() => Apply(gateway.Advance(Now), null));
            last.SetResult();
        });
        await last.Task;
    }

    public void Dispose()
    {
        scheduled.Dispose();
        loop.Dispose();
    }

    private Model.Instant Now => clock.Now.Steady;

    private async Task ReceiveAsync(CancellationToken cancel)
    {
        var buffer = new byte[65536];
        var anyone = new IPEndPoint(IPAddress.Any, 0);
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                var received = await socket.ReceiveFromAsync(buffer, SocketFlags.None, anyone, cancel);
                var from = received.RemoteEndPoint;
                var datagram = buffer[..received.ReceivedBytes];
                if (Interlocked.Increment(ref waiting) > MostWaiting)
                    Interlocked.Decrement(ref waiting);
                else
                    loop.Schedule(() => Guarded(() => Arrive(datagram, from)));
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

    private void Arrive(byte[] datagram, EndPoint from)
    {
        if (IsLost())
            Interlocked.Decrement(ref waiting);
        else if (path.Delay > TimeSpan.Zero)
            After(path.Delay / 2, () => Answer(datagram, from));
        else
            Answer(datagram, from);
    }

    private void Answer(byte[] datagram, EndPoint from)
    {
        Interlocked.Decrement(ref waiting);
        Apply(gateway.Receive(Now, datagram), from);
    }

    private void Apply(GatewayStep step, EndPoint? to)
    {
        gateway = step.Next;
        Tell(step.Truth);
        foreach (var reply in step.Replies)
        {
            if (IsLost())
                continue;
            var wait = reply.After + path.Delay / 2;
            if (wait > TimeSpan.Zero)
                After(wait, () => Send(reply.Datagram, to!));
            else
                Send(reply.Datagram, to!);
        }
    }

    private void Send(byte[] datagram, EndPoint to)
    {
        try
        {
            socket.SendTo(datagram, to);
        }
        catch (SocketException)
        {
            // Lost like any other.
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

    private void Tell(IReadOnlyList<string> lines)
    {
        foreach (var line in lines)
            truth?.WriteLine(line);
    }

#pragma warning disable CA5394
    private bool IsLost() => path.Loss > 0 && chance.NextDouble() < path.Loss;
#pragma warning restore CA5394

    /// <summary>What goes wrong on the loop ends the serving, not silently the loop.</summary>
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
