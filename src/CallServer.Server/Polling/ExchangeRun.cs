using System.Collections.Concurrent;
using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Model;
using CallServer.Server.Measuring;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Polling;

/// <summary>The surroundings of an exchange with a gateway.</summary>
/// <param name="Network">The paths to gateways.</param>
/// <param name="Clock">The server's clock.</param>
/// <param name="Scheduler">Runs one action at a time.</param>
/// <param name="Gateway">The gateway's address.</param>
/// <param name="Target">The target, whose limits apply.</param>
/// <param name="Memory">What all exchanges together may hold; null for no limit.</param>
/// <param name="Heap">Delays the exchange while there is too much garbage; null for never.</param>
/// <param name="ThreadTime">The processor time that this thread has used.</param>
internal sealed record ExchangeStage(
    IGatewayNetwork Network,
    IClock Clock,
    IScheduler Scheduler,
    GatewayAddress Gateway,
    AuditTarget Target,
    MemoryBudget? Memory,
    HeapWatch? Heap,
    Func<TimeSpan> ThreadTime
);

/// <summary>What an exchange has produced so far.</summary>
/// <param name="Result">What it learnt.</param>
/// <param name="Over">Whether it has ended.</param>
/// <param name="Memory">What the next exchange with the same gateway starts from.</param>
/// <param name="Work">What it has cost its thread.</param>
internal readonly record struct ExchangeNews<TResult>(
    TResult Result,
    bool Over,
    AuditMemory Memory,
    AuditWork Work
);

