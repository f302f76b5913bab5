using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Text;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Accounting;

/// <summary>
/// Posts what the store's outbox holds to another system, one batch at a time and in order. A batch is
/// sent until the receiver has taken it; nothing behind it goes before. Everything happens on one scheduler; only
/// requests run beside it.
/// </summary>
public sealed class PushSink : IOutboxSink, IOutboxTaker
{
    /// <summary>The sink's name among the readers of the store's outbox.</summary>
    public const string Reader = "cdr-http";

    /// <summary>
    /// A second mark in the store, of no reader: how far the batch reaches that was sent last. After a restart the same
    /// records go out as one batch again, with the same key, even if others have joined them meanwhile.
    /// </summary>
    internal const string SentMark = "cdr-http-sent";

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RefusedPause = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestAsked = TimeSpan.FromHours(1);

    // After so many batches in a row a limit that a 413 taught is doubled, as far as the configuration allows.
    private const int BatchesUntilLarger = 100;

    private readonly PushConfiguration configuration;
    private readonly string sender;
    private readonly Masking masking;
    private readonly ILedgerStore store;
    private readonly IClock clock;
    private readonly IScheduler scheduler;
    private readonly Func<double> chance;
    private readonly ILogger logger;
    private readonly OutboxReader outbox;
    private readonly PushHttp http;
    private readonly CancellationTokenSource stopping = new();
    private readonly SerialDisposable wake = new();
    private readonly SerialDisposable deadline = new();
    private readonly SerialDisposable patience = new();
    private PushBatch? batch;
    private int? unfinished;
    private int limit;
    private int inARow;
    private bool waits;
    private bool isDue;
    private int failures;
    private bool isOver;
    private PushAnswer? trouble;

    /// <param name="configuration">The receiver.</param>
    /// <param name="server">This server's name.</param>
    /// <param name="masking">Hides numbers as in CDR files.</param>
    /// <param name="store">Where the records come from; Reader must be registered there.</param>
    /// <param name="clock">The server's clock.</param>
    /// <param name="scheduler">Runs one action at a time, and may block. Requests come back to it from other
    /// threads.</param>
    /// <param name="chance">Gives random numbers from 0 to 1, which spread repeats.</param>
    /// <param name="logger">Reports when the receiver does not take records, and when it does again.</param>
    public PushSink(
        PushConfiguration configuration,
        string server,
        Masking masking,
        ILedgerStore store,
        IClock clock,
        IScheduler scheduler,
        Func<double> chance,
        ILogger logger
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        this.configuration = configuration;
        this.masking = masking;
        this.store = store;
        this.clock = clock;
        this.scheduler = scheduler;
        this.chance = chance;
        this.logger = logger;
        sender = $"{server}\n{Reader}";
        limit = configuration.Batch;
        outbox = new OutboxReader(Reader, "cdr.http", this, store, scheduler, logger);
        http = new PushHttp(configuration, clock);
    }

    /// <summary>What it has counted.</summary>
    public PushTally Tally { get; } = new();

    /// <summary>Whether the receiver has refused records, so that nothing goes until it takes them.</summary>
    public bool IsRefused => Volatile.Read(ref trouble) is { Result: PushResult.Refused };

    /// <summary>Whether the last request brought nothing, and was not refused.</summary>
    public bool IsAway => Volatile.Read(ref trouble) is { Result: not PushResult.Refused };

    /// <inheritdoc/>
    public string? Reason => outbox.Fault ?? Told(Volatile.Read(ref trouble));

    /// <inheritdoc/>
    public SinkHealth Health => new(Reason, outbox.Waiting, OldestSeconds());

    /// <summary>Completes when no request is under way any more, and its answer is scheduled.</summary>
    internal Task Exchange { get; private set; } = Task.CompletedTask;

    /// <inheritdoc/>
    public void Nudge() => outbox.Nudge();

    /// <inheritdoc/>
    public Task FlushAsync() => outbox.FlushAsync();

    /// <summary>Gives up the request under way. Its records, if any, will be sent again with the same key.</summary>
    public void Dispose()
    {
        Volatile.Write(ref isOver, true);
        outbox.Dispose();
        wake.Dispose();
        deadline.Dispose();
        patience.Dispose();
        stopping.Cancel();
        http.Dispose();
    }

    bool IOutboxTaker.IsIdle => batch is null;

    bool IOutboxTaker.IsAway => trouble is not null;

    int IOutboxTaker.Wanted
    {
        get
        {
            if (batch is not null)
                return 0;
            // What is between the two marks was sent by an earlier run, and perhaps taken.
            unfinished ??= (int)
                Math.Clamp(store.CountAccounting(Reader) - store.CountAccounting(SentMark), 0, int.MaxValue);
            if (unfinished > 0)
                return unfinished.Value;
            // While some wait for others there are few: counting them is cheap.
            return waits && !IsDue && store.CountAccounting(Reader) < limit ? 0 : limit;
        }
    }

    private bool IsDue => isDue || outbox.IsFlushing;

