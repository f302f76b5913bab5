using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CallServer.Storage.Sqlite;

/// <summary>
/// A prepared statement whose values are bound and read by position. For statements that run once per connection,
/// where SqliteCommand's named and boxed parameters would cost several times the work itself.
/// </summary>
internal sealed unsafe class Statement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _handle;
    private readonly nint _address;
    private readonly (byte[]? Octets, string? Text)[] _last;

    // Pinned: SQLite reads the texts from here.
    private byte[]? _texts;
    private readonly int _room;
    private int _used;
    private int _bound;

    /// <param name="connection">An open connection.</param>
    /// <param name="sql">One statement.</param>
    /// <param name="room">Octets that the texts of one run usually need; more are copied once more.</param>
    public Statement(SqliteConnection connection, string sql, int room = 4096)
    {
        _room = room;
        _database = connection.Handle!;
        Check(raw.sqlite3_prepare_v2(_database, sql, out _handle));
        _address = _handle.DangerousGetHandle();
        _last = new (byte[]?, string?)[raw.sqlite3_column_count(_handle)];
    }

    public Statement Bind(string? value)
    {
        if (value is null)
            return Null();
        _texts ??= GC.AllocateUninitializedArray<byte>(_room, pinned: true);
        fixed (byte* texts = _texts)
        {
            if (Encoding.UTF8.TryGetBytes(value, _texts.AsSpan(_used), out var length))
            {
                var octets = texts + _used;
                _used += length;
                return Bound(Native.BindText(_address, ++_bound, octets, length, Native.Static));
            }
        }

        var copied = Encoding.UTF8.GetBytes(value);
        fixed (byte* octets = copied)
            return Bound(Native.BindText(_address, ++_bound, octets, copied.Length, Native.Transient));
    }

    public Statement Bind(byte[]? value) =>
        value is null ? Null() : Bound(raw.sqlite3_bind_blob(_handle, ++_bound, value));

    public Statement Bind(long value) => Bound(Native.BindLong(_address, ++_bound, value));

    public Statement Bind(long? value) => value is { } known ? Bind(known) : Null();

    public Statement Bind(int value) => Bind((long)value);

    public Statement Bind(int? value) => Bind((long?)value);

    public Statement Bind(bool value) => Bind(value ? 1L : 0L);

    public Statement Bind(double value) => Bound(raw.sqlite3_bind_double(_handle, ++_bound, value));

    /// <summary>Runs the statement to its end and makes it ready for the next values.</summary>
    /// <returns>The first column of the first row as an integer; null if there was no row.</returns>
    public long? Run()
    {
        try
        {
            long? first = null;
            while (Step())
                first ??= Long(0);
            return first;
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>Moves to the next row; false at the end.</summary>
    public bool Step()
    {
        var result = raw.sqlite3_step(_handle);
        if (result == raw.SQLITE_ROW)
            return true;
        if (result != raw.SQLITE_DONE)
            Check(result);
        return false;
    }

    /// <summary>
    /// Clears values and rows. It never fails: SQLite returns the last step's error here, which was already thrown.
    /// </summary>
    public void Reset()
    {
        _ = raw.sqlite3_reset(_handle);
        _ = raw.sqlite3_clear_bindings(_handle);
        _bound = 0;
        _used = 0;
    }

    /// <summary>
    /// The text of a column. Rows of one gateway repeat most of their words, so each column's last text is kept and
    /// returned again while it stays the same.
    /// </summary>
    public string? Text(int column)
    {
        // The octets first: SQLite may convert them, and the length is that of the result.
        var start = Native.ColumnOctets(_address, column);
        var octets = new ReadOnlySpan<byte>(start, Native.ColumnLength(_address, column));
        if (octets.IsEmpty)
            return IsNull(column) ? null : "";
        ref var last = ref _last[column];
        if (last.Octets is null || !octets.SequenceEqual(last.Octets))
            last = (octets.ToArray(), Encoding.UTF8.GetString(octets));
        return last.Text;
    }

    public byte[]? Octets(int column) =>
        IsNull(column) ? null : raw.sqlite3_column_blob(_handle, column).ToArray();

    public long Long(int column) => Native.ColumnLong(_address, column);

    public long? LongOrNull(int column)
    {
        var value = Long(column);
        return value == 0 && IsNull(column) ? null : value;
    }

    /// <summary>A column as an integer. Throws OverflowException if the value does not fit 32 bits.</summary>
    public int Int(int column) => checked((int)Long(column));

    /// <inheritdoc cref="Int"/>
    public int? IntOrNull(int column) => checked((int?)LongOrNull(column));

    public bool Bool(int column) => Long(column) != 0;

    public double Double(int column) => raw.sqlite3_column_double(_handle, column);

    public void Dispose() => _handle.Dispose();

    private bool IsNull(int column) => Native.ColumnType(_address, column) == raw.SQLITE_NULL;

    /// <summary>Every value is NULL until it is bound.</summary>
    private Statement Null()
    {
        _bound++;
        return this;
    }

    private Statement Bound(int result)
    {
        if (result != raw.SQLITE_OK)
        {
            // Leaves nothing half-bound for the next use.
            Reset();
            Check(result);
        }
        return this;
    }

    private void Check(int result) => SqliteException.ThrowExceptionForRC(result, _database);
}
