using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Text;
using CallServer.Storage;

namespace CallServer.Server.Recording.Cdrs;

/// <summary>
/// Appends CDRs and interim records to a file, one a line, in the order of the store's outbox, and rotates the file
/// when its time or size has come. The outbox forgets an entry only after its line is on the disk: after a crash a
/// CDR may appear twice, with the same id, but none is missing and none is half written.
/// </summary>
public sealed class CdrFile : IDisposable
{
    private const int PageSize = 500;
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    // The longest wait: even if the wall clock is stepped, the end of a period is noticed no later than this.
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    private readonly string path;
    private readonly LineFile file;
    private readonly CdrFormat format;
    private readonly CdrRotation rotation;
    private readonly ILedgerStore store;
    private readonly IScheduler scheduler;
    private readonly ILogger logger;
    private readonly SerialDisposable retry = new();
    private readonly SerialDisposable boundary = new();
    private string? fault;
    private int scheduled;
    private bool headed;
    private DateTimeOffset? wake;

    /// <param name="path">Created if it does not exist, along with its directory.</param>
    /// <param name="format">How a CDR's line looks.</param>
    /// <param name="rotation">When the file is rotated.</param>
    /// <param name="store">Where the CDRs come from; the format's reader must be registered there.</param>
    /// <param name="scheduler">Runs one action at a time, and may block; its clock decides the rotation.</param>
    /// <param name="logger">Reports when the file cannot be written.</param>
    /// <param name="followsLinks">Whether the path may be a symbolic link.</param>
    public CdrFile(
        string path,
        CdrFormat format,
        CdrRotation rotation,
        ILedgerStore store,
        IScheduler scheduler,
        ILogger logger,
        bool followsLinks = false
    )
    {
        this.path = Path.GetFullPath(path);
        this.format = format;
        this.rotation = rotation;
        this.store = store;
        this.scheduler = scheduler;
        this.logger = logger;
        file = new LineFile(
            this.path,
            format.Header,
            followsLinks,
            octets =>
                logger.LogWarning(
                    "the CDR file {File} ended in half a line: {Octets} octets are cut off and written again",
                    this.path,
                    octets
                )
        );
    }

    /// <summary>The file's name among the readers of the store's outbox.</summary>
    public string Reader => format.Reader;

    /// <summary>Why the file cannot be written; null while it can.</summary>
    public string? Fault =>
        Volatile.Read(ref fault)
        ?? (file.HasVanished ? $"the directory of {path} is not there any more" : null);

    /// <summary>Says that there may be new CDRs. Callable from any thread.</summary>
    public void Nudge()
    {
        if (Interlocked.Exchange(ref scheduled, 1) == 0)
            scheduler.Schedule(Append);
    }

    /// <summary>Completes when everything nudged so far has been tried.</summary>
    public Task FlushAsync()
    {
        Nudge();
        return scheduler.PassAsync();
    }

    /// <summary>Stops writing.</summary>
    public void Dispose()
    {
        retry.Dispose();
        boundary.Dispose();
    }

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

        AwaitBoundary(scheduler.Now);
    }

    /// <summary>
    /// Keeps at most one timer waiting: a cancelled one stays in the scheduler's queue until it is due.
    /// </summary>
    private void AwaitBoundary(DateTimeOffset now)
    {
        if (rotation.Next(now) is not { } next)
            return;
        var at = next - now < LongestWait ? next : now + LongestWait;
        if (wake <= at)
            return;
        wake = at;
        boundary.Disposable = scheduler.Schedule(
            at - now,
            () =>
            {
                wake = null;
                Nudge();
            }
        );
    }

    private bool AppendPage()
    {
        Rotate();
        var page = store.ReadAccounting(format.Reader, PageSize);
        if (page.Items.Count == 0)
            return false;

        var lines = new StringBuilder();
        foreach (var entry in page.Items.Where(entry => entry.Kind != AccountingKind.Start))
            lines.Append(format.Line(entry.Json)).Append('\n');
        if (lines.Length > 0)
            file.Append(lines.ToString(), scheduler.Now);
        store.AdvanceAccounting(format.Reader, page.Items[^1].Sequence);
        return page.Next is not null;
    }

    private void Rotate()
    {
        if (file.Known is not { } known)
            return;
        if (!rotation.IsDue(known.Written, known.Length, scheduler.Now) && (headed || !file.HasAnotherHeader))
        {
            headed = true;
            return;
        }

        if (file.TryPutAside(rotation.Names(path, known.Written), out var name))
            logger.LogInformation("the CDR file {File} was put aside as {Name}", path, name);
    }
}
