using System.Globalization;
using System.Reflection;
using Dapper;
using Microsoft.Data.Sqlite;

namespace CallServer.Storage.Sqlite;

/// <summary>
/// The schema's versions: Migrations/0001-….sql makes version 1, and so on, each in one transaction. A released file
/// is never edited; every change is a new file.
/// </summary>
internal static class Schema
{
    /// <summary>The migrations in order.</summary>
    public static IReadOnlyList<string> Steps { get; } = Migrations.In(Assembly.GetExecutingAssembly());

    /// <summary>The version that this program writes.</summary>
    public static int Current => Steps.Count;

    /// <summary>Marks a new file as ours, refuses a foreign or newer one, and migrates an older one.</summary>
    public static void Prepare(SqliteConnection connection, string file)
    {
        var application = connection.ExecuteScalar<int>(Sql.GetApplication);
        if (application == 0 && connection.ExecuteScalar<long>(Sql.CountPages) == 0)
            // This precedes write-ahead logging, so that the header marks the file as ours from its first transaction
            // on.
            connection.Execute(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"PRAGMA application_id = {DataFile.ApplicationId}"
                )
            );
        else if (application != DataFile.ApplicationId)
            throw SqliteErrors.Foreign(file, $"its application id is 0x{application:X8}");

        var version = connection.ExecuteScalar<int>(Sql.GetVersion);
        if (version > Current)
            throw new StoreVersionException(
                $"{file}: was written by a newer CallServer: its schema is version {version}, this program knows version "
                    + $"{Current}. It was left as it is; start the newer program, or name another file in server.data.",
                version,
                Current
            );

        connection.Execute(Sql.SetWal);
        connection.Execute(Sql.FlushEachCommit);
        for (var next = version + 1; next <= Current; next++)
            Migrate(connection, next);
    }

    private static void Migrate(SqliteConnection connection, int version)
    {
        using var transaction = connection.BeginTransaction();
        connection.Execute(Steps[version - 1], transaction: transaction);
        connection.Execute(
            string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version = {version}"),
            transaction: transaction
        );
        transaction.Commit();
    }
}
