using System.Runtime.InteropServices;

namespace CallServer.Storage.Sqlite;

/// <summary>
/// SQLite's functions that run for every column of every row. SQLitePCL's own ones count a reference up and down at
/// each call, which costs more than what most of them do. Whoever calls these keeps the statement alive.
/// </summary>
internal static unsafe partial class Native
{
    /// <summary>The library that SQLitePCL has loaded.</summary>
    private const string Library = "e_sqlite3";

    /// <summary>SQLite copies the octets before it returns.</summary>
    public const nint Transient = -1;

    /// <summary>The octets stay where they are until the binding is cleared.</summary>
    public const nint Static = 0;

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_text")]
    public static partial int BindText(nint statement, int place, byte* octets, int length, nint destructor);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_int64")]
    public static partial int BindLong(nint statement, int place, long value);

    [LibraryImport(Library, EntryPoint = "sqlite3_column_type")]
    public static partial int ColumnType(nint statement, int column);

    [LibraryImport(Library, EntryPoint = "sqlite3_column_int64")]
    public static partial long ColumnLong(nint statement, int column);

    [LibraryImport(Library, EntryPoint = "sqlite3_column_blob")]
    public static partial byte* ColumnOctets(nint statement, int column);

    [LibraryImport(Library, EntryPoint = "sqlite3_column_bytes")]
    public static partial int ColumnLength(nint statement, int column);
}
