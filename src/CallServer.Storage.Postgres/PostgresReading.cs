using System.Data;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>Reads the record as it is at one moment.</summary>
internal static class PostgresReading
{
    /// <summary>
    /// Reads in one transaction that sees one state of the record. Throws StoreException if the database cannot be read.
    /// </summary>
    public static async Task<T> AtOneMomentAsync<T>(
        NpgsqlDataSource source,
        PostgresStoreOptions options,
        Func<NpgsqlConnection, Task<T>> read,
        CancellationToken cancellation
    )
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancellation);
            await using var transaction = await connection.BeginTransactionAsync(
                IsolationLevel.RepeatableRead,
                cancellation
            );
            var result = await read(connection);
            await transaction.CommitAsync(cancellation);
            return result;
        }
        catch (Exception error)
            when (error is not StoreException
                && PostgresErrors.Translate(error, options.Address.Text) is { } named
            )
        {
            throw named;
        }
    }
}
