using System.Collections.Concurrent;
using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Polling;

/// <summary>Where an exchange with a gateway takes place.</summary>
/// <param name="Network">The ways to the gateway.</param>
/// <param name="Clock">Time.</param>
/// <param name="Scheduler">Runs one thing at a time.</param>
/// <param name="Gateway">Where the gateway is.</param>
/// <param name="Target">Whose limits hold.</param>
/// <param name="Memory">What all of them may hold together; null: as much as they like.</param>
/// <param name="Heap">Holds it up while there is too much garbage; null: nothing does.</param>
/// <param name="ThreadTime">The processor's time that this thread has used.</param>
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

/// <summary>What an exchange has come to.</summary>
/// <param name="Result">What it learnt.</param>
/// <param name="Over">It has ended; else it goes on.</param>
/// <param name="Memory">What the next exchange with the same gateway begins with.</param>
/// <param name="Work">What it has taken of its thread.</param>
internal readonly record struct ExchangeNews<TResult>(
    TResult Result,
    bool Over,
    AuditMemory Memory,
    AuditWork Work
);

/// <summary>
/// Drives one exchange with a gateway (an audit, a standing watch, a release): every event of it happens on
/// the scheduler, one after the other, and all commands of one event are carried out before the next.
/// </summary>
internal sealed class ExchangeRun<TResult>(
    ExchangeStage stage,
    IObserver<ExchangeNews<TResult>> observer,
    Action? heard
) : IExchangeSink<TResult>, IDatagramReceiver, IStreamReceiver, IDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    // Messages that are taken in one turn: others of the scheduler have theirs in between.
    private const int Turn = 4;

    // Who has taken so little of the processor's time makes little garbage, and never waits for its removal.
    private static readonly TimeSpan Little = TimeSpan.FromMilliseconds(100);

    // Octets of datagrams that wait to be taken in; more of them are lost, as datagrams are.
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

    /// <summary>One of them; of a datagram, whether it is only to be told of.</summary>
    private readonly record struct Mail(
        Datagram? Datagram,
        StreamNews? News,
        bool IsStranger = false,
        Excess Excess = Excess.None
    );

    /// <summary>
    /// Begins it on the scheduler; begin is given the time and our end of the way there. Without a deadline
    /// it goes on until it ends by itself or is cancelled.
    /// </summary>
    public void Begin(
        Func<Moment, string, GatewayExchange<TResult>> begin,
        TimeSpan? deadline,
        CancellationToken cancel
    )
    {
        parts.Add(wake);
        parts.Add(stream);
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

    /// <summary>What its steps have taken of their thread, the one that goes on included. Read within a
    /// step.</summary>
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

    public void OnStream(StreamNews news) => Post(new Mail(null, news));

    void IExchangeSink<TResult>.Send(byte[] message) => channel!.Send(message);

    void IExchangeSink<TResult>.Reply(byte[] message) => channel!.Reply(message, from);

    void IExchangeSink<TResult>.Connect()
    {
        // First the old one, so that a gateway which allows one at a time takes the new one.
        stream.Disposable = Disposable.Empty;
        open = stage.Network.Connect(stage.Gateway.EndPoint, this);
        stream.Disposable = open;
    }

    void IExchangeSink<TResult>.Write(byte[] octets) => open?.Write(octets);

    void IExchangeSink<TResult>.WakeAt(Instant instant)
    {
        due = instant;
        ScheduleTick(stage.Clock.Now.Steady);
    }

    void IExchangeSink<TResult>.Told(TResult result) =>
        outcomes.Add(new ExchangeNews<TResult>(result, Over: false, exchange!.Memory, Work));

    void IExchangeSink<TResult>.Finished(TResult result)
    {
        outcomes.Add(new ExchangeNews<TResult>(result, Over: true, exchange!.Memory, Work));
        finished = true;
    }

    public void Dispose()
    {
        Volatile.Write(ref over, 1);
        parts.Dispose();
        share?.Dispose();
        RefuseRest();
    }

    private void Post(Datagram datagram, bool isStranger)
    {
        // Answers over HTTP are weighed while they are read.
        if (!stage.Gateway.OverHttp && Volatile.Read(ref waiting) > MostWaiting)
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
        // Before looking, so that what comes from here on schedules anew.
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

    /// <summary>Tells the budget what is held now; from any thread.</summary>
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
        // Of one that another has replaced.
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
        // A reply that waits in the mailbox came before this wake-up: it may be the one that the audit would
        // give up.
        Drain(mailbox.Count);
        if (finished)
            return;
        var now = NotBefore(stage.Clock.Now);
        // The system's timers are coarser than our clock and may be early: an audit is not woken before its
        // time, nor forgotten.
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
            // A peer cannot cause this, only a fault of our own: it ends this audit and no other.
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
