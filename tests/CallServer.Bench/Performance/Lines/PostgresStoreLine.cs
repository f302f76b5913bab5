using System.Diagnostics;
using CallServer.Bench.Performance.InProcess;
using CallServer.Interop.Peers;
using CallServer.Storage;
using CallServer.Storage.Postgres;

namespace CallServer.Bench.Performance.Lines;

/// <summary>
/// How fast rows are in a PostgreSQL server on this machine that waits for its disk: new ones, and those that were only
/// confirmed. Beside it: psql, which copies the same rows into an empty table of the same kind.
/// </summary>
internal sealed class PostgresStoreLine : ILine
{
    public string Name => "store-postgres";

    public string What => "rows written by the store in PostgreSQL, a transaction for each gateway";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (gateways, connections, times) = size == Size.Long ? (100, 1000, 3) : (3, 100, 2);
        var count = gateways * connections;
        var looks = InProcessFleet.LookTwice(gateways, connections);
        var commits = looks.Select(look => StoreLine.Commit(look.First)).ToList();
        var confirmed = looks.Select(look => StoreLine.Commit(look.Second)).ToList();
        var wrong = new List<string>();
        await using var scope = new Scope();
        var database = await PostgresPeer.StartAsync(scope, safe: true);
        var (added, again, copied) = (new List<double>(), new List<double>(), new List<double>());
        for (var time = 0; time < times; time++)
        {
            using var store = Open(database, time);
            store.Load();
            added.Add(Beside.Seconds(() => StoreLine.Write(store, commits)));
            again.Add(Beside.Seconds(() => StoreLine.Write(store, confirmed)));
            var kept = commits.Sum(commit => store.ReadConnections(commit.Gateway.Gateway).Count);
            if (kept != count)
                wrong.Add($"{kept} of {count} rows are in the store");
            copied.Add(await CopyAsync(scope, database, time));
        }

        Row Of(string what, List<double> seconds) =>
            new(what, new Samples("s", seconds))
            {
                Beside = "`psql`: `COPY` of the connections into an empty table with the same key",
                Rival = new Samples("s", copied),
                Note = FormattableString.Invariant(
                    $"{count / new Samples("s", seconds).Median:N0} connections a second"
                ),
            };
        return new Measured(
            [
                Of($"{count:N0} new connections and their changes", added),
                Of("the same connections, confirmed", again),
            ],
            wrong
        );
    }

    private static PostgresLedgerStore Open(PostgresPeer database, int time) =>
        PostgresAddress.TryParse(database.Address($"?schema=bench_{time}"), out var address, out var mistake)
            ? PostgresLedgerStore.Open(
                new PostgresStoreOptions { Address = address, Password = PostgresPeer.Password }
            )
            : throw new ArgumentException(mistake);

    /// <summary>Seconds that PostgreSQL's own program takes for the rows of the connections.</summary>
    private static async Task<double> CopyAsync(Scope scope, PostgresPeer database, int time)
    {
        var psql = Programs.Find("psql");
        var file = scope.PathOf($"rows-{time}");
        var password = new Dictionary<string, string?> { ["PGPASSWORD"] = PostgresPeer.Password };
        string[] ask = [database.Address(), "-v", "ON_ERROR_STOP=1", "-c"];
        await scope.RunAsync(
            psql,
            [.. ask, $"\\copy bench_{time}.connections to '{file}' (format binary)"],
            password
        );
        await scope.RunAsync(
            psql,
            [.. ask, $"create table bench_{time}.rival (like bench_{time}.connections including all)"],
            password
        );
        var watch = Stopwatch.StartNew();
        await scope.RunAsync(
            psql,
            [.. ask, $"\\copy bench_{time}.rival from '{file}' (format binary)"],
            password
        );
        return watch.Elapsed.TotalSeconds;
    }
}
