using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Accounting;

/// <summary>
/// Sends what the store's outbox holds to a RADIUS server (docs/adr/0011). The outbox is the spool: it forgets a
/// record only after the server has acknowledged it. Everything happens on one scheduler, and all commands of one
/// event are carried out before the next event.
/// </summary>
public sealed class RadiusSink : IRadiusSink, IDatagramReceiver, IDisposable
{
    /// <summary>The sink's name among the readers of the store's outbox.</summary>
    public const string Reader = "radius";

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private readonly string server;
    private readonly ILedgerStore store;
    private readonly IClock clock;
    private readonly IScheduler scheduler;
    private readonly ILogger logger;
    private readonly IMessageChannel channel;
    private readonly SerialDisposable wake = new();
    private readonly SerialDisposable retry = new();
    private readonly List<TaskCompletionSource> flushes = [];
    private RadiusAccounting machine;
    private long done;
    private long advanced;
    private bool more = true;
    private bool isOver;
    private int settling;
    private string? fault;

    /// <param name="configuration">The RADIUS server.</param>
    /// <param name="store">Where the records come from; Reader must be registered there.</param>
    /// <param name="clock">The server's clock.</param>
    /// <param name="scheduler">Runs one action at a time, and may block.</param>
    /// <param name="open">Opens the path to the server for a receiver, always from the same port.</param>
    /// <param name="seed">Fresh randomness, used for the first identifier.</param>
    /// <param name="logger">Reports when the server goes away and when it comes back.</param>
    public RadiusSink(
        Configuration.RadiusConfiguration configuration,
        ILedgerStore store,
        IClock clock,
        IScheduler scheduler,
        Func<IDatagramReceiver, IMessageChannel> open,
        byte seed,
        ILogger logger
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(open);
        server = configuration.Server.ToString();
        this.store = store;
        this.clock = clock;
        this.scheduler = scheduler;
        this.logger = logger;
        machine = RadiusAccounting.Start(
            configuration.Secret,
            configuration.NasIdentifier,
            configuration.Source,
            configuration.Timeout,
            seed
        );
        channel = open(this);
    }

    /// <summary>The state machine's counters.</summary>
    public RadiusAccounting State => Volatile.Read(ref machine);

    /// <summary>How accounting is going now.</summary>
    public RadiusHealth Health
    {
        get
        {
            var state = State;
            var reason =
                Volatile.Read(ref fault)
                ?? (
                    !state.IsAway ? null
                    : state.Forged > 0 ? $"{server} answers with another secret, or another does in its place"
                    : $"{server} does not answer: it is away, does not know us as a client, or has another secret"
                );
            return new RadiusHealth(
                reason,
                Waiting(),
                state.OldestAt is { } oldest
                    ? Math.Max(0, Math.Round((clock.Now.Wall - oldest).TotalSeconds, 3))
                    : null
            );
        }
    }

    /// <summary>Says that there may be new records. Callable from any thread.</summary>
    public void Nudge() =>
        scheduler.Schedule(() =>
        {
            more = true;
            Settle();
        });

    /// <summary>Completes when the server has acknowledged everything, is unreachable, or the store fails.</summary>
    public Task FlushAsync()
    {
        var flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        scheduler.Schedule(() =>
        {
            flushes.Add(flushed);
            more = true;
            Settle();
        });
        return flushed.Task;
    }

    /// <inheritdoc/>
    public void OnDatagram(Datagram datagram)
    {
        ArgumentNullException.ThrowIfNull(datagram);
        scheduler.Schedule(() => Step(machine.Receive(datagram.At, datagram.Message)));
    }

    /// <summary>Stops sending. Records that were acknowledged but are still in the outbox will be sent again.</summary>
    public void Dispose()
    {
        Volatile.Write(ref isOver, true);
        wake.Dispose();
        retry.Dispose();
        channel.Dispose();
    }

    void IRadiusSink.Send(byte[] message) => channel.Send(message);

    void IRadiusSink.WakeAt(Instant instant)
    {
        var due = instant - clock.Now.Steady;
        wake.Disposable = scheduler.Schedule(
            due > TimeSpan.Zero ? due : TimeSpan.Zero,
            () => Step(machine.Tick(clock.Now))
        );
    }

    void IRadiusSink.Done(long sequence) => done = sequence;

    private long? Waiting()
    {
        try
        {
            return store.CountAccounting(Reader);
        }
        catch (StoreException)
        {
            return null;
        }
    }

    private void Step(RadiusAccounting next)
    {
        if (Volatile.Read(ref isOver))
            return;
        var wasAway = machine.IsAway;
        Volatile.Write(ref machine, next);
        next.Dispatch(this);
        foreach (var (sequence, reason) in next.Unreadable)
            logger.LogError(
                "record {Sequence} of the outbox cannot be told to the RADIUS server and is left out: {Reason}",
                sequence,
                reason
            );
        if (next.IsAway && !wasAway)
            logger.LogWarning("RADIUS: {Reason}; the store keeps the records", Health.Reason);
        else if (wasAway && !next.IsAway)
            logger.LogInformation("RADIUS: {Server} answers again", server);

        // One settlement covers every acknowledgement that has arrived meanwhile: each mark costs a transaction.
        if (Interlocked.Exchange(ref settling, 1) == 0)
            scheduler.Schedule(() =>
            {
                Volatile.Write(ref settling, 0);
                Settle();
            });
    }

    private void Settle()
    {
        if (Volatile.Read(ref isOver))
            return;
        try
        {
            if (done > advanced)
            {
                store.AdvanceAccounting(Reader, done);
                advanced = done;
            }

            if (more && machine.Wanted is > 0 and var wanted)
            {
                var page = store.ReadAccounting(Reader, wanted);
                more = page.Next is not null;
                if (page.Items.Count > 0)
                    Step(
                        machine.Offer(
                            clock.Now,
                            [
                                .. page.Items.Select(entry => new OutboxEntry(
                                    entry.Sequence,
                                    entry.Kind,
                                    entry.Id,
                                    entry.At,
                                    entry.Json
                                )),
                            ]
                        )
                    );
            }

            Volatile.Write(ref fault, null);
        }
#pragma warning disable CA1031 // what the store cannot do now is tried again, whatever the reason
        catch (Exception failed)
#pragma warning restore CA1031
        {
            if (Volatile.Read(ref fault) is null)
                logger.LogError(
                    "the store's outbox cannot be read or advanced for RADIUS: {Reason}; next try in {Rest} s",
                    failed.Message,
                    Rest.TotalSeconds
                );
            Volatile.Write(ref fault, failed.Message);
            retry.Disposable = scheduler.Schedule(Rest, Settle);
        }

        if (fault is not null || machine.IsAway || (!more && machine.Outstanding == 0 && done == advanced))
        {
            foreach (var flush in flushes)
                flush.TrySetResult();
            flushes.Clear();
        }
    }
}
