using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace CallServer.Bench.Kill;

/// <summary>Checks with SQLite that its file and log are sound. Nobody else may have the file open.</summary>
internal static class DataFileCheck
{
    /// <summary>Returns <c>ok</c>, <c>none yet</c>, or what is wrong.</summary>
    public static async Task<string> OfAsync(string file, CancellationToken cancel)
    {
        if (!File.Exists(file))
            return "none yet";
        try
        {
            await using var connection = await OpenAsync(file, cancel);
            await using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA integrity_check";
            return (string?)await command.ExecuteScalarAsync(cancel) ?? "no answer";
        }
        catch (SqliteException fault)
        {
            return fault.Message;
        }
    }

    public static bool IsSound(string said) => said is "ok" or "none yet";

    /// <summary>Every CDR in the file, by its id.</summary>
    public static async Task<IReadOnlyDictionary<string, JsonElement>> CdrsAsync(
        string file,
        CancellationToken cancel
    )
    {
        await using var connection = await OpenAsync(file, cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT id, json FROM cdrs";
        await using var rows = await command.ExecuteReaderAsync(cancel);
        var cdrs = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        while (await rows.ReadAsync(cancel))
        {
            using var cdr = JsonDocument.Parse(rows.GetString(1));
            cdrs[rows.GetString(0)] = cdr.RootElement.Clone();
        }

        return cdrs;
    }

    private static async Task<SqliteConnection> OpenAsync(string file, CancellationToken cancel)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = file,
                Mode = SqliteOpenMode.ReadOnly,
                Pooling = false,
            }.ConnectionString
        );
        await connection.OpenAsync(cancel);
        return connection;
    }
}
