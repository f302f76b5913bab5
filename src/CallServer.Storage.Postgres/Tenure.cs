using CallServer.Model;
using Dapper;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>By what right a session writes a record, and where its transactions are counted and numbered.</summary>
internal interface ITenure
{
    /// <summary>Takes the locks without which it must not write; what an earlier session still did is over then.</summary>
    void Lock(NpgsqlConnection connection, StoreLock.Session? earlier);

    /// <summary>Begins to write.</summary>
    /// <returns>The stamp of the last transaction.</returns>
    long Begin(NpgsqlConnection connection);

    /// <summary>Goes on after the connection was lost. Throws StoreLostException if it may not.</summary>
    /// <returns>The stamp of the last transaction that is kept.</returns>
    long Resume(NpgsqlConnection connection);

    /// <summary>The numbers given so far. Until the transaction ends nobody else gives any.</summary>
    Numbers Numbers(NpgsqlConnection connection, NpgsqlTransaction transaction);

    /// <summary>Writes a transaction's stamp and numbers as the last thing in it. Throws StoreLostException if another server has
    /// opened the record.</summary>
    void Finish(Transaction transaction);

    /// <summary>The transaction is kept.</summary>
    void Keep(Transaction transaction);

    /// <summary>What is known of the numbers may be wrong.</summary>
    void Forget();
}

/// <summary>One server writes alone: nobody else changes the numbers.</summary>
internal sealed class SoleTenure(PostgresStoreOptions options) : ITenure
{
    private readonly Guid holder = Guid.NewGuid();
    private Numbers? numbers;

    public void Lock(NpgsqlConnection connection, StoreLock.Session? earlier) =>
        StoreLock.Take(connection, options, StoreLock.Writing, isShared: false, earlier);

    public long Begin(NpgsqlConnection connection)
    {
        connection.Execute(Sql.ForgetTimelines);
        return connection.ExecuteScalar<long>(Sql.Hold, new { holder });
    }

    public long Resume(NpgsqlConnection connection)
    {
        var found = Postgres.Numbers.Read(connection);
        if (found.Holder != holder)
            throw Lost();
        numbers = found;
        return found.Stamp;
    }

    public Numbers Numbers(NpgsqlConnection connection, NpgsqlTransaction transaction) =>
        numbers ??= Postgres.Numbers.Read(connection);

    public void Finish(Transaction transaction)
    {
        transaction.Numbers = transaction.Numbers with { Stamp = transaction.Stamp };
        var given = transaction.Numbers;
        var count = transaction.Execute(
            Sql.PutNumbers,
            new
            {
                holder,
                given.Stamp,
                given.Changes,
                given.Cdrs,
                given.Accounting,
                given.Audits,
            }
        );
        if (count == 0)
            throw Lost();
    }

    public void Keep(Transaction transaction) => numbers = transaction.Numbers;

    public void Forget() => numbers = null;

    private StoreLostException Lost() =>
        new(
            $"{options.Address}: another server has opened this record meanwhile. This one writes nothing more: end it."
        );
}

/// <summary>
/// Several hosts write together. Each counts its transactions in a row of its own, and they give numbers one after the
/// other. What of them may write about a gateway is the units' business.
/// </summary>
internal sealed class SharedTenure(PostgresStoreOptions options, SharedRecord shared) : ITenure
{
    private readonly Guid holder = Guid.NewGuid();
    private readonly Lock telling = new();
    private ClockReading reading;

    /// <summary>Whose timeline it writes on: the number of its row.</summary>
    public long Timeline { get; private set; }

    /// <summary>What all exchanges with the database's clock tell together of this host's timeline.</summary>
    public ClockReading Reading
    {
        get
        {
            lock (telling)
                return reading;
        }
        private set
        {
            lock (telling)
                reading = value;
        }
    }

    public void Lock(NpgsqlConnection connection, StoreLock.Session? earlier)
    {
        // The lock of its own ends its earlier session.
        StoreLock.Take(connection, options, $"writing of {holder}", isShared: false, earlier);
        StoreLock.Take(connection, options, StoreLock.Writing, isShared: true, earlier: null);
    }

    public long Begin(NpgsqlConnection connection)
    {
        connection.Execute(Sql.HoldTogether);
        FixUnits(connection);
        Reading = Read(() => connection.ExecuteScalar<DateTime>(Sql.Clock));
        Timeline = connection.ExecuteScalar<long>(
            Sql.AddWriter,
            new
            {
                holder,
                name = options.Application,
                least = Micros.Of(Reading.Least),
                most = Micros.Of(Reading.Most),
                told = Reading.Told.Micros,
            }
        );
        return 0;
    }

    public long Resume(NpgsqlConnection connection) =>
        connection.ExecuteScalar<long?>(Sql.WriterStamp, new { holder })
        ?? throw new StoreLostException(
            $"{options.Address}: the database does not know this host any more, as after a fail-over to a server that was behind. Start this host again: it reads the record as it is there, and asks the gateways for the rest."
        );

    public Numbers Numbers(NpgsqlConnection connection, NpgsqlTransaction transaction) =>
        Postgres.Numbers.Take(connection, transaction);

    public void Finish(Transaction transaction)
    {
        if (transaction.Given is { } given)
            transaction.Execute(Sql.PutSharedNumbers, given);
        // This transaction keeps what the one before has read.
        var told = Read(() =>
            transaction.Scalar<DateTime>(
                Sql.PutWriter,
                new
                {
                    holder,
                    stamp = transaction.Stamp,
                    least = Micros.Of(Reading.Least),
                    most = Micros.Of(Reading.Most),
                    told = Reading.Told.Micros,
                }
            )
        );
        Reading = ClockReadingModule.after(Reading, told);
    }

    public void Keep(Transaction transaction) { }

    public void Forget() { }

    /// <summary>What the database's clock tells about this host's timeline.</summary>
    public ClockReading Read(Func<DateTime> ask)
    {
        var sent = shared.Now();
        var told = ask();
        return ClockReadingModule.ofExchange(sent, InstantModule.ofDateTime(told), shared.Now());
    }

    /// <summary>The same on another connection.</summary>
    public async Task<ClockReading> ReadAsync(Func<Task<DateTime>> ask)
    {
        var sent = shared.Now();
        var told = await ask();
        return ClockReadingModule.ofExchange(sent, InstantModule.ofDateTime(told), shared.Now());
    }

    private void FixUnits(NpgsqlConnection connection)
    {
        connection.Execute(Sql.FixUnits, new { units = $"{shared.Units}" });
        if (
            connection.ExecuteScalar<string>(Sql.GetMeta, new { key = MetaKeys.Units }) is var text
            && text != $"{shared.Units}"
        )
            throw new StoreForeignException(
                $"{options.Address}: the record's gateways are divided into {text} units, and this host's configuration says {shared.Units}. Give all hosts the record's number."
            );
        connection.Execute(Sql.AddUnits, new { units = shared.Units });
    }
}
