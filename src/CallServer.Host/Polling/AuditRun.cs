using System.Collections.Concurrent;
using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Host.Net;
using CallServer.Model;
using CallServer.Surface;

namespace CallServer.Host.Polling;

/// <summary>
/// Drives one audit: every event of it happens on the scheduler, one after the other, and all commands of one
/// event are carried out before the next.
/// </summary>
internal sealed class AuditRun(
    IDatagramNetwork network,
    IClock clock,
    IScheduler scheduler,
    IObserver<AuditOutcome> observer,
    Action? heard
) : IAuditSink, IDatagramReceiver, IDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private readonly ConcurrentQueue<Datagram> mailbox = new();
    private readonly CompositeDisposable held = [];
    private readonly SerialDisposable wake = new();
    private IDatagramChannel? channel;
    private GatewayAudit? audit;
    private AuditOutcome? outcome;
    private Action? heard = heard;
    private Moment latest;
    private Instant due;
    private int draining;
    private int over;

    public void Begin(
        AuditTarget target,
        IPEndPoint endpoint,
        AuditMemory? memory,
        ulong seed,
        TimeSpan deadline,
        CancellationToken cancel
    )
    {
        held.Add(wake);
        held.Add(
            scheduler.Schedule(() =>
                Guarded(() =>
                {
                    channel = network.Open(endpoint, this);
                    held.Add(channel);
                    Apply(target.Start(memory, NotBefore(clock.Now), seed, "", null));
                    if (outcome is not null)
                        return;

                    held.Add(scheduler.Schedule(deadline, () => Guarded(Stop)));
                    held.Add(cancel.Register(() => scheduler.Schedule(() => Guarded(Stop))));
                })
            )
        );
    }

    public void OnDatagram(Datagram datagram)
    {
        mailbox.Enqueue(datagram);
        if (Interlocked.Exchange(ref draining, 1) == 0)
            scheduler.Schedule(() => Guarded(Drain));
    }

    void IAuditSink.Send(byte[] message) => channel!.Send(message);

    void IAuditSink.Connect() => throw new NotSupportedException("streams are not built yet");

    void IAuditSink.Write(byte[] octets) => throw new NotSupportedException("streams are not built yet");

    void IAuditSink.Told(AuditResult result) => throw new NotSupportedException("watches are not built yet");

    void IAuditSink.Released(ReleaseResult result) =>
        throw new NotSupportedException("releases are not built yet");

    void IAuditSink.WakeAt(Instant instant)
    {
        due = instant;
        ScheduleTick(clock.Now.Steady);
    }

    void IAuditSink.Finished(AuditResult result, AuditMemory memory) =>
        outcome = new AuditOutcome(result, memory);

    public void Dispose()
    {
        Volatile.Write(ref over, 1);
        held.Dispose();
        RefuseRest();
    }

    private void Drain()
    {
        // Before looking, so that what comes from here on schedules anew.
        Volatile.Write(ref draining, 0);
        while (outcome is null && mailbox.TryDequeue(out var datagram))
        {
            var strays = audit!.Strays;
            Apply(audit.Receive(NotBefore(datagram.At), datagram.Message));
            if (audit.Strays > strays)
            {
                datagram.Refuse();
            }
            else
            {
                heard?.Invoke();
                heard = null;
            }
        }
    }

    private void ScheduleTick(Instant now)
    {
        var wait =
            due <= now ? TimeSpan.Zero
            : due < now + LongestWait ? due - now
            : LongestWait;
        wake.Disposable = scheduler.Schedule(wait, () => Guarded(Tick));
    }

    private void Tick()
    {
        // A reply that waits in the mailbox came before this wake-up: it may be the one that the audit would
        // give up.
        Drain();
        if (outcome is not null)
            return;
        var now = NotBefore(clock.Now);
        // The system's timers are coarser than our clock and may be early: an audit is not woken before its
        // time, nor forgotten.
        if (now.Steady < due)
            ScheduleTick(now.Steady);
        else
            Apply(audit!.Tick(now));
    }

    private void Stop()
    {
        Drain();
        if (outcome is null)
            Apply(audit!.Stop(NotBefore(clock.Now)));
    }

    /// <summary>
    /// A datagram is stamped by the receiving thread and may be handed over after a later event: an audit's
    /// time never goes back. Taking it as heard later than it was widens its intervals, and so keeps them
    /// true.
    /// </summary>
    private Moment NotBefore(Moment at)
    {
        if (at.Steady > latest.Steady)
            latest = at;
        return latest;
    }

    private void Apply(GatewayAudit next)
    {
        audit = next;
        next.Dispatch(this);
        if (outcome is not { } finished)
            return;

        Dispose();
        observer.OnNext(finished);
        observer.OnCompleted();
    }

    private void Guarded(Action step)
    {
        if (Volatile.Read(ref over) != 0)
        {
            RefuseRest();
            return;
        }

        try
        {
            step();
        }
        catch (Exception fault) when (outcome is null)
        {
            // A peer cannot cause this, only a fault of our own: it ends this audit and no other.
            Dispose();
            observer.OnError(fault);
        }
    }

    private void RefuseRest()
    {
        while (mailbox.TryDequeue(out var datagram))
            datagram.Refuse();
    }
}
