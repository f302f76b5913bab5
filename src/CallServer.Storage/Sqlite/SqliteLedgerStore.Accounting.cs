using Dapper;

namespace CallServer.Storage.Sqlite;

/// <summary>The accounting outbox.</summary>
public sealed partial class SqliteLedgerStore
{
    public void RegisterReaders(IReadOnlyList<string> readers) =>
        Writing(() =>
        {
            _writer.Readers = [.. readers];
            _writer.Flush(each: true);
            _writer.InTransaction(Prune);
        });

    public StoredPage<AccountingEntry> ReadAccounting(string reader, int limit) =>
        Accounting(Sql.AccountingAfter, new { mark = Mark(reader), limit = limit + 1 }, limit);

    public long CountAccounting(string reader) =>
        Reading(() => _reading.QuerySingle<long>(Sql.CountAccounting, new { mark = Mark(reader) }));

    public void AdvanceAccounting(string reader, long sequence) =>
        Writing(() =>
        {
            _writer.Flush(each: true);
            _writer.InTransaction(() =>
            {
                var mark = Mark(reader);
                var value = Math.Max(sequence, GetLong(mark) ?? 0);
                return _writing.Execute(Sql.PutMeta, new { key = mark, value }) + Prune();
            });
        });

    public StoredPage<AccountingEntry> ReadHeld(long cursor, int limit) =>
        Accounting(Sql.Held, new { cursor, limit = limit + 1 }, limit);

    public void ReleaseHeld(IReadOnlyList<long> sequences) =>
        OfHeld(sequences.Order().Distinct(), Sql.CopyHeld, Sql.DropHeld);

    public void DropHeld(IReadOnlyList<long> sequences) => OfHeld(sequences, Sql.DropHeld);

    public void ReleaseAllHeld() =>
        Writing(() =>
        {
            _writer.Flush(each: true);
            _writer.InTransaction(() =>
                _writing.Execute(Sql.CopyAllHeld) + _writing.Execute(Sql.DropAllHeld) + Prune()
            );
        });

    /// <summary>Deletes the entries that all readers have passed. Call it within a transaction.</summary>
    private int Prune()
    {
        if (_writer.Readers is not { } readers)
            return 0;
        var passed = readers.Select(reader => GetLong(Mark(reader)) ?? 0).DefaultIfEmpty(long.MaxValue).Min();
        return _writing.Execute(Sql.PruneAccounting, new { passed });
    }

    private void OfHeld(IEnumerable<long> sequences, params string[] statements) =>
        Writing(() =>
        {
            _writer.Flush(each: true);
            _writer.InTransaction(() =>
                sequences.Sum(sequence => statements.Sum(sql => _writing.Execute(sql, new { sequence })))
                + Prune()
            );
        });

    private StoredPage<AccountingEntry> Accounting(string sql, object values, int limit) =>
        Reading(() => AccountingRow.Page(_reading.Query<AccountingRow>(sql, values).AsList(), limit));
}
