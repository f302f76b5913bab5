using Microsoft.Data.Sqlite;

namespace CallServer.Bench.Kill;

/// <summary>Whether SQLite finds its file sound, its log included. Nobody else may have it open.</summary>
internal static class DataFileCheck
{
    /// <summary><c>ok</c>, <c>none yet</c>, or what is wrong.</summary>
    public static async Task<string> OfAsync(string file, CancellationToken cancel)
    {
        if (!File.Exists(file))
            return "none yet";
        var source = new SqliteConnectionStringBuilder
        {
            DataSource = file,
            Mode = SqliteOpenMode.ReadOnly,
            Pooling = false,
        };
        try
        {
            await using var connection = new SqliteConnection(source.ConnectionString);
            await connection.OpenAsync(cancel);
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
}
