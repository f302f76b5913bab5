using System.Reactive.Concurrency;
using CallServer.Server.Configuration;
using CallServer.Storage;

namespace CallServer.Server.Recording.Cdrs;

/// <summary>The CDR files of a server: none, NDJSON, CSV, or both. Each goes on at its own mark.</summary>
public sealed class CdrFiles : IDisposable
{
    private readonly CdrFile[] files;

    /// <param name="configuration">Names them.</param>
    /// <param name="store">Where the CDRs come from.</param>
    /// <param name="scheduler">Runs one thing at a time, and may block; its time is the rotation's.</param>
    /// <param name="logger">Says when a file cannot be written.</param>
    public CdrFiles(
        ServerConfiguration configuration,
        ILedgerStore store,
        IScheduler scheduler,
        ILogger logger
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        files =
        [
            .. new[] { (configuration.CdrFile, CdrFormat.Ndjson), (configuration.CdrCsv, CdrFormat.Csv) }
                .Where(file => file.Item1 is not null)
                .Select(file => new CdrFile(
                    file.Item1!,
                    file.Item2,
                    configuration.CdrRotation,
                    store,
                    scheduler,
                    logger,
                    configuration.CdrFollowsLinks
                )),
        ];
    }

    /// <summary>Their names among the readers of the store's outbox.</summary>
    public IReadOnlyList<string> Readers => [.. files.Select(file => file.Reader)];

    /// <summary>Why one of them cannot be written; null where all can.</summary>
    public string? Fault => files.Select(file => file.Fault).FirstOrDefault(fault => fault is not null);

    /// <summary>There may be new CDRs; from any thread.</summary>
    public void Nudge()
    {
        foreach (var file in files)
            file.Nudge();
    }

    /// <summary>Ends when everything that was nudged so far has been tried.</summary>
    public Task FlushAsync() => Task.WhenAll(files.Select(file => file.FlushAsync()));

    /// <summary>Tries no more.</summary>
    public void Dispose()
    {
        foreach (var file in files)
            file.Dispose();
    }
}
