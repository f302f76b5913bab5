using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Accounting;

/// <summary>
/// Sends what the store's outbox holds to a RADIUS server (docs/adr/0011). Everything happens on one scheduler, and all
/// commands of one event are carried out before the next event.
/// </summary>
public sealed class RadiusSink : IOutboxSink, IOutboxTaker, IRadiusSink, IDatagramReceiver
{
    /// <summary>The sink's name among the readers of the store's outbox.</summary>
    public const string Reader = "radius";

    private readonly string server;
    private readonly OutboxReader outbox;
    private readonly IClock clock;
    private readonly IScheduler scheduler;
    private readonly ILogger logger;
    private readonly IMessageChannel channel;
    private readonly SerialDisposable wake = new();
    private RadiusAccounting machine;
    private bool isOver;

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
        outbox = new OutboxReader(Reader, "RADIUS", this, store, scheduler, logger);
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

    /// <inheritdoc/>
    public string? Reason
    {
        get
        {
            var state = State;
            return outbox.Fault
                ?? (
                    !state.IsAway ? null
                    : state.Forged > 0 ? $"{server} answers with another secret, or another does in its place"
                    : $"{server} does not answer: it is away, does not know us as a client, or has another secret"
                );
        }
    }

    /// <inheritdoc/>
    public SinkHealth Health =>
        new(
            Reason,
            outbox.Waiting,
            State.OldestAt is { } oldest
                ? Math.Max(0, Math.Round((clock.Now.Wall - oldest).TotalSeconds, 3))
                : null
        );

    /// <inheritdoc/>
    public void Nudge() => outbox.Nudge();

    /// <inheritdoc/>
    public Task FlushAsync() => outbox.FlushAsync();

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
        outbox.Dispose();
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

    void IRadiusSink.Done(long sequence) => outbox.Done(sequence);

    int IOutboxTaker.Wanted => machine.Wanted;

    bool IOutboxTaker.IsIdle => machine.Outstanding == 0;

    bool IOutboxTaker.IsAway => machine.IsAway;

    void IOutboxTaker.Offer(IReadOnlyList<AccountingEntry> entries) =>
        Step(
            machine.Offer(
                clock.Now,
                [
                    .. entries.Select(entry => new OutboxEntry(
                        entry.Sequence,
                        entry.Kind,
                        entry.Id,
                        entry.At,
                        entry.Json
                    )),
                ]
            )
        );

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
            logger.LogWarning("RADIUS: {Reason}; the store keeps the records", Reason);
        else if (wasAway && !next.IsAway)
            logger.LogInformation("RADIUS: {Server} answers again", server);

        outbox.Turn();
    }
}
