using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>
/// Who may write a record, as long as its session lasts: an advisory lock, which the database releases however the session
/// ends. A server alone holds it for itself; hosts that write together share it, which keeps such a server out.
/// </summary>
internal static class StoreLock
{
    /// <summary>The purpose of the lock without which nobody writes.</summary>
    public const string Writing = "writing";

    /// <summary>The number of an advisory lock of ours: these are the whole database's, and others take some too.</summary>
    public static long Key(string schema, string purpose) =>
        BinaryPrimitives.ReadInt64BigEndian(
            SHA256.HashData(Encoding.UTF8.GetBytes($"callserver {purpose} {schema}"))
        );

    /// <summary>
    /// Takes the lock for this session. Waits a little: the session of a server that was killed just now may still be
    /// ending. Throws StoreLockedException if another server holds it.
    /// </summary>
    /// <param name="connection">The session.</param>
    /// <param name="options">The record.</param>
    /// <param name="purpose">Which of its locks.</param>
    /// <param name="isShared">Whether others may share it.</param>
    /// <param name="earlier">Our own session before, whose connection is lost; null if there was none. What it still does is
    /// over once we have the lock.</param>
    public static void Take(
        NpgsqlConnection connection,
        PostgresStoreOptions options,
        string purpose,
        bool isShared,
        Session? earlier
    )
    {
        var key = Key(options.Address.Schema, purpose);
        var kind = isShared ? "lock_shared" : "lock";
        if (connection.ExecuteScalar<bool>($"SELECT pg_try_advisory_{kind}(@key)", new { key }))
            return;
        if (earlier is not null)
            connection.Execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = @Id AND backend_start = @Began",
                earlier
            );
        try
        {
            connection.Execute(
                $"SET lock_timeout = {(int)options.LockPatience.TotalMilliseconds}; SELECT pg_advisory_{kind}({key}); RESET lock_timeout"
            );
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            connection.Execute("RESET lock_timeout");
            var holder = connection.QueryFirstOrDefault<string>(
                """
                SELECT format('%s of %s, process %s of the database', a.application_name, coalesce(a.client_addr::text, 'this machine'), a.pid)
                FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND (l.classid::bigint << 32 | l.objid::bigint) = @key AND l.objsubid = 1
                """,
                new { key }
            );
            throw new StoreLockedException(
                $"{options.Address}: another server runs on it ({holder ?? "it has just ended"}). Stop that one, or name another database in store.",
                error
            );
        }
    }

    /// <summary>Which session a connection is: a process of the database, and since when.</summary>
    public sealed record Session(int Id, DateTime Began)
    {
        public static Session Of(NpgsqlConnection connection) =>
            connection.QuerySingle<Session>(
                "SELECT pid AS Id, backend_start AS Began FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            );
    }
}
