using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Storage;

namespace CallServer.Server.Accounting;

/// <summary>Takes what an <see cref="OutboxReader"/> reads, on the reader's scheduler.</summary>
internal interface IOutboxTaker
{
    /// <summary>
    /// How many entries after its mark it wants to be offered now; 0 for none. May throw what the store throws.
    /// </summary>
    int Wanted { get; }

    /// <summary>Whether the system was told of everything that was offered, and has acknowledged it.</summary>
    bool IsIdle { get; }

    /// <summary>Whether the system does not take records at present.</summary>
    bool IsAway { get; }

    /// <summary>
    /// Takes entries after its mark, oldest first. Entries it was offered before may come again. It may leave them: they
    /// come again when it wants some. May throw what the store throws: then they come again too.
    /// </summary>
    void Offer(IReadOnlyList<AccountingEntry> entries);
}

/// <summary>
/// Reads the store's outbox for one system, and moves its mark there. The outbox is the spool: it forgets an entry only
/// after the system has acknowledged it. A store that fails is tried again.
/// </summary>
/// <param name="name">Its name among the readers of the outbox; it must be registered there.</param>
/// <param name="whom">The system, in log lines.</param>
/// <param name="taker">Takes the entries.</param>
/// <param name="store">Where they come from.</param>
/// <param name="scheduler">Runs one action at a time, and may block.</param>
/// <param name="logger">Reports when the store fails.</param>
internal sealed class OutboxReader(
    string name,
    string whom,
    IOutboxTaker taker,
    ILedgerStore store,
    IScheduler scheduler,
    ILogger logger
) : IDisposable
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private readonly SerialDisposable retry = new();
    private readonly List<TaskCompletionSource> flushes = [];
    private long done;
    private long advanced;
    private bool more = true;
    private bool isOver;
    private bool nudged;
    private int scheduled;
    private string? fault;

    /// <summary>Why the store cannot be read or written; null while it can.</summary>
    public string? Fault => Volatile.Read(ref fault);

    /// <summary>How many entries the system has not acknowledged; null while the store cannot be read.</summary>
    public long? Waiting
    {
        get
        {
            try
            {
                return store.CountAccounting(name);
            }
            catch (StoreException)
            {
                return null;
            }
        }
    }

    /// <summary>Whether somebody waits until everything is acknowledged.</summary>
    public bool IsFlushing => flushes.Count > 0;

    /// <summary>Says that there may be new entries. Callable from any thread.</summary>
    public void Nudge()
    {
        Volatile.Write(ref nudged, true);
        Turn();
    }

    /// <summary>
    /// Looks in its turn whether there is something to do. One turn covers all that was asked for meanwhile: each mark
    /// costs a transaction. Callable from any thread.
    /// </summary>
    public void Turn()
    {
        if (Interlocked.Exchange(ref scheduled, 1) == 0)
            scheduler.Schedule(Settle);
    }

    /// <summary>The system has acknowledged everything up to this sequence.</summary>
    public void Done(long sequence)
    {
        done = sequence;
        Turn();
    }

    /// <summary>See <see cref="IOutboxSink.FlushAsync"/>.</summary>
    public Task FlushAsync()
    {
        var flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        scheduler.Schedule(() =>
        {
            flushes.Add(flushed);
            Nudge();
        });
        return flushed.Task;
    }

    /// <summary>Reads no more. What was acknowledged and not yet marked will come again.</summary>
    public void Dispose()
    {
        Volatile.Write(ref isOver, true);
        retry.Dispose();
    }

    private void Settle()
    {
        Interlocked.Exchange(ref scheduled, 0);
        if (Volatile.Read(ref isOver))
            return;
        more |= Interlocked.Exchange(ref nudged, false);
        try
        {
            if (done > advanced)
            {
                store.AdvanceAccounting(name, done);
                advanced = done;
            }

            if (more && taker.Wanted is > 0 and var wanted)
            {
                var page = store.ReadAccounting(name, wanted);
                if (page.Items.Count > 0)
                    taker.Offer(page.Items);
                more = page.Next is not null;
            }

            Volatile.Write(ref fault, null);
        }
#pragma warning disable CA1031 // what the store cannot do now is tried again, whatever the reason
        catch (Exception failed)
#pragma warning restore CA1031
        {
            if (Volatile.Read(ref fault) is null)
                logger.LogError(
                    "the store's outbox cannot be read or advanced for {Whom}: {Reason}; next try in {Rest} s",
                    whom,
                    failed.Message,
                    Rest.TotalSeconds
                );
            Volatile.Write(ref fault, failed.Message);
            retry.Disposable = scheduler.Schedule(Rest, Turn);
        }

        if (fault is not null || taker.IsAway || (!more && taker.IsIdle && done == advanced))
        {
            foreach (var flush in flushes)
                flush.TrySetResult();
            flushes.Clear();
        }
    }
}
