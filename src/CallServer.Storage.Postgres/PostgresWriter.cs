using CallServer.Surface;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>Writes commits. Not thread-safe.</summary>
internal sealed class PostgresWriter(WritingSession session, PostgresStoreOptions options)
{
    /// <summary>Rows that this version could not read when the store was loaded. Each is copied before it is replaced.</summary>
    public Dictionary<(string Gateway, string? Connection), string> Unreadable { get; } = [];

    /// <summary>
    /// The readers of the outbox; null until somebody names them, and until then the store keeps everything.
    /// </summary>
    public IReadOnlyList<string>? Readers { get; set; }

    /// <summary>Writes commits of different gateways in one transaction.</summary>
    public IReadOnlyList<CommitResult> Commit(IReadOnlyList<StoreCommit> commits)
    {
        var written = commits.Select(commit => new WrittenCommit(commit)).ToList();
        List<(string Gateway, string? Connection)> copied = [];
        // A row of a connection that is lost with the power is not written again, unlike that of a gateway.
        var results = session.Write(
            commits.Any(commit => commit.MustReachDisk || commit.Upserts.Count > 0),
            to =>
            {
                var held = Fences.Hold(to, commits, session.Shared);
                SetAside(to, commits.Where((_, place) => held[place]), copied);
                var kept = new Queue<CommitResult>(Write(to, [.. written.Where((_, place) => held[place])]));
                return held.Select(isHeld => isHeld ? kept.Dequeue() : Fences.Refused).ToArray();
            }
        );
        copied.ForEach(key => Unreadable.Remove(key));
        return results;
    }

    public CommitResult AddChanges(IReadOnlyList<ChangeView> added)
    {
        var changes = WrittenCommit.Each(added, RecordJson.Change);
        return session.Write(
            durable: true,
            to =>
            {
                using var batch = to.Batch();
                var rows = new ChangeRows(to);
                var result = new CommitResult(
                    [],
                    [.. changes.Select(each => rows.Add(each.Item1, each.Item2))]
                );
                rows.Write(batch, options);
                Run(batch);
                return result;
            }
        );
    }

    private CommitResult[] Write(Transaction to, List<WrittenCommit> commits)
    {
        if (commits.Count == 0)
            return [];
        using var batch = to.Batch();
        WriteLedger(batch, commits);
        if (session.Shared is not null)
        {
            // Others wait from the first number on that this transaction gives.
            Run(batch);
            batch.BatchCommands.Clear();
        }
        var cdrs = new CdrRows(to, commits);
        var changes = new ChangeRows(to);
        var outbox = new OutboxRows(to, Micros.Of(options.Time.GetUtcNow()), Readers);
        var results = commits
            .Select(each =>
            {
                var held = each.Commit.Held;
                var told = outbox.Add(AccountingKind.Start, each.Starts, held);
                told |= outbox.Add(AccountingKind.Interim, each.Interims, held);
                var added = cdrs.Add(each.Cdrs, cdr => outbox.AddFinal(cdr, held));
                told |= added.Count > 0 && WrittenCommit.Enters(held, Readers);
                return new CommitResult(
                    added,
                    [.. each.Changes.Select(change => changes.Add(change.Change, change.Json))],
                    told
                );
            })
            .ToArray();

        WriteAudits(to, batch, commits);
        WriteReleases(to, batch, commits);
        cdrs.Write(batch, options);
        outbox.Write(batch);
        changes.Write(batch, options);
        Run(batch);
        return results;
    }

    private void WriteLedger(NpgsqlBatch batch, List<WrittenCommit> commits)
    {
        var gatewayRows = RowArrays.Gateways.Arrays([.. commits.Select(each => each.Commit.Gateway)]);
        if (session.Shared is { } tenure)
            batch.AddWith(tenure.Timeline, RowArrays.PutGatewaysOnTimeline, gatewayRows);
        else
            batch.Add(RowArrays.Gateways.Put, gatewayRows);
        var gone = commits.SelectMany(
            each => each.Commit.Deletes,
            (each, id) => (each.Commit.Gateway.Gateway, id)
        );
        var (gateways, ids) = (
            gone.Select(key => key.Gateway).ToArray(),
            gone.Select(key => key.id).ToArray()
        );
        if (ids.Length > 0)
            batch.Add(Sql.DeleteConnections, gateways, Array.ConvertAll(ids, PostgresText.Of));
        ConnectionRow[] rows = [.. commits.SelectMany(each => each.Commit.Upserts)];
        if (rows.Length > 0)
            batch.Add(RowArrays.Connections.Put, RowArrays.Connections.Arrays(rows));
    }

    private void WriteAudits(Transaction to, NpgsqlBatch batch, List<WrittenCommit> commits)
    {
        var audits = commits
            .SelectMany(each => each.Commit.Audits, (each, audit) => (each.Commit.Gateway.Gateway, audit))
            .Where(each => !to.IsWritten(each.audit, out _))
            .ToArray();
        if (audits.Length == 0)
            return;
        var first = to.Numbers.Audits + 1;
        to.Numbers = to.Numbers with { Audits = to.Numbers.Audits + audits.Length };
        Partitions.Reach(
            to,
            Partitions.Audits,
            to.Numbers.Audits,
            options.RowsOfPartition(Partitions.Audits)
        );
        AuditRows.Add(
            batch,
            [.. audits.Select((each, place) => (first + place, each.Gateway, RecordJson.Audit(each.audit)))]
        );
        foreach (var (_, audit) in audits)
            to.Written[audit] = 0;
    }

    private static void WriteReleases(Transaction to, NpgsqlBatch batch, List<WrittenCommit> commits)
    {
        var releases = commits
            .SelectMany(each => each.Commit.Releases)
            .Where(release => !to.IsWritten(release, out _))
            .ToArray();
        if (releases.Length == 0)
            return;
        batch.Add(
            Sql.AddReleases,
            Array.ConvertAll(releases, release => release.Gateway),
            Array.ConvertAll(releases, RecordJson.Release)
        );
        foreach (var release in releases)
            to.Written[release] = 0;
    }

    private void SetAside(
        Transaction to,
        IEnumerable<StoreCommit> commits,
        List<(string Gateway, string? Connection)> copied
    )
    {
        if (Unreadable.Count == 0)
            return;
        foreach (var commit in commits)
        {
            var ids = commit.Upserts.Select(row => row.Id).Concat(commit.Deletes);
            foreach (var connection in ids.Prepend(null))
                Copy(commit.Gateway.Gateway, connection);
        }

        void Copy(string gateway, string? connection)
        {
            if (!Unreadable.TryGetValue((gateway, connection), out var why))
                return;
            to.Execute(
                connection is null ? Sql.SetGatewayAside : Sql.SetConnectionAside,
                new
                {
                    at = Micros.Of(options.Time.GetUtcNow()),
                    gateway,
                    why,
                    connection = PostgresText.Of(connection),
                }
            );
            copied.Add((gateway, connection));
        }
    }

    private static void Run(NpgsqlBatch batch)
    {
        if (batch.BatchCommands.Count > 0)
            batch.ExecuteNonQuery();
    }
}
