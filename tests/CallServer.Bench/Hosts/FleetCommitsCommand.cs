using System.CommandLine;
using System.Diagnostics;
using CallServer.Bench.Performance;
using CallServer.Bench.Performance.InProcess;
using CallServer.Bench.Performance.Lines;
using CallServer.Host.Cli;
using CallServer.Interop.Peers;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Storage;
using CallServer.Storage.Postgres;

namespace CallServer.Bench.Hosts;

/// <summary>
/// <c>fleet-commits</c>: how many transactions a second the database takes of hosts that write as fast as they can. All of them wait for
/// one row, which gives numbers to what they write.
/// </summary>
internal static class FleetCommitsCommand
{
    private const int Connections = 100;
    private static readonly int[] counts = [1, 2, 4, 8];

    public static Command Build()
    {
        var together = new Option<int>("--together")
        {
            Description = "Gateways whose audits a transaction writes",
            DefaultValueFactory = _ => 10,
        };
        var during = Options.Duration("--for", "How long each is measured [default: 10s]");
        var command = new Command("fleet-commits", "Measures how fast hosts of a fleet write side by side.")
        {
            together,
            during,
        };
        command.SetAction(
            (parsed, cancel) =>
                RunAsync(
                    parsed.GetValue(together),
                    parsed.GetValue(during) ?? TimeSpan.FromSeconds(10),
                    cancel
                )
        );
        return command;
    }

    private static async Task<int> RunAsync(int together, TimeSpan during, CancellationToken cancel)
    {
        Console.WriteLine(
            FormattableString.Invariant(
                $"{Machine.Words(InstantModule.toDateTime(new SystemClock().Now.Wall))}; each transaction writes the audits of {together} gateways of {Connections} connections"
            )
        );
        await using var scope = new Scope();
        var database = await PostgresPeer.StartAsync(scope, safe: true);
        var looks = InProcessFleet
            .LookTwice(counts.Max() * together, Connections)
            .Chunk(together)
            .Select(some => new Writes(
                [.. some.Select(look => StoreLine.Commit(look.First))],
                [.. some.Select(look => StoreLine.Commit(look.Second))]
            ))
            .ToList();
        foreach (var count in counts)
        {
            Task<double> OfAsync(string kind, Func<Writes, IReadOnlyList<StoreCommit>> what) =>
                MeasureAsync(
                    database,
                    FormattableString.Invariant($"{kind}_{count}"),
                    looks[..count],
                    what,
                    during,
                    cancel
                );
            var confirmed = await OfAsync("confirmed", writes => writes.Confirmed);
            var changed = await OfAsync("changed", writes => writes.Changed);
            Console.WriteLine(
                FormattableString.Invariant(
                    $"{count} hosts: {confirmed:N0} transactions a second that confirm ({confirmed * together:N0} audits), {changed:N0} that also tell a change and are on the disk ({changed * together:N0} audits)"
                )
            );
        }
        return ExitCode.Complete;
    }

    /// <summary>How many transactions a second these hosts commit together, each for gateways of its own.</summary>
    private static async Task<double> MeasureAsync(
        PostgresPeer database,
        string schema,
        IReadOnlyList<Writes> hosts,
        Func<Writes, IReadOnlyList<StoreCommit>> what,
        TimeSpan during,
        CancellationToken cancel
    )
    {
        using var writing = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var stores = new List<PostgresLedgerStore>();
        try
        {
            var fenced = new List<(PostgresLedgerStore Store, IReadOnlyList<StoreCommit> Commits)>();
            foreach (var (unit, writes) in hosts.Index())
            {
                var store = Open(database, schema, unit);
                stores.Add(store);
                var fence = await ClaimAsync(database, schema, store, unit, writes, cancel);
                store.CommitAll(Under(fence, writes.First));
                fenced.Add((store, Under(fence, what(writes))));
            }
            var begun = Stopwatch.GetTimestamp();
            writing.CancelAfter(during);
            var written = await Task.WhenAll(
                fenced.Select(host =>
                    Task.Factory.StartNew(
                        () => Write(host.Store, host.Commits, writing.Token),
                        CancellationToken.None,
                        TaskCreationOptions.LongRunning,
                        TaskScheduler.Default
                    )
                )
            );
            cancel.ThrowIfCancellationRequested();
            return written.Sum() / Stopwatch.GetElapsedTime(begun).TotalSeconds;
        }
        finally
        {
            stores.ForEach(store => store.Dispose());
        }
    }

    private static int Write(
        PostgresLedgerStore store,
        IReadOnlyList<StoreCommit> commits,
        CancellationToken until
    )
    {
        var count = 0;
        for (; !until.IsCancellationRequested; count++)
            if (store.CommitAll(commits).Any(result => result.Refused))
                throw new InvalidOperationException("a commit was refused");
        return count;
    }

    private static List<StoreCommit> Under(UnitFence fence, IReadOnlyList<StoreCommit> commits) =>
        [.. commits.Select(commit => commit with { Fence = fence })];

    private static PostgresLedgerStore Open(PostgresPeer database, string schema, int number)
    {
        var clock = new SystemClock();
        return PostgresAddress.TryParse(
            database.Address($"?schema={schema}"),
            out var address,
            out var mistake
        )
            ? PostgresLedgerStore.Open(
                new PostgresStoreOptions
                {
                    Address = address,
                    Password = PostgresPeer.Password,
                    Application = FormattableString.Invariant($"host-{number}"),
                    Shared = new SharedRecord(counts.Max(), () => clock.Now.Steady),
                }
            )
            : throw new ArgumentException(mistake);
    }

    private static async Task<UnitFence> ClaimAsync(
        PostgresPeer database,
        string schema,
        PostgresLedgerStore store,
        int unit,
        Writes writes,
        CancellationToken cancel
    )
    {
        var self = new UnitOwner(FormattableString.Invariant($"host-{unit}"), 1, 1);
        await database.AskAsync(
            FormattableString.Invariant(
                $"""
                INSERT INTO {schema}.member (address, port, generation, status, name, machine, gateway_port, started_at, alive_at)
                VALUES ('{self.Address}', {self.Port}, {self.Generation}, 3, '{self.Address}', 'localhost', 1, now(), now())
                """
            )
        );
        var gateways = writes.First.Select(commit => commit.Gateway.Gateway).ToList();
        var claims = await store.Units!.ClaimAsync(
            self,
            new Dictionary<int, IReadOnlyList<string>> { [unit] = gateways },
            cancel
        );
        return claims.Units.Single().Fence;
    }

    /// <summary>What one host writes.</summary>
    /// <param name="First">The first audits of its gateways.</param>
    /// <param name="Confirmed">The audits after them, which only confirm.</param>
    private sealed record Writes(IReadOnlyList<StoreCommit> First, IReadOnlyList<StoreCommit> Confirmed)
    {
        /// <summary>The same, one of which also tells a change.</summary>
        public IReadOnlyList<StoreCommit> Changed { get; } =
        [Confirmed[0] with { Changes = [First[0].Changes[0]] }, .. Confirmed.Skip(1)];
    }
}
