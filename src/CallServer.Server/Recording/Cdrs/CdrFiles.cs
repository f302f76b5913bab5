using System.Reactive.Concurrency;
using CallServer.Server.Configuration;
using CallServer.Storage;

namespace CallServer.Server.Recording.Cdrs;

/// <summary>The CDR files of a server: none, NDJSON, CSV, or both. Each has its own mark in the outbox.</summary>
public sealed class CdrFiles : IDisposable
{
    private readonly CdrFile[] files;

    /// <param name="configuration">Names the files.</param>
    /// <param name="store">Where the CDRs come from.</param>
    /// <param name="scheduler">Runs one action at a time, and may block; its clock decides the rotation.</param>
    /// <param name="logger">Reports when a file cannot be written.</param>
    public CdrFiles(
        ServerConfiguration configuration,
        ILedgerStore store,
        IScheduler scheduler,
        ILogger logger
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var masking = new Masking(configuration.Privacy);
        files =
        [
            .. new[] { (configuration.CdrFile, CdrFormat.Ndjson), (configuration.CdrCsv, CdrFormat.Csv) }
                .Where(file => file.Item1 is not null)
                .Select(file => new CdrFile(
                    file.Item1!,
                    file.Item2 with
                    {
                        Line = json => file.Item2.Line(masking.FiledCdr(json)),
                    },
                    configuration.CdrRotation,
                    store,
                    scheduler,
                    logger,
                    configuration.CdrFollowsLinks
                )),
        ];
    }

    /// <summary>The files' names among the readers of the store's outbox.</summary>
    public IReadOnlyList<string> Readers => [.. files.Select(file => file.Reader)];

    /// <summary>Why one of the files cannot be written; null if all can.</summary>
    public string? Fault => files.Select(file => file.Fault).FirstOrDefault(fault => fault is not null);

    /// <summary>Says that there may be new CDRs. Callable from any thread.</summary>
    public void Nudge()
    {
        foreach (var file in files)
            file.Nudge();
    }

    /// <summary>Completes when everything nudged so far has been tried.</summary>
    public Task FlushAsync() => Task.WhenAll(files.Select(file => file.FlushAsync()));

    /// <summary>Stops writing.</summary>
    public void Dispose()
    {
        foreach (var file in files)
            file.Dispose();
    }
}
