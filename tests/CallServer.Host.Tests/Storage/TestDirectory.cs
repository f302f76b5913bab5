using Microsoft.Data.Sqlite;

namespace CallServer.Host.Tests.Storage;

/// <summary>A temporary directory for one test.</summary>
internal sealed class TestDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("callserver-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Name and content of every file in it, except the lock.</summary>
    public Dictionary<string, string> Contents() =>
        Directory
            .EnumerateFiles(Path)
            .ToDictionary(
                file => System.IO.Path.GetFileName(file),
                file => Convert.ToHexString(System.IO.File.ReadAllBytes(file))
            );

    public static SqliteConnection Connect(string file, SqliteOpenMode mode = SqliteOpenMode.ReadWriteCreate)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = file,
                Mode = mode,
                Pooling = false,
            }.ConnectionString
        );
        connection.Open();
        return connection;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
