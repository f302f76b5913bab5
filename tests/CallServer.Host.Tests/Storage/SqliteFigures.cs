using System.Diagnostics;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using CallServer.Surface;
using NUnit.Framework;

namespace CallServer.Host.Tests.Storage;

/// <summary>
/// Measures how fast the store is on this machine; asserts nothing. Prints elapsed time, and processor time, which
/// other work on the machine does not increase. Run it by name: <c>dotnet test --filter SqliteFigures</c>.
/// </summary>
[TestFixture]
[Explicit("prints figures")]
public sealed class SqliteFigures
{
    private const int Gateways = 200;
    private const int Each = 500;

    [Test]
    public void Commits_and_opening()
    {
        using var directory = new TestDirectory();
        var options = new SqliteStoreOptions { File = directory.File("callserver.db") };
        var commits = Enumerable.Range(0, Gateways).Select(g => Snapshot($"gw{g}")).ToArray();

        using (var store = SqliteLedgerStore.Open(options))
        {
            store.Load();
            Commits("500 new rows, flushed", commits, c => store.Commit(c with { Changes = [Opened] }));
            Commits(
                "500 changes with bounds, flushed",
                commits,
                c => store.Commit(c with { Upserts = [], Changes = Openings(c.Gateway.Gateway) })
            );
            Commits("500 rows written again", commits, c => store.Commit(c));
            Commits(
                "500 rows merely confirmed",
                commits,
                c => store.Commit(c with { Gateway = Confirmed(c.Gateway.Gateway), Upserts = [] })
            );
            Commits(
                "10 CDRs, flushed",
                commits,
                c => store.Commit(c with { Upserts = [], Cdrs = Cdrs(c.Gateway.Gateway) })
            );
        }

        for (var round = 0; round < 3; round++)
        {
            using var store = Measure("open", () => SqliteLedgerStore.Open(options));
            Measure("load 100,000 connections", store.Load);
            var rows = Measure(
                "  reading their rows alone",
                () => Enumerable.Range(0, Gateways).Select(g => store.ReadConnections($"gw{g}")).ToArray()
            );
            Measure(
                "  restoring them alone",
                () =>
                    Array.ConvertAll(
                        rows,
                        part => GatewayRecord.Restore(TestRows.Gateway(part[0].Gateway), part)
                    )
            );
        }
        Print($"file {new FileInfo(options.File).Length / 1e6:F1} MB");
    }

    private static GatewayRow Confirmed(string gateway) =>
        TestRows.Gateway(
            gateway,
            row =>
                (row.Step, row.Heard) = (
                    42,
                    TestRows.Heard([.. Enumerable.Range(0, Each).Select(i => TestRows.Noon + i / 20 * 1_000)])
                )
        );

    private static ChangeView Opened => TestRows.Change("opened");

    private static ChangeView[] Openings(string gateway)
    {
        var start = new IntervalView(
            "2026-01-31T09:58:59.990000Z",
            "2026-01-31T09:59:00.010000Z",
            "reported"
        );
        return
        [
            .. Enumerable
                .Range(0, Each)
                .Select(i => new ChangeView(
                    "opened",
                    gateway,
                    $"{i * 7919}.{i}",
                    "2026-01-31T10:00:00.000000Z",
                    "start [2026-01-31T09:58:59.990000Z, 2026-01-31T09:59:00.010000Z] reported",
                    null,
                    start,
                    start,
                    null,
                    null,
                    null,
                    null
                )),
        ];
    }

    private static StoreCommit Snapshot(string gateway) =>
        new()
        {
            Gateway = TestRows.Gateway(gateway),
            Upserts =
            [
                .. Enumerable.Range(0, Each).Select(i => TestRows.Connection($"{i * 7919}.{i}", gateway)),
            ],
            Audits = [TestRows.Audit(gateway)],
        };

    private static CdrView[] Cdrs(string gateway) =>
        [.. Enumerable.Range(0, 10).Select(_ => TestRows.Cdr(Guid.NewGuid().ToString(), gateway))];

    private static void Commits(string what, StoreCommit[] commits, Action<StoreCommit> action)
    {
        var before = Environment.CpuUsage.TotalTime;
        var times = commits
            .Select(commit =>
            {
                var clock = Stopwatch.StartNew();
                action(commit);
                return clock.Elapsed.TotalMilliseconds;
            })
            .Order()
            .ToArray();
        var processor = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / times.Length;
        Print(
            $"commit of {what}: processor {processor:F2} ms; clock: median {times[times.Length / 2]:F2} ms, "
                + $"p99 {times[times.Length * 99 / 100]:F2} ms"
        );
    }

    private static T Measure<T>(string what, Func<T> action)
    {
        var before = Environment.CpuUsage.TotalTime;
        var clock = Stopwatch.StartNew();
        var result = action();
        var processor = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
        Print($"{what}: processor {processor:F0} ms, clock {clock.Elapsed.TotalMilliseconds:F0} ms");
        return result;
    }

    private static void Print(string line) => TestContext.Out.WriteLine(line);
}
