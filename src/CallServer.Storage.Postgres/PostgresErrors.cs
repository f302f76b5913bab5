using System.Net.Sockets;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>Translates PostgreSQL's conditions (PostgreSQL, appendix A) and a lost connection for the operator.</summary>
internal static class PostgresErrors
{
    // The driver has no name for it.
    private const string IdleInTransaction = "25P03";

    /// <summary>The store's error for one of the driver's; null if the fault is our own.</summary>
    /// <param name="error">What a statement or an attempt to connect threw.</param>
    /// <param name="place">The record's address.</param>
    public static StoreException? Translate(Exception error, string place) =>
        error switch
        {
            PostgresException told => Told(told, place),
            NpgsqlException { InnerException: TimeoutException } or TimeoutException =>
                new StoreUnavailableException(
                    $"{place}: the database does not answer in time. Nothing was half-written; look at its load and its log.",
                    error
                ),
            NpgsqlException or SocketException or IOException => new StoreUnavailableException(
                $"{place}: the database is not reached ({Words(error)}). Check that it runs and that this host may connect.",
                error
            ),
            _ => null,
        };

    private static StoreException? Told(PostgresException error, string place) =>
        error.SqlState switch
        {
            PostgresErrorCodes.DiskFull => new StoreFullException(
                $"{place}: the database has no room to write ({Words(error)}). Nothing was half-written; free space on its disk.",
                error
            ),
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
                new StoreUnavailableException(
                    $"{place}: the database refuses this user ({Words(error)}). Check the user's name, storePassword and pg_hba.conf.",
                    error
                ),
            PostgresErrorCodes.InvalidCatalogName => new StoreUnavailableException(
                $"{place}: there is no such database. Make it with: createdb -E UTF8 -T template0 NAME",
                error
            ),
            PostgresErrorCodes.InsufficientPrivilege => new StoreUnavailableException(
                $"{place}: this user may not do that ({Words(error)}). Give it the right to make a schema: GRANT CREATE ON DATABASE NAME TO USER",
                error
            ),
            PostgresErrorCodes.ReadOnlySqlTransaction => new StoreUnavailableException(
                $"{place}: the database takes no changes, as a standby does ({Words(error)}). Name the primary, or all hosts.",
                error
            ),
            PostgresErrorCodes.DataCorrupted or PostgresErrorCodes.IndexCorrupted =>
                new StoreDamagedException(
                    $"{place}: the database is damaged ({Words(error)}). It was left as it is: see its log.",
                    error
                ),
            // Connection exceptions, resources that are short, an operator who stops the server, and faults of its system.
            [_, _, ..] state when state[..2] is "08" or "53" or "57" or "58" => new StoreUnavailableException(
                $"{place}: the database cannot work now ({Words(error)}). Nothing was half-written; see its log.",
                error
            ),
            IdleInTransaction => new StoreUnavailableException(
                $"{place}: this server stood still, and the database did not wait for it ({Words(error)}). It is tried again.",
                error
            ),
            PostgresErrorCodes.LockNotAvailable
            or PostgresErrorCodes.SerializationFailure
            or PostgresErrorCodes.DeadlockDetected => new StoreUnavailableException(
                $"{place}: something else in the database is in the way ({Words(error)}). It is tried again.",
                error
            ),
            _ => null,
        };

    /// <summary>The database's own words, as part of a sentence.</summary>
    private static string Words(Exception error) =>
        (
            error is PostgresException told ? told.MessageText : (error.InnerException ?? error).Message
        ).TrimEnd('.');
}
