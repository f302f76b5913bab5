using System.Diagnostics;
using CallServer.Bench.Performance.InProcess;
using CallServer.Surface;

namespace CallServer.Bench.Performance.Lines;

/// <summary>
/// The first look at a large fleet: audits and record, as pure code on all cores, without sockets, store and
/// schedule. What the gateways say is recorded beforehand, so that only the audits themselves are timed.
/// </summary>
internal sealed class FirstLookLine : ILine
{
    public string Name => "first-look";

    public string What => "first audits of a large fleet, and their record, by the pure core on all cores";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (gateways, connections, times) = size == Size.Long ? (1000, 1000, 2) : (10, 100, 2);
        var looks = new List<Look>();
        for (var time = 0; time < times; time++)
            looks.Add(await LookAsync(gateways, connections, Environment.ProcessorCount, cancel));
        var (listed, true_) = (looks[^1].Recorded, (long)gateways * connections);
        return new Measured(
            [
                new Row(
                    $"{true_:N0} connections on {gateways:N0} gateways",
                    new Samples("s", looks.Select(look => look.Wall))
                )
                {
                    Reach = new Reach(12),
                    Note = FormattableString.Invariant(
                        $"CPU: audits {looks[^1].Audits:0.0} s, record {looks[^1].Record:0.0} s; {looks[^1].Allocated / true_:N0} octets allocated a connection; the gateways' own time is not in it"
                    ),
                },
            ],
            listed == true_ ? [] : [$"{listed} of {true_} connections are in the record"]
        );
    }

    /// <summary>Audits a fleet once. Every core does its share of the gateways.</summary>
    public static async Task<Look> LookAsync(
        int gateways,
        int connections,
        int cores,
        CancellationToken cancel
    )
    {
        var next = -1;
        var shares = await Task.WhenAll(
            Enumerable
                .Range(0, cores)
                .Select(_ =>
                    Task.Factory.StartNew(
                        () =>
                        {
                            var share = new Share();
                            while (Interlocked.Increment(ref next) is var number && number < gateways)
                            {
                                cancel.ThrowIfCancellationRequested();
                                share.Take($"gw{number:0000}", connections);
                            }
                            return share;
                        },
                        cancel,
                        TaskCreationOptions.LongRunning,
                        TaskScheduler.Default
                    )
                )
        );
        return new Look(
            shares.Sum(share => share.Audits.TotalSeconds),
            shares.Sum(share => share.Taken.TotalSeconds),
            cores,
            shares.Sum(share => share.Allocated),
            shares.Sum(share => share.Records.Where(record => record.Complete).Sum(record => record.Count))
        );
    }

    /// <summary>One look at a fleet.</summary>
    /// <param name="Audits">Seconds of the audits, on all cores together.</param>
    /// <param name="Record">Seconds that the record took, on all cores together.</param>
    /// <param name="Cores">The cores that did it.</param>
    /// <param name="Allocated">Octets of memory that both allocated.</param>
    /// <param name="Recorded">Connections in the record, of complete audits.</param>
    internal sealed record Look(double Audits, double Record, int Cores, double Allocated, long Recorded)
    {
        /// <summary>Seconds on that many cores.</summary>
        public double Wall => (Audits + Record) / Cores;
    }

    /// <summary>What one core does.</summary>
    private sealed class Share
    {
        public TimeSpan Audits { get; private set; }

        public TimeSpan Taken { get; private set; }

        public long Allocated { get; private set; }

        // The record stays, as it does in a server.
        public List<(bool Complete, int Count, GatewayRecord Record)> Records { get; } = [];

        public void Take(string id, int connections)
        {
            var tape = new InProcessGateway(id, connections).Audit();
            var (allocated, watch) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.StartNew());
            var result = tape.Play();
            var audited = watch.Elapsed;
            var empty = GatewayRecord.Empty(id);
            var record = empty.After(empty.Apply(result, Stamps.Bench));
            Taken += watch.Elapsed - audited;
            Audits += audited;
            Allocated += GC.GetAllocatedBytesForCurrentThread() - allocated;
            Records.Add((result.Complete, record.Count, record));
        }
    }
}
