using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Text;
using CallServer.Storage;

namespace CallServer.Server.Recording.Cdrs;

/// <summary>
/// Appends CDRs and interim records to a file, one a line, in the order of the store's outbox, and puts the file aside
/// when its time or size has come. The outbox forgets an entry only after its line is on the disk: a CDR may stand there
/// twice after a crash, with the same id, but none is missing and none is half written.
/// </summary>
public sealed class CdrFile : IDisposable
{
    private const int PageSize = 500;
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    // Should the wall clock be stepped, the end of a period is seen no later than this.
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

    /// <param name="path">Made if it is not there, its directory too.</param>
    /// <param name="format">How a CDR's line looks.</param>
    /// <param name="rotation">When the file is put aside.</param>
    /// <param name="store">Where the CDRs come from; the format's reader has to be registered there.</param>
    /// <param name="scheduler">Runs one thing at a time, and may block; its time is the rotation's.</param>
    /// <param name="logger">Says when the file cannot be written.</param>
    /// <param name="followsLinks">The path may be a symbolic link.</param>
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

    /// <summary>Its name among the readers of the store's outbox.</summary>
    public string Reader => format.Reader;

    /// <summary>Why the file cannot be written; null where it can.</summary>
    public string? Fault =>
        Volatile.Read(ref fault)
        ?? (file.HasVanished ? $"the directory of {path} is not there any more" : null);

    /// <summary>There may be new CDRs; from any thread.</summary>
    public void Nudge()
    {
        if (Interlocked.Exchange(ref scheduled, 1) == 0)
            scheduler.Schedule(Append);
    }

    /// <summary>Ends when everything that was nudged so far has been tried.</summary>
    public Task FlushAsync()
    {
        Nudge();
        return scheduler.PassAsync();
    }

    /// <summary>Tries no more.</summary>
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

    /// <summary>One timer at most waits: a cancelled one stays in the scheduler's queue until it is due.</summary>
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
