using System.Diagnostics;
using CallServer.Bench.Performance.InProcess;
using CallServer.Bench.Performance.Tools;
using CallServer.Interop.Peers;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using CallServer.Surface;

namespace CallServer.Bench.Performance.Lines;

/// <summary>
/// How fast rows are on the disk: new ones, and those that were only confirmed. Beside it: what SQLite's own program does
/// with the same rows in the same table in one transaction.
/// </summary>
internal sealed class StoreLine : ILine
{
    private const string Rows = "connections";
    private const string Changes = "changes";

    public string Name => "store";

    public string What => "rows written by the store, a transaction for each gateway";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (gateways, connections, times) = size == Size.Long ? (100, 1000, 3) : (3, 100, 2);
        var count = gateways * connections;
        var looks = InProcessFleet.LookTwice(gateways, connections);
        var commits = looks.Select(look => Commit(look.First)).ToList();
        var confirmed = looks.Select(look => Commit(look.Second)).ToList();
        var wrong = new List<string>();
        var program = Optional.Find("sqlite3");
        await using var scope = new Scope();
        var (added, again) = (new List<double>(), new List<double>());
        var (importedBoth, importedRows) = (new List<double>(), new List<double>());
        for (var time = 0; time < times; time++)
        {
            using var folder = new TempFolder();
            var file = folder.File("ours.db");
            using (var store = SqliteLedgerStore.Open(new SqliteStoreOptions { File = file }))
            {
                store.Load();
                added.Add(Beside.Seconds(() => Write(store, commits)));
                again.Add(Beside.Seconds(() => Write(store, confirmed)));
                var kept = commits.Sum(commit => store.ReadConnections(commit.Gateway.Gateway).Count);
                if (kept != count)
                    wrong.Add($"{kept} of {count} rows are in the store");
            }
            if (program is not null)
            {
                importedBoth.Add(await ImportAsync(scope, program, file, "both", [Rows, Changes], wrong));
                importedRows.Add(await ImportAsync(scope, program, file, "rows", [Rows], wrong));
            }
        }

        Row Of(string what, List<double> seconds, string beside, List<double> imported) =>
            new(what, new Samples("s", seconds))
            {
                Beside = program is null
                    ? Optional.Missing("sqlite3")
                    : $"`sqlite3` inserting {beside} into the same tables from a script, one transaction",
                Rival = imported.Count == 0 ? null : new Samples("s", imported),
                Reach = new Reach(Ratio: 1 / 1.5),
                Note = FormattableString.Invariant(
                    $"{count / new Samples("s", seconds).Median:N0} connections a second"
                ),
            };
        return new Measured(
            [
                Of($"{count:N0} new connections and their changes", added, "both", importedBoth),
                Of("the same connections, confirmed", again, "the connections", importedRows),
            ],
            wrong
        );
    }

    internal static StoreCommit Commit((RecordStep Step, AuditResult Result) look) =>
        StoreCommit.Of(look.Step, AuditSummary.Of(look.Result, null, TimeSpan.Zero), AccountingWants.Finals);

    internal static void Write(ILedgerStore store, IEnumerable<StoreCommit> commits)
    {
        foreach (var commit in commits)
            store.Commit(commit);
    }

    /// <summary>Seconds that SQLite's program takes for the rows of these tables.</summary>
    private static async Task<double> ImportAsync(
        Scope scope,
        string program,
        string file,
        string name,
        string[] tables,
        List<string> wrong
    )
    {
        var rival = $"{file}.{name}.db";
        var script = $"{rival}.sql";
        await scope.RunAsync(
            "/bin/sh",
            ["-c", $"'{program}' '{file}' .schema | grep -v sqlite_ | '{program}' '{rival}'"]
        );
        await scope.RunAsync(program, [rival, "pragma journal_mode = wal"]);
        await File.WriteAllTextAsync(script, "begin;\n");
        foreach (var table in tables)
        {
            // The program's tables are strict: only SQL tells a null from an empty text.
            string[] mode = ["-cmd", $".mode insert {table}", $"select * from {table}"];
            var inserts = (await scope.RunAsync(program, [file, .. mode])).Output;
            await File.AppendAllTextAsync(script, inserts);
        }
        await File.AppendAllTextAsync(script, "commit;\n");
        var watch = Stopwatch.StartNew();
        await scope.RunAsync(program, [rival, "-cmd", "pragma synchronous = full", $".read {script}"]);
        var took = watch.Elapsed.TotalSeconds;
        foreach (var table in tables)
        {
            var (ours, theirs) = (await CountAsync(file, table), await CountAsync(rival, table));
            if (ours != theirs)
                wrong.Add($"sqlite3 imported {theirs} of {ours} rows of {table}");
        }
        return took;

        async Task<string> CountAsync(string database, string table) =>
            (await scope.RunAsync(program, [database, $"select count(*) from {table}"])).Output.Trim();
    }
}