/// <summary>
/// Drives one exchange with a gateway (an audit, a standing watch, a release). All its events happen on the
/// scheduler, one at a time, and all commands of one event are carried out before the next event.
/// </summary>
internal sealed class ExchangeRun<TResult>(
    ExchangeStage stage,
    IObserver<ExchangeNews<TResult>> observer,
    Action? heard,
    AuditProgress? progress = null,
    AuditTrace? trace = null
) : IExchangeSink<TResult>, IDatagramReceiver, IStreamReceiver, IDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    // Messages taken in one turn, so that others on the scheduler get theirs in between.
    private const int Turn = 4;

    // An exchange that has used so little processor time makes little garbage, and never waits for a collection.
    private static readonly TimeSpan Little = TimeSpan.FromMilliseconds(100);

    // The most that waiting datagrams may hold, in octets; more are lost, as datagrams are.
    private const long MostWaiting = 4 * 1024 * 1024;

    private readonly ConcurrentQueue<Mail> mailbox = new();
    private readonly CompositeDisposable parts = [];
    private readonly SerialDisposable wake = new();
    private readonly SerialDisposable stream = new();
    private readonly List<ExchangeNews<TResult>> outcomes = [];
    private IMessageChannel? channel;
    private IStreamChannel? open;
    private GatewayExchange<TResult>? exchange;
    private IPEndPoint? from;
    private Action? heard = heard;
    private Moment latest;
    private Instant due;
    private TimeSpan stepBegan;
    private AuditWork work;
    private MemoryBudget.Share? share;
    private long held;
    private long waiting;
    private long reading;
    private int tooMuch;
    private bool finished;
    private int draining;
    private int over;

    private enum Excess
    {
        None,
        Reply,
        Held,
        Memory,
    }

    /// <summary>
    /// A message, a stream's event, or why a message has no answer, in the mailbox; for a datagram, whether it may only be reported.
    /// </summary>
    private readonly record struct Mail(
        Datagram? Datagram,
        StreamNews? News,
        bool IsStranger = false,
        Excess Excess = Excess.None,
        string? Trouble = null
    );

    /// <summary>
    /// Starts the exchange on the scheduler; <paramref name="begin"/> is given the time and our end of the path.
    /// Without a deadline the exchange goes on until it ends by itself or is cancelled.
    /// </summary>
    public void Begin(
        Func<Moment, string, GatewayExchange<TResult>> begin,
        TimeSpan? deadline,
        CancellationToken cancel
    )
    {
        parts.Add(wake);
        parts.Add(stream);
        // An exchange never changes, so another thread may look at the newest one.
        progress?.Follow(() => exchange is { } now ? (now.Told, now.Expected) : (0, null));
        parts.Add(
            stage.Scheduler.Schedule(() =>
                Guarded(() =>
                {
                    share = stage.Memory?.Open(() => Post(new Mail(null, null, Excess: Excess.Memory)));
                    channel = stage.Network.Open(stage.Gateway, this);
                    parts.Add(channel);
                    Apply(begin(NotBefore(stage.Clock.Now), channel.Local));
                    if (finished)
                        return;

                    if (deadline is { } patience)
                        parts.Add(stage.Scheduler.ScheduleLightly(patience, () => Guarded(Stop)));
                    parts.Add(cancel.Register(() => stage.Scheduler.Schedule(() => Guarded(Stop))));
                })
            )
        );
    }

    /// <summary>What its steps have cost their thread, including the current one. Only valid within a step.</summary>
    private AuditWork Work
    {
        get
        {
            var step = stage.ThreadTime() - stepBegan;
            return new AuditWork(work.Busy + step, step > work.Longest ? step : work.Longest);
        }
    }

    public long LargestAnswer => stage.Target.LargestReply;

    public void OnDatagram(Datagram datagram) => Post(datagram, isStranger: false);

    public void OnStranger(Datagram datagram) => Post(datagram, isStranger: true);

    public bool Reading(long octets)
    {
        Interlocked.Add(ref reading, octets);
        Weigh();
        return Volatile.Read(ref over) == 0;
    }

    public void OnTooLarge(Moment at) => Post(new Mail(null, null, Excess: Excess.Reply));

    public void OnTrouble(Moment at, string reason) => Post(new Mail(null, null, Trouble: reason));

    public void OnStream(StreamNews news) => Post(new Mail(null, news));

    void IExchangeSink<TResult>.Send(byte[] message)
    {
        progress?.CountRequest();
        trace?.Sent();
        channel!.Send(message);
    }

    void IExchangeSink<TResult>.Reply(byte[] message) => channel!.Reply(message, from);

    void IExchangeSink<TResult>.Connect()
    {
        // Closes the old stream first, so that a gateway that allows only one accepts the new one.
        stream.Disposable = Disposable.Empty;
        open = stage.Network.Connect(stage.Gateway.EndPoint, this);
        stream.Disposable = open;
    }

    void IExchangeSink<TResult>.Write(byte[] octets)
    {
        progress?.CountRequest();
        trace?.Sent();
        open?.Write(octets);
    }

    void IExchangeSink<TResult>.WakeAt(Instant instant)
    {
        due = instant;
        ScheduleTick(stage.Clock.Now.Steady);
    }

    void IExchangeSink<TResult>.Told(TResult result) =>
        outcomes.Add(new ExchangeNews<TResult>(result, Over: false, exchange!.Memory, Work));

    void IExchangeSink<TResult>.Finished(TResult result)
    {
        if (result is AuditResult audit)
            trace?.End(audit);
        outcomes.Add(new ExchangeNews<TResult>(result, Over: true, exchange!.Memory, Work));
        finished = true;
    }

    public void Dispose()
    {
        Volatile.Write(ref over, 1);
        parts.Dispose();
        trace?.Dispose();
        share?.Dispose();
        RefuseRest();
    }

    private void Post(Datagram datagram, bool isStranger)
    {
        // Answers over HTTP are weighed while they are being read.
        if (stage.Gateway.Http is null && Volatile.Read(ref waiting) > MostWaiting)
        {
            datagram.Refuse();
            return;
        }

        Interlocked.Add(ref waiting, datagram.Message.Length);
        Weigh();
        Post(new Mail(datagram, null, isStranger));
    }

    private void Post(Mail mail)
    {
        mailbox.Enqueue(mail);
        ScheduleTurn();
    }

    private void ScheduleTurn()
    {
        if (Interlocked.Exchange(ref draining, 1) != 0)
            return;
        var pause = work.Busy > Little && stage.Heap is { } heap ? heap.Pause() : TimeSpan.Zero;
        if (pause == TimeSpan.Zero)
            stage.Scheduler.Schedule(() => Guarded(() => Drain(Turn)));
        else
            stage.Scheduler.ScheduleLightly(pause, () => Guarded(() => Drain(Turn)));
    }

    private void Drain(int most)
    {
        // Cleared before looking, so that whatever arrives from here on schedules a new drain.
        Volatile.Write(ref draining, 0);
        for (var taken = 0; taken < most && !finished && mailbox.TryDequeue(out var mail); taken++)
            Take(mail);
        if (!finished && !mailbox.IsEmpty)
            ScheduleTurn();
    }

    private void Take(Mail mail)
    {
        if (mail.Datagram is { } datagram)
        {
            Interlocked.Add(ref waiting, -datagram.Message.Length);
            if (mail.IsStranger)
                Overhear(datagram);
            else
                Take(datagram);
        }
        else if (mail.News is { } news)
        {
            Take(news);
        }
        else if (mail.Trouble is { } trouble)
        {
            Apply(exchange!.Broken(NotBefore(stage.Clock.Now), trouble));
        }
        else
        {
            Apply(Past(mail.Excess, NotBefore(stage.Clock.Now)));
        }
    }

    private GatewayExchange<TResult> Past(Excess excess, Moment now) =>
        excess switch
        {
            Excess.Reply => exchange!.PassReply(now),
            Excess.Held => exchange!.PassHeld(now),
            _ => exchange!.PassMemory(now, stage.Memory!.Most),
        };

    /// <summary>Tells the memory budget what is held now. Callable from any thread.</summary>
    private void Weigh()
    {
        var all = Volatile.Read(ref held) + Volatile.Read(ref waiting) + Volatile.Read(ref reading);
        share?.Set(all);
        if (all > stage.Target.MostHeld && Interlocked.Exchange(ref tooMuch, 1) == 0)
            Post(new Mail(null, null, Excess: Excess.Held));
    }

    private void Take(Datagram datagram)
    {
        var strays = exchange!.Strays;
        using var reply = trace?.Received();
        from = datagram.From;
        Apply(exchange.Receive(NotBefore(datagram.At), datagram.Message));
        if (exchange.Strays > strays)
            datagram.Refuse();
        else
            Heard();
    }

    private void Overhear(Datagram datagram)
    {
        var source = datagram.From!;
        var option = source.Address.Equals(stage.Gateway.EndPoint.Address)
            ? "replies=any-port"
            : $"replies={source.Address}";
        exchange = exchange!.Overhear(NotBefore(datagram.At), source.ToString(), option, datagram.Message);
    }

    private void Take(StreamNews news)
    {
        // An event of a stream that another stream has replaced.
        if (news.Stream != open)
            return;
        var at = NotBefore(news.At);
        switch (news)
        {
            case StreamNews.Opened opened:
                Apply(exchange!.Connected(at, opened.Local));
                break;
            case StreamNews.Arrived arrived:
                Heard();
                using (trace?.Received())
                    Apply(exchange!.Arrived(at, arrived.Octets));
                arrived.Take();
                break;
            case StreamNews.Broken broken:
                open = null;
                stream.Disposable = Disposable.Empty;
                Apply(exchange!.Broken(at, broken.Reason));
                break;
            default:
                throw new InvalidOperationException($"news of an unknown kind: {news}");
        }
    }

    private void Heard()
    {
        heard?.Invoke();
        heard = null;
    }

    private void ScheduleTick(Instant now)
    {
        var wait =
            due <= now ? TimeSpan.Zero
            : due < now + LongestWait ? due - now
            : LongestWait;
        wake.Disposable = stage.Scheduler.ScheduleLightly(wait, () => Guarded(Tick));
    }

    private void Tick()
    {
        // A reply that waits in the mailbox arrived before this wake-up, and may be the very one that the audit would
        // otherwise give up on.
        Drain(mailbox.Count);
        if (finished)
            return;
        var now = NotBefore(stage.Clock.Now);
        // The system's timers are coarser than our clock and may fire early: an audit is never woken before its time,
        // and never forgotten.
        if (now.Steady < due)
            ScheduleTick(now.Steady);
        else
            Apply(exchange!.Tick(now));
    }

    private void Stop()
    {
        Drain(mailbox.Count);
        if (!finished)
            Apply(exchange!.Stop(NotBefore(stage.Clock.Now)));
    }

    /// <summary>
    /// A datagram is stamped by the receiving thread and may be handed over after a later event, but an audit's time
    /// must not go back. Taking the datagram as heard later than it was only widens its intervals, so they stay true.
    /// </summary>
    private Moment NotBefore(Moment at)
    {
        if (at.Steady > latest.Steady)
            latest = at;
        return latest;
    }

    private void Apply(GatewayExchange<TResult> next)
    {
        exchange = next;
        next.Dispatch(this);
        Volatile.Write(ref held, next.Held);
        Weigh();
        if (finished)
            Dispose();
        foreach (var outcome in outcomes)
            observer.OnNext(outcome);
        outcomes.Clear();
        if (finished)
            observer.OnCompleted();
    }

    private void Guarded(Action step)
    {
        if (Volatile.Read(ref over) != 0)
        {
            RefuseRest();
            return;
        }

        stepBegan = stage.ThreadTime();
        try
        {
            step();
            work = Work;
        }
        catch (Exception fault) when (!finished)
        {
            // No peer can cause this, only a fault of our own: it ends this audit and no other.
            Dispose();
            observer.OnError(fault);
        }
    }

    private void RefuseRest()
    {
        while (mailbox.TryDequeue(out var mail))
            mail.Datagram?.Refuse();
    }
}
