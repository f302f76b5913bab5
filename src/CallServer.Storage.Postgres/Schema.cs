using System.Globalization;
using System.Reflection;
using Dapper;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>The schema's versions: Migrations/0001-….sql makes version 1, and so on, each in one transaction.</summary>
internal static class Schema
{
    private const string VersionKey = "schema_version";

    /// <summary>The migrations in order.</summary>
    public static IReadOnlyList<string> Steps { get; } = Migrations.In(Assembly.GetExecutingAssembly());

    /// <summary>The version that this program writes.</summary>
    public static int Current => Steps.Count;

    /// <summary>Makes a new schema, refuses a foreign or newer one, and migrates an older one.</summary>
    public static void Prepare(NpgsqlConnection connection, PostgresAddress address)
    {
        if (connection.ExecuteScalar<string>("SHOW server_encoding") is not "UTF8" and var encoding)
            throw new StoreForeignException(
                $"{address}: the database's encoding is {encoding}, which cannot hold what gateways say. Make one with: createdb -E UTF8 -T template0 NAME"
            );
        // Servers that start together migrate one after the other.
        var key = StoreLock.Key(address.Schema, "migrating");
        connection.Execute("SELECT pg_advisory_lock(@key)", new { key }, commandTimeout: 0);
        try
        {
            connection.Execute($"CREATE SCHEMA IF NOT EXISTS {address.Schema}");
            for (var next = Version(connection, address) + 1; next <= Current; next++)
                Migrate(connection, next);
        }
        finally
        {
            connection.Execute("SELECT pg_advisory_unlock(@key)", new { key });
        }
    }

    private static int Version(NpgsqlConnection connection, PostgresAddress address)
    {
        var tables = connection
            .Query<string>("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
            .ToHashSet();
        if (tables.Count == 0)
            return 0;
        var text =
            tables.Contains("meta") && tables.Contains("numbers")
                ? connection.ExecuteScalar<string?>(Sql.GetMeta, new { key = VersionKey })
                : null;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var version))
            throw new StoreForeignException(
                $"{address}: the schema {address.Schema} holds tables, and they are no CallServer record. It was left as it is; name another one: ?schema=NAME"
            );
        if (version > Current)
            throw new StoreVersionException(
                $"{address}: was written by a newer CallServer: its schema is version {version}, this program knows version "
                    + $"{Current}. It was left as it is; start the newer program, or name another database in store.",
                version,
                Current
            );
        return version;
    }

    private static void Migrate(NpgsqlConnection connection, int version)
    {
        using var transaction = connection.BeginTransaction();
        connection.Execute(Steps[version - 1], transaction: transaction, commandTimeout: 0);
        connection.Execute(
            Sql.PutMeta,
            new { key = VersionKey, value = version.ToString(CultureInfo.InvariantCulture) },
            transaction
        );
        transaction.Commit();
    }
}
