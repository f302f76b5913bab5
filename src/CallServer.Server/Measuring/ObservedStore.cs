using System.Diagnostics.Metrics;
using CallServer.Server.Accounting;
using CallServer.Storage;

namespace CallServer.Server.Measuring;

/// <summary>The store, and the outbox from which files and other systems get their CDRs.</summary>
internal static class ObservedStore
{
    private const string Reader = "reader";

    public static void Add(Meter meter, ServerRuntime runtime)
    {
        var writer = runtime.Writer;
        meter.Shows(
            "callserver.store_healthy",
            "1 while the store takes changes.",
            () => writer.Health.Healthy ? 1 : 0
        );
        meter.Shows(
            "callserver.store_pending_gateways",
            "Gateways with changes that are not saved yet.",
            () => writer.Health.PendingGateways
        );
        meter.Shows(
            "callserver.store_pending_cdrs",
            "CDRs that are not saved yet.",
            () => writer.Health.PendingCdrs
        );
        meter.Counts(
            "callserver.store_commits",
            "Transactions, by their result.",
            "result",
            () => [("saved", writer.Commits), ("failed", writer.Failures)]
        );
        meter.Counts("callserver.cdrs", "CDRs that the store took.", () => writer.Cdrs);
        AddOutbox(meter, runtime);
    }

    private static void AddOutbox(Meter meter, ServerRuntime runtime)
    {
        var store = runtime.Store;
        meter.Shows(
            "callserver.outbox_waiting",
            "Records in the outbox that a reader has not taken.",
            Reader,
            () => OfEach(runtime, reader => store.CountAccounting(reader))
        );
        meter.Shows(
            "callserver.outbox_oldest",
            "How long the oldest of them has waited; 0 if there is none.",
            Reader,
            () => OfEach(runtime, reader => store.OldestWait(reader, runtime.Clock)?.TotalSeconds ?? 0),
            "s"
        );
    }

    /// <summary>A value for each reader; none while the store cannot be read.</summary>
    private static List<(string, double)> OfEach(ServerRuntime runtime, Func<string, double> read)
    {
        try
        {
            return [.. runtime.OutboxReaders.Select(reader => (reader, read(reader)))];
        }
        catch (StoreException)
        {
            return [];
        }
    }
}
