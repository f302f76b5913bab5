using CallServer.Surface;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>Changes that a transaction adds.</summary>
internal sealed class ChangeRows(Transaction to)
{
    private readonly List<(StoredChange Change, long At)> _rows = [];

    /// <summary>Numbers a change; the number it has if an earlier transaction has written it.</summary>
    public StoredChange Add(ChangeView change, string json)
    {
        var isWritten = to.IsWritten(change, out var number);
        if (!isWritten)
        {
            number = to.Numbers.Changes + 1;
            to.Numbers = to.Numbers with { Changes = number };
            to.Written[change] = number;
        }
        var stored = new StoredChange(number, change.Kind, change.Gateway, json, change.Connection);
        if (!isWritten)
            _rows.Add((stored, Micros.Of(change.Time)));
        return stored;
    }

    public void Write(NpgsqlBatch batch, PostgresStoreOptions options)
    {
        if (_rows.Count == 0)
            return;
        Partitions.Reach(
            to,
            Partitions.Changes,
            to.Numbers.Changes,
            options.RowsOfPartition(Partitions.Changes)
        );
        var rows = _rows.ToArray();
        batch.Add(
            Sql.AddChanges,
            Array.ConvertAll(rows, row => row.Change.Sequence),
            Array.ConvertAll(rows, row => row.Change.Kind),
            Array.ConvertAll(rows, row => row.Change.Gateway),
            Array.ConvertAll(rows, row => PostgresText.Of(row.Change.Connection)),
            Array.ConvertAll(rows, row => row.At),
            Array.ConvertAll(rows, row => row.Change.Json)
        );
    }
}

/// <summary>Entries of the outbox that a transaction adds.</summary>
internal sealed class OutboxRows(Transaction to, long now, IReadOnlyList<string>? readers)
{
    private readonly List<(long Sequence, string Kind, CdrView Cdr, bool Held, string Json)> _rows = [];

    /// <summary>Adds starts or interims.</summary>
    /// <returns>Whether readers get them.</returns>
    public bool Add(string kind, (CdrView Cdr, string Json)[] records, bool held)
    {
        if (records.Length == 0 || !WrittenCommit.Enters(held, readers))
            return false;
        foreach (var (cdr, json) in records)
        {
            if (to.IsWritten(cdr, out _))
                continue;
            to.Written[cdr] = 0;
            Add(kind, cdr, json, held: false);
        }
        return true;
    }

    /// <summary>Adds a CDR that is new, if it is held or there are readers.</summary>
    public void AddFinal((CdrView Cdr, string Json) record, bool held)
    {
        if (held || WrittenCommit.Enters(held, readers))
            Add(AccountingKind.Stop, record.Cdr, record.Json, held);
    }

    public void Write(NpgsqlBatch batch)
    {
        if (_rows.Count == 0)
            return;
        var rows = _rows.ToArray();
        batch.Add(
            Sql.AddAccounting,
            Array.ConvertAll(rows, row => row.Sequence),
            Array.ConvertAll(rows, row => row.Kind),
            Array.ConvertAll(rows, row => row.Cdr.Id),
            Array.ConvertAll(rows, row => row.Cdr.Gateway),
            Array.ConvertAll(rows, row => row.Held),
            Array.ConvertAll(rows, _ => now),
            Array.ConvertAll(rows, row => row.Json)
        );
    }

    private void Add(string kind, CdrView cdr, string json, bool held)
    {
        var number = to.Numbers.Accounting + 1;
        to.Numbers = to.Numbers with { Accounting = number };
        _rows.Add((number, kind, cdr, held, json));
    }
}

/// <summary>CDRs that a transaction adds: those that the store does not have yet.</summary>
internal sealed class CdrRows
{
    private readonly Transaction _to;
    private readonly HashSet<CdrKey> _known = [];
    private readonly List<(long Sequence, CdrView Cdr, string Json)> _rows = [];

    public CdrRows(Transaction to, IEnumerable<WrittenCommit> commits)
    {
        _to = to;
        string[] ids = [.. commits.SelectMany(each => each.Cdrs, (_, each) => each.Cdr.Id)];
        if (ids.Length > 0)
            _known = [.. to.Query<CdrKey>(Sql.KnownCdrs, new { ids })];
    }

    /// <summary>Numbers those that are new, and hands each of them on.</summary>
    /// <returns>The new ones, among them those that an earlier transaction has written of which that was not known.</returns>
    public List<StoredCdr> Add((CdrView Cdr, string Json)[] cdrs, Action<(CdrView Cdr, string Json)> entered)
    {
        var added = new List<StoredCdr>(cdrs.Length);
        foreach (var each in cdrs)
        {
            if (_to.IsWritten(each.Cdr, out var number))
            {
                added.Add(new StoredCdr(number, each.Json));
                continue;
            }
            if (!_known.Add(CdrKey.Of(each.Cdr)))
                continue;
            number = _to.Numbers.Cdrs + 1;
            _to.Numbers = _to.Numbers with { Cdrs = number };
            _to.Written[each.Cdr] = number;
            _rows.Add((number, each.Cdr, each.Json));
            added.Add(new StoredCdr(number, each.Json));
            entered(each);
        }
        return added;
    }

    public void Write(NpgsqlBatch batch, PostgresStoreOptions options)
    {
        if (_rows.Count == 0)
            return;
        Partitions.Reach(_to, Partitions.Cdrs, _to.Numbers.Cdrs, options.RowsOfPartition(Partitions.Cdrs));
        CdrRow.Write(batch, [.. _rows.Select(row => CdrRow.Of(row.Sequence, row.Cdr, row.Json))]);
    }
}

/// <summary>Audits that a transaction adds. Each gateway counts its own, so that the newest of them are known.</summary>
internal static class AuditRows
{
    /// <param name="batch">What is written; the gateways' own rows stand in it before, or were there.</param>
    /// <param name="audits">The audits, oldest first.</param>
    public static void Add(NpgsqlBatch batch, (long Sequence, string Gateway, string Json)[] audits)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var numbers = Array.ConvertAll(
            audits,
            each => counts[each.Gateway] = counts.GetValueOrDefault(each.Gateway) + 1
        );
        batch.Add(
            Sql.AddAudits,
            Array.ConvertAll(audits, each => each.Sequence),
            Array.ConvertAll(audits, each => each.Gateway),
            numbers,
            Array.ConvertAll(audits, each => each.Json)
        );
        batch.Add(Sql.CountAudits, counts.Keys.ToArray(), counts.Values.ToArray());
    }
}
