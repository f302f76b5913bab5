using Dapper;

namespace CallServer.Storage.Postgres;

/// <summary>The accounting outbox.</summary>
public sealed partial class PostgresLedgerStore
{
    public void RegisterReaders(IReadOnlyList<string> readers)
    {
        lock (_write)
            _writer.Readers = [.. readers];
        Changing(Prune);
    }

    public StoredPage<AccountingEntry> ReadAccounting(string reader, int limit) =>
        _options.Shared?.Serves(reader) is false
            ? new StoredPage<AccountingEntry>([], null)
            : Accounting(Sql.AccountingAfter, new { reader, limit = limit + 1 }, limit);

    public long CountAccounting(string reader) =>
        Reading(connection => connection.QuerySingle<long>(Sql.CountAccounting, new { reader }));

    public void AdvanceAccounting(string reader, long sequence) =>
        Changing(to =>
        {
            to.Execute(Sql.Advance, new { reader, sequence });
            Prune(to);
        });

    public StoredPage<AccountingEntry> ReadHeld(long cursor, int limit) =>
        Accounting(Sql.Held, new { cursor, limit = limit + 1 }, limit);

    public void ReleaseHeld(IReadOnlyList<long> sequences) => Changing(to => Release(to, [.. sequences]));

    public void ReleaseAllHeld() => Changing(to => Release(to, null));

    public void DropHeld(IReadOnlyList<long> sequences) =>
        Changing(to =>
        {
            to.Execute(Sql.DropHeld, new { sequences = sequences.ToArray() });
            Prune(to);
        });

    private void Release(Transaction to, long[]? sequences)
    {
        var last = to.Numbers.Accounting;
        var count = to.Execute(Sql.ReleaseHeld, new { sequences, last });
        to.Numbers = to.Numbers with { Accounting = last + count };
        Prune(to);
    }

    /// <summary>Deletes the entries that all readers have passed.</summary>
    private void Prune(Transaction from)
    {
        if (_writer.Readers is { Count: 0 })
            from.Execute(Sql.PruneAllAccounting);
        else if (_writer.Readers is { } readers)
            from.Execute(Sql.PruneAccounting, new { readers = readers.ToArray() });
    }

    private StoredPage<AccountingEntry> Accounting(string sql, object values, int limit) =>
        Reading(connection =>
            AccountingRow.Page(connection.Query<AccountingRow>(sql, values).AsList(), limit)
        );
}
