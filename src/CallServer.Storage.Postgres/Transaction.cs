using Dapper;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>The highest numbers that a record has given, and who wrote last.</summary>
internal sealed record Numbers(
    Guid? Holder,
    long Stamp,
    long Changes,
    long Cdrs,
    long Accounting,
    long Audits
)
{
    /// <summary>Up to which number each partitioned table has a partition, the number itself not included.</summary>
    public IReadOnlyDictionary<string, long> Until { get; init; } = new Dictionary<string, long>();

    public static Numbers Read(NpgsqlConnection connection) => Read(connection, Sql.GetNumbers, null);

    /// <summary>Waits until nobody else gives numbers, and keeps others waiting until the transaction ends.</summary>
    public static Numbers Take(NpgsqlConnection connection, NpgsqlTransaction transaction) =>
        Read(connection, Sql.TakeNumbers, transaction);

    private static Numbers Read(NpgsqlConnection connection, string sql, NpgsqlTransaction? transaction)
    {
        // The second statement sees what was committed while the first one waited.
        using var both = connection.QueryMultiple($"{sql}; {Sql.LastPartitions}", transaction: transaction);
        return both.ReadSingle<Numbers>() with { Until = both.Read<(string, long)>().ToDictionary() };
    }
}

/// <summary>One transaction that writes.</summary>
internal sealed class Transaction(
    NpgsqlConnection connection,
    ITenure tenure,
    long stamp,
    IReadOnlyDictionary<object, long> told
)
{
    private readonly NpgsqlTransaction own = connection.BeginTransaction();
    private Numbers? numbers;

    public NpgsqlTransaction Own => own;

    /// <summary>Its own number, by which it is recognised afterwards.</summary>
    public long Stamp => stamp;

    /// <summary>
    /// The numbers as they are when it is kept. Hosts that write together wait for each other here: what needs no numbers is
    /// written before.
    /// </summary>
    public Numbers Numbers
    {
        get => numbers ??= tenure.Numbers(connection, own);
        set => numbers = value;
    }

    /// <summary>The numbers if it has given any; else null.</summary>
    public Numbers? Given => numbers;

    /// <summary>What it writes that must not be written twice, with the numbers it gets; 0 where that does not matter.</summary>
    public Dictionary<object, long> Written { get; } = new(ReferenceEqualityComparer.Instance);

    /// <summary>What it would have written, and an earlier one has.</summary>
    public List<object> Met { get; } = [];

    /// <summary>Whether an earlier transaction, of which that was not known, has written this, and under which number.</summary>
    public bool IsWritten(object item, out long number)
    {
        if (!told.TryGetValue(item, out number))
            return false;
        Met.Add(item);
        return true;
    }

    public int Execute(string sql, object? values = null) => connection.Execute(sql, values, own);

    public IEnumerable<T> Query<T>(string sql, object? values = null) =>
        connection.Query<T>(sql, values, own);

    public T? Scalar<T>(string sql, object? values = null) => connection.ExecuteScalar<T>(sql, values, own);

    /// <summary>Statements that go to the database together.</summary>
    public NpgsqlBatch Batch() => new(connection, own);

    /// <summary>Writes the numbers. Throws StoreLostException if another server has opened the record.</summary>
    public void Finish() => tenure.Finish(this);
}
