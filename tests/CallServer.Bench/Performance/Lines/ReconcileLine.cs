using CallServer.Bench.Performance.InProcess;
using CallServer.Surface;
using Microsoft.FSharp.Collections;

namespace CallServer.Bench.Performance.Lines;

/// <summary>
/// A record takes in an audit of each gateway, in which a hundredth of its connections has changed. Beside it: what a plain
/// program would do, which keeps the rows in a Map; and what the machine does at most, which is to copy as many octets.
/// </summary>
internal sealed class ReconcileLine : ILine
{
    // An audit gives up beyond 200,000 rows.
    private const int MostOnOne = 100_000;
    private const double Changed = 0.01;
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(10);

    public string Name => "reconcile";

    public string What => "audits are taken into the record, in which 1 % has changed since";

    public Task<Measured> RunAsync(Size size, CancellationToken cancel) =>
        Task.FromResult(size == Size.Long ? Measure(1_000_000, 3, cancel) : Measure(2_000, 2, cancel));

    private static Measured Measure(int count, int times, CancellationToken cancel)
    {
        var scene = new Scene(count);
        cancel.ThrowIfCancellationRequested();
        var steps = scene.Take();
        var gone = steps.Sum(step => step.Deletes.Count);
        var came = steps.Sum(step => step.Changes.Count(change => change.Kind == "opened"));
        var wrong = scene.Check(steps, gone, came).ToList();
        steps = null;

        var (ours, allocated, map) = (new List<double>(), new List<double>(), new List<double>());
        var paused = new List<double>();
        for (var time = 0; time < times; time++)
        {
            List<GatewayRecord>? after = null;
            var (bytes, pauses) = (0L, GC.GetTotalPauseDuration());
            ours.Add(
                Beside.Seconds(() =>
                {
                    (bytes, pauses) = (GC.GetAllocatedBytesForCurrentThread(), GC.GetTotalPauseDuration());
                    after = scene.After(scene.Take());
                    bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
                    pauses = GC.GetTotalPauseDuration() - pauses;
                })
            );
            GC.KeepAlive(after);
            allocated.Add(bytes / (double)count);
            paused.Add(pauses.TotalSeconds);
            var found = (0, 0);
            map.Add(Beside.Seconds(() => found = scene.Differ()));
            if (found != (gone, came))
                wrong.Add($"the Map finds {found} gone and new, the record {(gone, came)}");
        }

        var held = scene.Held();
        var copies = Enumerable.Range(0, times).Select(_ => Heap.SecondsToCopy(held));
        var what = $"{count:N0} connections, {came:N0} new and {gone:N0} gone";
        return new Measured(
            [
                new Row(what, new Samples("s", ours))
                {
                    Beside = "an F# Map, made of the new rows and compared with the old one",
                    Rival = new Samples("s", map),
                    Reach = new Reach(0.15, 10),
                    Note =
                        $"{new Samples("octets", allocated)} allocated a connection; {new Samples("s", paused)} of it is garbage collection",
                },
                new Row(what, new Samples("s", ours))
                {
                    Beside = $"a copy of {held / 1e6:N1} MB, which is what the record holds",
                    Rival = new Samples("s", copies),
                },
            ],
            wrong
        );
    }

    /// <summary>The records of some gateways, the audits that they are to take in, and the same as rows.</summary>
    private sealed class Scene
    {
        private readonly int began;
        private readonly int carried;
        private List<GatewayRecord> records = [];
        private List<AuditResult> audits = [];
        private FSharpMap<string, ConnectionRow>? was;
        private Tuple<string, ConnectionRow>[] rows;

        public Scene(int count)
        {
            var shares = Enumerable
                .Range(0, (count + MostOnOne - 1) / MostOnOne)
                .Select(number => Math.Min(count - number * MostOnOne, MostOnOne));
            var parts = shares.AsParallel().AsOrdered().Select(Part).ToList();
            records = [.. parts.Select(part => part.Record)];
            audits = [.. parts.Select(part => part.Next)];
            began = records.Sum(record => record.Count);
            carried = parts.Sum(part => part.Carried);
            was = new FSharpMap<string, ConnectionRow>(Keyed(parts.Select(part => part.First)));
            rows = Keyed(parts.Select(part => part.Second));
        }

        /// <summary>Takes every audit in.</summary>
        public List<RecordStep> Take() =>
            [.. records.Zip(audits, (record, next) => record.Apply(next, Stamps.Bench))];

        /// <summary>The records after these steps.</summary>
        public List<GatewayRecord> After(IEnumerable<RecordStep> steps) =>
            [.. records.Zip(steps, (record, step) => record.After(step))];

        public IEnumerable<string> Check(IEnumerable<RecordStep> steps, int gone, int came)
        {
            foreach (var audit in audits.Where(audit => !audit.Complete))
                yield return $"an audit was not complete: {string.Join("; ", audit.Reasons)}";
            var after = After(steps).Sum(record => record.Count);
            if (after != carried)
                yield return $"the record holds {after} connections, the gateways carry {carried}";
            if (began + came - gone != after || came == 0 || gone == 0)
                yield return $"of {began} connections {gone} went, {came} came, and {after} are there";
        }

        /// <summary>How many rows are gone and new, according to a Map.</summary>
        public (int Gone, int Came) Differ()
        {
            var now = new FSharpMap<string, ConnectionRow>(rows);
            var (gone, came, changed) = (0, 0, 0);
            foreach (var (id, row) in now)
            {
                if (!was!.TryGetValue(id, out var before))
                    came++;
                else if (!before.Equals(row))
                    changed++;
            }
            foreach (var (id, _) in was!)
                gone += now.ContainsKey(id) ? 0 : 1;
            GC.KeepAlive(changed);
            return (gone, came);
        }

        /// <summary>Octets that the records alone hold. Everything is gone afterwards.</summary>
        public long Held()
        {
            (audits, was, rows) = ([], null, []);
            var both = Heap.Octets();
            records = [];
            return both - Heap.Octets();
        }

        private static (
            GatewayRecord Record,
            AuditResult Next,
            RecordStep First,
            RecordStep Second,
            int Carried
        ) Part(int share, int number)
        {
            var id = $"gw{number:000}";
            var gateway = new InProcessGateway(id, share, share * Changed / Between.TotalSeconds);
            var empty = GatewayRecord.Empty(id);
            var first = empty.Apply(gateway.Audit().Result, Stamps.Bench);
            var record = empty.After(first);
            gateway.Pass(Between);
            var next = gateway.Audit(record.Known).Result;
            return (record, next, first, empty.Apply(next, Stamps.Bench), gateway.Count);
        }

        private static Tuple<string, ConnectionRow>[] Keyed(IEnumerable<RecordStep> steps) =>
            [
                .. steps.SelectMany(step =>
                    step.Upserts.Select(row => Tuple.Create($"{row.Gateway} {row.Id}", row))
                ),
            ];
    }
}