    void IOutboxTaker.Offer(IReadOnlyList<AccountingEntry> entries)
    {
        if (unfinished == 0 && entries.Count < limit && !IsDue)
        {
            Await();
            return;
        }

        var lines = entries
            .Where(entry => configuration.Records.Contains(entry.Kind))
            .Select(entry => (entry.Sequence, Encoding.UTF8.GetBytes(masking.FiledCdr(entry.Json))))
            .ToList();
        var through = entries[^1].Sequence;
        if (lines.Count > 0)
        {
            var next = new PushBatch(sender, lines, through);
            store.AdvanceAccounting(SentMark, through);
            batch = next;
        }

        unfinished = 0;
        isDue = false;
        waits = false;
        patience.Disposable = Disposable.Empty;
        if (batch is not null)
            Send();
        else
            Pass(through);
    }

    /// <summary>Has the records that are there wait for others, once.</summary>
    private void Await()
    {
        if (waits)
            return;
        waits = true;
        patience.Disposable = scheduler.ScheduleLightly(
            configuration.Every,
            () =>
            {
                isDue = true;
                outbox.Nudge();
            }
        );
    }

    private void Send()
    {
        if (Volatile.Read(ref isOver) || batch is not { } sent)
            return;
        var cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token);
        deadline.Disposable = scheduler.ScheduleLightly(configuration.Deadline, cancel.Cancel);
        Exchange = AskAsync(sent, cancel);
    }

    private async Task AskAsync(PushBatch sent, CancellationTokenSource cancel)
    {
        // The scheduler's thread does not take part, even if everything is there at once.
        await Task.Yield();
        var answer = await http.SendAsync(sent, cancel.Token);
        scheduler.Schedule(() =>
        {
            deadline.Disposable = Disposable.Empty;
            cancel.Dispose();
            if (!Volatile.Read(ref isOver))
                Take(sent, answer);
        });
    }

    private void Take(PushBatch sent, PushAnswer answer)
    {
        Tally.Count(answer.Result, sent.Count);
        switch (answer.Result)
        {
            case PushResult.Taken:
                Taken(sent);
                break;
            case PushResult.TooLarge when sent.Count > 1:
                batch = sent.FirstHalf();
                limit = batch.Count;
                inARow = 0;
                logger.LogInformation(
                    "{Receiver} does not take {Count} records at once: {Half} go from now on",
                    configuration.Shown,
                    sent.Count,
                    limit
                );
                Send();
                break;
            case PushResult.TooLarge:
                Refused(
                    sent,
                    new PushAnswer(
                        PushResult.Refused,
                        $"{answer.Words}; one record alone is too large for it: it must take {sent.Body.Length} octets"
                    )
                );
                break;
            case PushResult.Refused:
                Refused(sent, answer);
                break;
            case PushResult.Unreachable or PushResult.Late or PushResult.Busy or PushResult.Failed:
                Failed(answer);
                break;
        }

        outbox.Turn();
    }

    private void Taken(PushBatch sent)
    {
        batch = null;
        failures = 0;
        if (Interlocked.Exchange(ref trouble, null) is not null)
            logger.LogInformation("{Receiver} takes records again", configuration.Shown);
        if (limit < configuration.Batch && ++inARow >= BatchesUntilLarger)
        {
            limit = Math.Min(configuration.Batch, limit * 2);
            inARow = 0;
        }

        Pass(sent.Through);
    }

    /// <summary>Has the outbox forget up to here, and looks whether there are more.</summary>
    private void Pass(long through)
    {
        outbox.Done(through);
        outbox.Nudge();
    }

    private void Failed(PushAnswer answer)
    {
        failures++;
        inARow = 0;
        var isNew = trouble is null;
        Volatile.Write(ref trouble, answer);
        if (isNew)
            logger.LogWarning("{Reason}; the store keeps the records", Told(answer));
        var pause = GatewayCadence.Pause(FirstPause, LongestPause, failures) * (1 + (chance() / 4));
        Again(
            answer.Wait is not { } asked ? pause
            : asked < FirstPause ? FirstPause
            : asked > LongestAsked ? LongestAsked
            : asked
        );
    }

    private void Refused(PushBatch sent, PushAnswer answer)
    {
        failures++;
        inARow = 0;
        Volatile.Write(ref trouble, answer);
        // Each time: until somebody mends it, no CDR leaves here.
        logger.LogError(
            "{Reason}. Refused are {Count} records from number {First} of the outbox on. None is dropped, and none behind them is sent: the store keeps them; next try in {Pause}",
            Told(answer),
            sent.Count,
            sent.First,
            Durations.Format(RefusedPause)
        );
        Again(RefusedPause);
    }

    private void Again(TimeSpan pause) => wake.Disposable = scheduler.ScheduleLightly(pause, Send);

    private string? Told(PushAnswer? answer) =>
        answer switch
        {
            null => null,
            { Result: PushResult.Refused } => $"{configuration.Shown} refuses records: {answer.Words}",
            { Result: PushResult.Unreachable or PushResult.Late } =>
                $"{configuration.Shown} does not answer: {answer.Words}",
            _ => $"{configuration.Shown} takes no records now: {answer.Words}",
        };

    private double? OldestSeconds()
    {
        try
        {
            return store.OldestWait(Reader, clock) is { } wait ? Math.Round(wait.TotalSeconds, 3) : null;
        }
        catch (StoreException)
        {
            return null;
        }
    }
}
