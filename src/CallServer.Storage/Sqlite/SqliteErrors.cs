using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CallServer.Storage.Sqlite;

/// <summary>Translates SQLite's result codes (sqlite.org/rescode.html) for the operator.</summary>
internal static class SqliteErrors
{
    /// <summary>
    /// The store's error for one of SQLite's; null if the fault is our own (a broken constraint, a misused call).
    /// </summary>
    public static StoreException? Translate(SqliteException error, string file) =>
        error.SqliteErrorCode switch
        {
            raw.SQLITE_FULL => new StoreFullException(
                $"{file}: no room to write ({Words(error)}). Nothing was half-written; free space on its disk.",
                error
            ),
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_PROTOCOL => new StoreLockedException(
                $"{file}: another process holds its lock ({Words(error)}). End what writes to it, such as an open "
                    + "transaction of the sqlite3 shell.",
                error
            ),
            raw.SQLITE_READONLY => new StoreUnavailableException(
                $"{file}: may not be written ({Words(error)}). Give this user the right to write to the file and to its "
                    + "directory.",
                error
            ),
            raw.SQLITE_CANTOPEN or raw.SQLITE_PERM or raw.SQLITE_AUTH => new StoreUnavailableException(
                $"{file}: cannot be opened ({Words(error)}). Check that its directory exists, and that this user may read "
                    + "and write there.",
                error
            ),
            raw.SQLITE_IOERR or raw.SQLITE_NOMEM or raw.SQLITE_NOLFS => new StoreUnavailableException(
                $"{file}: reading or writing failed ({Words(error)}, extended code {error.SqliteExtendedErrorCode}). "
                    + "Look at the disk and the system's log.",
                error
            ),
            raw.SQLITE_NOTADB => Foreign(file, "it is not an SQLite database", error),
            raw.SQLITE_CORRUPT => new StoreDamagedException(
                $"{file}: is damaged ({Words(error)}). It was left as it is: keep a copy, try `sqlite3 {file} .recover`, "
                    + "or name another file and let the gateways tell the record again.",
                error
            ),
            _ => null,
        };

    /// <summary>SQLite's own words, as part of a sentence.</summary>
    private static string Words(SqliteException error) => error.Message.TrimEnd('.');

    /// <summary>The error for a file that is not ours.</summary>
    public static StoreForeignException Foreign(string file, string why, Exception? inner = null) =>
        new(
            $"{file}: is not a CallServer record: {why}. It was left as it is; name another file in server.data.",
            inner
        );
}
