using CallServer.Bench.Performance.InProcess;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using CallServer.Surface;

namespace CallServer.Bench.Performance.Lines;

/// <summary>
/// How the cost grows with the rows, the gateways and the round trip: three sizes, each ten times the one before, and the
/// exponent between them. 1 is in proportion.
/// </summary>
internal sealed class GrowthLine : ILine
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(10);

    public string Name => "growth";

    public string What => "what ten and a hundred times as much costs";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (least, times) = size == Size.Long ? (1000, 3) : (20, 1);
        int[] sizes = [least, 10 * least, 100 * least];
        var wrong = new List<string>();
        List<Scene> scenes = [.. sizes.Select(rows => new Scene(rows))];
        wrong.AddRange(scenes.SelectMany(scene => scene.Faults()));
        cancel.ThrowIfCancellationRequested();

        var looks = new List<double>();
        int[] fleets = [.. sizes.Select(rows => rows / Math.Min(least, 100))];
        await FirstLookLine.LookAsync(fleets[0], 100, 1, cancel);
        foreach (var gateways in fleets)
        {
            var look = await FirstLookLine.LookAsync(gateways, 100, 1, cancel);
            looks.Add(look.Wall);
            if (look.Recorded != gateways * 100)
                wrong.Add($"{look.Recorded} of {gateways * 100} connections are in the record");
        }

        double[] trips = [2, 20, 200];
        return new Measured(
            [
                Timed("an audit, rows of one gateway", scenes, times, scene => scene.Audit()),
                Timed("the record takes it in, 1 % changed", scenes, times, scene => scene.Reconcile()),
                Timed("the store writes them anew", scenes, times, scene => scene.Store()),
                Of("first audits and record, gateways of 100 rows on one core", "s", fleets, looks),
                Of(
                    $"time of an audit of {sizes[0]:N0} rows, milliseconds of round trip",
                    "s",
                    [.. trips.Select(trip => (int)trip)],
                    [
                        .. trips.Select(trip =>
                            new InProcessGateway("far", sizes[0], 0, TimeSpan.FromMilliseconds(trip))
                                .Audit()
                                .Took.TotalSeconds
                        ),
                    ]
                ),
            ],
            wrong
        );
    }

    private static Row Timed(string what, List<Scene> scenes, int times, Action<Scene> run)
    {
        // What is compiled on the way is not what grows.
        run(scenes[0]);
        return Of(
            what,
            "s",
            [.. scenes.Select(scene => scene.Rows)],
            [
                .. scenes.Select(scene =>
                    new Samples(
                        "s",
                        Enumerable.Range(0, times).Select(_ => Beside.Seconds(() => run(scene)))
                    ).Median
                ),
            ]
        );
    }

    private static Row Of(string what, string unit, IReadOnlyList<int> sizes, IReadOnlyList<double> values)
    {
        var exponents = values
            .Zip(values.Skip(1), sizes.Zip(sizes.Skip(1)))
            .Select(step =>
                Math.Log(step.Second / step.First) / Math.Log((double)step.Third.Second / step.Third.First)
            );
        var figures = sizes.Zip(values, (size, value) => $"{size:N0}: {Samples.Show(value, unit)}");
        return new Row(what, new Samples(unit, values[^1]))
        {
            Note =
                $"{string.Join(", ", figures)}; exponents {string.Join(", ", exponents.Select(exponent => exponent.ToString("0.00", System.Globalization.CultureInfo.InvariantCulture)))}",
        };
    }

    /// <summary>A gateway with so many rows, two audits of it, and its record between them.</summary>
    private sealed class Scene
    {
        private readonly InProcessGateway gateway;
        private readonly Tape tape;
        private readonly GatewayRecord record;
        private readonly AuditResult next;
        private readonly StoreCommit commit;

        public Scene(int rows)
        {
            Rows = rows;
            gateway = new InProcessGateway("growth", rows, rows * 0.01 / Between.TotalSeconds);
            tape = gateway.Audit();
            var empty = GatewayRecord.Empty("growth");
            var step = empty.Apply(tape.Result, Stamps.Bench);
            record = empty.After(step);
            commit = StoreCommit.Of(
                step,
                AuditSummary.Of(tape.Result, null, TimeSpan.Zero),
                AccountingWants.Finals
            );
            gateway.Pass(Between);
            next = gateway.Audit(record.Known).Result;
        }

        public int Rows { get; }

        public void Audit() => tape.Play();

        public void Reconcile() => GC.KeepAlive(record.After(record.Apply(next, Stamps.Bench)));

        public void Store()
        {
            using var folder = new TempFolder();
            using var store = SqliteLedgerStore.Open(
                new SqliteStoreOptions { File = folder.File("growth.db") }
            );
            store.Load();
            store.Commit(commit);
        }

        public IEnumerable<string> Faults()
        {
            if (!tape.Result.Complete || tape.Result.Count != Rows)
                yield return $"an audit lists {tape.Result.Count} of {Rows}: {string.Join("; ", tape.Result.Reasons)}";
            var after = record.After(record.Apply(next, Stamps.Bench)).Count;
            if (after != gateway.Count)
                yield return $"the record holds {after} of {gateway.Count} connections";
        }
    }
}
