using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Text;
using CallServer.Storage;

namespace CallServer.Host.Recording;

/// <summary>
/// Appends CDRs to a file, one JSON object a line, in the order in which the store took them. The store
/// remembers how far the file has come, and is told so only after the lines are on the disk: a CDR may stand
/// there twice after a crash, with the same id, but none is missing and none is half written.
/// </summary>
public sealed class CdrFile : IDisposable
{
    /// <summary>Its name among the readers of the store's outbox.</summary>
    public const string Reader = "cdr-file";

    private const int PageSize = 500;
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private readonly string path;
    private readonly ILedgerStore store;
    private readonly IScheduler scheduler;
    private readonly ILogger logger;
    private readonly SerialDisposable retry = new();
    private string? fault;
    private int scheduled;

    /// <param name="path">Made if it is not there, its directory too.</param>
    /// <param name="store">Where the CDRs come from.</param>
    /// <param name="scheduler">Runs one thing at a time, and may block.</param>
    /// <param name="logger">Says when the file cannot be written.</param>
    public CdrFile(string path, ILedgerStore store, IScheduler scheduler, ILogger logger)
    {
        this.path = Path.GetFullPath(path);
        this.store = store;
        this.scheduler = scheduler;
        this.logger = logger;
    }

    /// <summary>Why the file cannot be written; null where it can.</summary>
    public string? Fault => Volatile.Read(ref fault);

    /// <summary>There may be new CDRs; from any thread.</summary>
    public void Nudge()
    {
        if (Interlocked.Exchange(ref scheduled, 1) == 0)
            scheduler.Schedule(Append);
    }

    /// <summary>Ends when everything that was nudged so far has been tried.</summary>
    public Task FlushAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Nudge();
        scheduler.Schedule(() => done.TrySetResult());
        return done.Task;
    }

    /// <summary>Tries no more.</summary>
    public void Dispose() => retry.Dispose();

    private void Append()
    {
        Volatile.Write(ref scheduled, 0);
        try
        {
            while (AppendPage()) { }
            if (Interlocked.Exchange(ref fault, null) is not null)
                logger.LogInformation("the CDR file {File} takes CDRs again", path);
        }
#pragma warning disable CA1031 // a file that cannot be written is tried again, whatever the reason
        catch (Exception failed)
#pragma warning restore CA1031
        {
            Volatile.Write(ref fault, failed.Message);
            logger.LogError(
                "the CDR file {File} cannot be written: {Reason} The store keeps the CDRs; next try in {Rest} s",
                path,
                failed.Message,
                Rest.TotalSeconds
            );
            retry.Disposable = scheduler.Schedule(Rest, Nudge);
        }
    }

    private bool AppendPage()
    {
        var page = store.ReadAccounting(Reader, PageSize);
        if (page.Items.Count == 0)
            return false;

        if (Path.GetDirectoryName(path) is { Length: > 0 } directory)
            Directory.CreateDirectory(directory);
        using (var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read))
        {
            CutTornLine(file);
            var lines = new StringBuilder();
            foreach (var entry in page.Items)
                if (entry.Kind != AccountingKind.Start)
                    lines.Append(entry.Json).Append('\n');
            file.Write(Encoding.UTF8.GetBytes(lines.ToString()));
            file.Flush(flushToDisk: true);
        }

        store.AdvanceAccounting(Reader, page.Items[^1].Sequence);
        return page.Next is not null;
    }

    /// <summary>
    /// A crash can leave half a line. Its CDR is still marked as not written and comes again whole; readers
    /// of lines never see the half. Leaves the position at the end.
    /// </summary>
    private void CutTornLine(FileStream file)
    {
        var end = file.Length;
        while (end > 0)
        {
            file.Position = end - 1;
            if (file.ReadByte() == '\n')
                break;
            end--;
        }

        if (end != file.Length)
        {
            logger.LogWarning(
                "the CDR file {File} ended in half a line: it is cut off and written again",
                path
            );
            file.SetLength(end);
        }

        file.Position = end;
    }
}
