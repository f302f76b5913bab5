using System.Data;
using Dapper;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>
/// The one connection that writes a record, and what is known of its transactions. A lost connection is made again when
/// something is to be written. Not thread-safe.
/// </summary>
internal sealed class WritingSession : IDisposable
{
    private readonly PostgresStoreOptions _options;
    private readonly NpgsqlDataSource _source;
    private readonly ITenure _tenure;
    private NpgsqlConnection? _connection;
    private StoreLock.Session? _session;
    private long _stamp;
    private long _found;
    private long _durable;
    private Uncertain? _uncertain;

    // What transactions have written whose outcome was not known, and turned out to be kept. Whoever gives the same objects
    // again gets the same numbers, and they are not written twice.
    private readonly Dictionary<object, long> _told = new(ReferenceEqualityComparer.Instance);

    /// <summary>Connects, takes the record's lock, and brings its schema up to date.</summary>
    public WritingSession(PostgresStoreOptions options)
    {
        _options = options;
        _source = PostgresConnections.ToWrite(options);
        Shared = options.Shared is { } shared ? new SharedTenure(options, shared) : null;
        _tenure = Shared ?? (ITenure)new SoleTenure(options);
        try
        {
            Connect();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How this host writes together with others; null if it writes alone.</summary>
    public SharedTenure? Shared { get; }

    /// <summary>The connection, for reading as well; made again if it is lost.</summary>
    public NpgsqlConnection Connection => Connected();

    /// <summary>
    /// Runs an action in one transaction: everything it writes is kept, or nothing if it throws. If the connection is lost
    /// while the transaction ends, nobody knows which; that is found out at once, or before anything else is written.
    /// </summary>
    /// <param name="durable">Whether it is on the disk, safe from a loss of power, when this returns.</param>
    /// <param name="action">What to do.</param>
    public T Write<T>(bool durable, Func<Transaction, T> action)
    {
        var connection = Connected();
        var transaction = new Transaction(connection, _tenure, _stamp + 1, _told);
        T result;
        try
        {
            if (!durable)
                connection.Execute(Sql.FlushLater, transaction: transaction.Own);
            result = action(transaction);
            transaction.Finish();
        }
        catch
        {
            _tenure.Forget();
            Drop(transaction.Own);
            throw;
        }
        try
        {
            transaction.Own.Commit();
        }
        catch (Exception lost)
        {
            Close();
            _uncertain = new Uncertain(transaction.Stamp, durable, transaction.Written);
            _stamp = transaction.Stamp;
            if (!IsKept(transaction))
                throw PostgresErrors.Translate(lost, _options.Address.Text) ?? lost;
            Forget(transaction.Written.Keys);
            Forget(transaction.Met);
            return result;
        }
        transaction.Own.Dispose();
        _tenure.Keep(transaction);
        _stamp = transaction.Stamp;
        if (durable)
            _durable = _stamp;
        Forget(transaction.Met);
        return result;
    }

    private void Forget(IEnumerable<object> items)
    {
        foreach (var item in items)
            _told.Remove(item);
    }

    public void Dispose()
    {
        Close();
        _source.Dispose();
    }

    /// <summary>Whether a transaction is kept although its end was not heard; false if that is not known yet.</summary>
    private bool IsKept(Transaction transaction)
    {
        try
        {
            Connected();
            return _found == transaction.Stamp;
        }
        catch (Exception error)
            when (error is StoreException || PostgresErrors.Translate(error, "") is not null)
        {
            return false;
        }
    }

    private NpgsqlConnection Connected()
    {
        if (_connection is not { FullState: ConnectionState.Open })
            Reconnect();
        return _connection!;
    }

    private void Connect()
    {
        Close();
        _connection = _source.OpenConnection();
        _tenure.Lock(_connection, null);
        _session = StoreLock.Session.Of(_connection);
        Schema.Prepare(_connection, _options.Address);
        _connection.Execute(Sql.FlushEachCommit);
        _stamp = _durable = _tenure.Begin(_connection);
    }

    /// <summary>
    /// Takes the lock again: then nothing that was sent before is still being done. The record must be as it was left.
    /// </summary>
    private void Reconnect()
    {
        Close();
        var connection = _source.OpenConnection();
        try
        {
            _tenure.Lock(connection, _session);
            _session = StoreLock.Session.Of(connection);
            connection.Execute(Sql.FlushEachCommit);
            _found = _tenure.Resume(connection);
            Settle(_found);
            _connection = connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Compares what the database holds with what it confirmed. A transaction that only confirmed may be missing: it is
    /// made good by the next one.
    /// </summary>
    private void Settle(long stamp)
    {
        if (_uncertain is { } open && stamp == open.Stamp)
        {
            foreach (var (item, number) in open.Written)
                _told[item] = number;
            if (open.Durable)
                _durable = stamp;
        }
        _uncertain = null;
        if (stamp < _durable)
            throw new StoreLostException(
                $"{_options.Address}: the database has lost what it had confirmed, as after a fail-over to a server that was behind. Start this server again: it reads the record as it is there, and asks the gateways for the rest."
            );
    }

    private void Drop(NpgsqlTransaction transaction)
    {
        try
        {
            transaction.Rollback();
        }
        catch (Exception error)
            when (PostgresErrors.Translate(error, "") is not null || error is InvalidOperationException)
        {
            Close();
        }
        transaction.Dispose();
    }

    private void Close()
    {
        _connection?.Dispose();
        _connection = null;
        _tenure.Forget();
    }

    /// <summary>A transaction of which nobody knows whether it is kept.</summary>
    private sealed record Uncertain(long Stamp, bool Durable, IReadOnlyDictionary<object, long> Written);
}
