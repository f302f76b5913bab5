using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Storage;

namespace CallServer.Server.Recording;

/// <summary>
/// Keeps who asked the server for what besides reading. Each request that was carried out, or tried, has its own entry,
/// which is written before its answer is sent. Those that were refused are summed up: the first of a kind has an entry at
/// once, the others one a minute.
/// </summary>
internal sealed class ControlLog(StoreWriter writer, IClock clock, IScheduler scheduler, ILogger logger)
{
    /// <summary>Least time between two entries about refused requests that are alike.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromMinutes(1);

    /// <summary>The longest text of an entry; what is longer is cut.</summary>
    public const int Longest = 1_000;

    // Requests of further callers are summed up without their addresses.
    private const int MostCallers = 100;
    private const string Others = "other addresses";

    // An operator's answer does not wait longer than this for a busy disk.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Paced<(string Who, string From, string Verb, int Status)> callers = new(
        clock,
        scheduler,
        Rest,
        MostCallers
    );
    private readonly Paced<(string Verb, int Status)> rest = new(clock, scheduler, Rest, int.MaxValue);

    /// <summary>
    /// Adds a request. Completes when its entry is on the disk, the store has failed to write it and keeps it, or the disk
    /// is too slow to wait for. A refused request does not wait.
    /// </summary>
    /// <param name="who">Who asked.</param>
    /// <param name="from">From which address.</param>
    /// <param name="verb">Method and path of the API; there must be a bounded number of them.</param>
    /// <param name="what">What it was about; null if nothing was named.</param>
    /// <param name="status">The HTTP status of the answer.</param>
    /// <param name="result">One of the words of <see cref="ControlEntry"/>.</param>
    public async Task AddAsync(string who, string from, string verb, string? what, int status, string result)
    {
        var entry = new ControlEntry(
            "",
            Cut(who),
            from,
            verb,
            what is null ? null : Cut(what),
            status,
            result,
            1
        );
        if (entry.IsRefused)
        {
            // What nobody carried out is not told in the caller's words.
            Sum(entry with { What = null });
            return;
        }

        logger.LogInformation(
            "{Verb} {What} by {Who} from {From}: {Result} ({Status})",
            verb,
            entry.What ?? "",
            entry.Who,
            from,
            result,
            status
        );
        try
        {
            await Write(entry).WaitAsync(Patience, SystemClock.Timers);
        }
        catch (TimeoutException)
        {
            logger.LogWarning("the entry of {Verb} in the control log waits for the disk", verb);
        }
    }

    /// <summary>Completes when the store has tried to write everything added so far.</summary>
    public Task PassAsync() => writer.EnqueueControl(default, null);

    /// <summary>Writes the sums that wait for their minute to end.</summary>
    public void Flush()
    {
        callers.Flush();
        rest.Flush();
    }

    private void Sum(ControlEntry entry)
    {
        if (callers.TrySay((entry.Who, entry.From, entry.Verb, entry.Status), more => Counted(entry, more)))
            return;
        var other = entry with { Who = "several", From = Others };
        rest.TrySay((entry.Verb, entry.Status), more => Counted(other, more));
    }

    private void Counted(ControlEntry entry, int more) => Write(entry with { Count = 1 + more });

    private Task Write(ControlEntry entry)
    {
        var now = clock.Now.Steady;
        return writer.EnqueueControl(
            InstantModule.toDateTime(now),
            entry with
            {
                Time = (now + clock.Correction).ToString(),
            }
        );
    }

    private static string Cut(string text) => text.Length <= Longest ? text : text[..(Longest - 1)] + "…";
}
