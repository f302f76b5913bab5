using System.Globalization;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;

namespace CallServer.Server.Supervision;

/// <summary>
/// Tells the service manager that the server is ready, that it lives, that it reads its configuration again, and that
/// it stops. It lives as long as each of its loops answers: one that is stuck makes the server useless, and a manager
/// with a watchdog then starts it anew.
/// </summary>
internal sealed class Supervisor : IDisposable
{
    /// <summary>How often to look before the server is ready.</summary>
    public static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest time between two messages of a server that is ready.</summary>
    public static readonly TimeSpan SeldomBeat = TimeSpan.FromSeconds(10);

    // While the loops answer, a start may take as long as it takes: a backup waits for its primary.
    private static readonly TimeSpan Extension = TimeSpan.FromMinutes(1);

    private readonly Lock guard = new();
    private readonly ServiceManager manager;
    private readonly IReadOnlyList<(string Name, IScheduler Loop)> loops;
    private readonly Func<bool> ready;
    private readonly Func<string> status;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly SerialDisposable beating = new();
    private IReadOnlyList<(string Name, Task Answer)> asked = [];
    private bool toldReady;
    private bool toldStuck;
    private bool stopping;

    /// <param name="manager">Who is told.</param>
    /// <param name="loops">The loops that must answer, by name.</param>
    /// <param name="ready">Whether the server does its role's work; asked until it once does.</param>
    /// <param name="status">One line for people.</param>
    /// <param name="scheduler">When to look.</param>
    /// <param name="time">Stamps a reload, by the machine's monotonic clock.</param>
    /// <param name="logger">Told once if a loop does not answer.</param>
    public Supervisor(
        ServiceManager manager,
        IReadOnlyList<(string Name, IScheduler Loop)> loops,
        Func<bool> ready,
        Func<string> status,
        IScheduler scheduler,
        TimeProvider time,
        ILogger logger
    )
    {
        this.manager = manager;
        this.loops = loops;
        this.ready = ready;
        this.status = status;
        this.time = time;
        this.logger = logger;
        // A third: the manager still hears in time if one message comes late, or a loop takes a while.
        var beat = manager.Watchdog is { } patience && patience / 3 < SeldomBeat ? patience / 3 : SeldomBeat;
        beating.Disposable = Observable
            .Interval(Glance < beat ? Glance : beat, scheduler)
            .TakeWhile(_ => !Look())
            .IgnoreElements()
            .Concat(Observable.Interval(beat, scheduler))
            .Subscribe(_ => Look());
    }

    /// <summary>The configuration is being read again; <see cref="Reloaded"/> follows.</summary>
    public void Reloading()
    {
        if (!Volatile.Read(ref toldReady))
            return;
        var micros = time.GetTimestamp() / (time.TimestampFrequency / 1_000_000);
        manager.Tell("RELOADING=1", string.Create(CultureInfo.InvariantCulture, $"MONOTONIC_USEC={micros}"));
    }

    /// <summary>The server goes on, with the changed configuration or the one before.</summary>
    public void Reloaded()
    {
        if (Volatile.Read(ref toldReady))
            manager.Tell("READY=1", $"STATUS={status()}");
    }

    /// <summary>The server stops, and its loops need not answer any more.</summary>
    public void Stopping()
    {
        lock (guard)
        {
            if (stopping)
                return;
            stopping = true;
        }

        beating.Dispose();
        manager.Tell("STOPPING=1", "STATUS=saves and stops");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stopping();
        manager.Dispose();
    }

    /// <summary>
    /// Tells the manager if every loop has answered since it was asked, and asks again. True once the manager knows
    /// that the server is ready.
    /// </summary>
    private bool Look()
    {
        lock (guard)
        {
            if (stopping)
                return true;
            var stuck = asked.Where(each => !each.Answer.IsCompleted).ToList();
            if (stuck.Count > 0)
            {
                if (toldReady && !toldStuck)
                {
                    toldStuck = true;
                    logger.LogWarning(
                        "these loops do not answer: {Loops}; the service manager is told nothing until they do",
                        string.Join(", ", stuck.Select(each => each.Name))
                    );
                }

                return toldReady;
            }

            var begun = asked.Count > 0;
            asked = [.. loops.Select(each => (each.Name, each.Loop.PassAsync()))];
            toldStuck = false;
            if (begun)
                Tell();
            return toldReady;
        }
    }

    private void Tell()
    {
        var line = $"STATUS={status()}";
        if (toldReady)
            manager.Tell("WATCHDOG=1", line);
        else if (ready())
            Volatile.Write(ref toldReady, manager.Tell("READY=1", "WATCHDOG=1", line));
        else
            manager.Tell(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"EXTEND_TIMEOUT_USEC={(long)Extension.TotalMicroseconds}"
                ),
                line
            );
    }
}
