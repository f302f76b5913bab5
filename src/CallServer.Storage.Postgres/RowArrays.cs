using System.Reflection;
using CallServer.Surface;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>The tables that hold the ledger.</summary>
internal static class RowArrays
{
    public static RowArrays<GatewayRow> Gateways { get; } = new(RowShapes.Gateways);

    public static RowArrays<ConnectionRow> Connections { get; } = new(RowShapes.Connections);

    /// <summary>
    /// Puts gateways' rows with the timeline that they are on. While connections' rows are on another one they stay with the
    /// gateway's row as it is, until a step has written every row (see GatewayRow.StepsSince).
    /// </summary>
    public static string PutGatewaysOnTimeline { get; } =
        Gateways.PutIf(
            "timeline",
            "gateways.timeline IS NOT DISTINCT FROM excluded.timeline OR gateways.steps_since < excluded.steps_since"
        );

    /// <summary>Adds a statement to a batch, with a parameter for each array.</summary>
    public static void Add(this NpgsqlBatch batch, string sql, params ReadOnlySpan<Array> arrays) =>
        batch.BatchCommands.Add(Command(sql, arrays));

    /// <summary>Adds a statement that has one number after the arrays.</summary>
    public static void AddWith(
        this NpgsqlBatch batch,
        long number,
        string sql,
        params ReadOnlySpan<Array> arrays
    )
    {
        var command = Command(sql, arrays);
        command.Parameters.Add(new NpgsqlParameter { Value = number });
        batch.BatchCommands.Add(command);
    }

    private static NpgsqlBatchCommand Command(string sql, ReadOnlySpan<Array> arrays)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var array in arrays)
            command.Parameters.Add(new NpgsqlParameter { Value = array });
        return command;
    }
}

/// <summary>Writes many rows of a table with one statement, an array a column, and reads them.</summary>
internal sealed class RowArrays<TRow>
    where TRow : class, new()
{
    private readonly Func<IReadOnlyList<TRow>, Array>[] _columns;
    private readonly Func<Action<NpgsqlDataReader, TRow>>[] _readers;
    private readonly Func<string, string, string> _putIf;

    public RowArrays(RowShape<TRow> shape)
    {
        var columns = shape.Properties.Select((property, place) => Column(property, place)).ToList();
        _columns = [.. columns.Select(column => column.Write)];
        _readers = [.. columns.Select(column => column.Read)];
        var arrays = columns.Select((column, place) => $"${place + 1}::{column.Type}[]");
        Put = shape.Put($"SELECT * FROM unnest({RowShape<TRow>.List(arrays)})");
        _putIf = (column, condition) =>
            shape.Put(
                $"SELECT *, ${columns.Count + 1}::bigint FROM unnest({RowShape<TRow>.List(arrays)})",
                column,
                condition
            );
    }

    /// <summary>The statement that adds rows, or replaces those with the same keys.</summary>
    public string Put { get; }

    /// <summary>
    /// The same with one more column, the same number in each row, as the last parameter; rows are replaced only where the
    /// condition holds.
    /// </summary>
    public string PutIf(string column, string condition) => _putIf(column, condition);

    public Array[] Arrays(IReadOnlyList<TRow> rows) => Array.ConvertAll(_columns, column => column(rows));

    /// <summary>The rows of a query for all columns. Rows that follow each other share equal texts.</summary>
    public IEnumerable<TRow> Read(NpgsqlDataReader reader)
    {
        var readers = Array.ConvertAll(_readers, start => start());
        while (reader.Read())
        {
            var row = new TRow();
            foreach (var read in readers)
                read(reader, row);
            yield return row;
        }
    }

    /// <summary>The same rows, all of them.</summary>
    public async Task<List<TRow>> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellation)
    {
        var readers = Array.ConvertAll(_readers, start => start());
        var rows = new List<TRow>();
        while (await reader.ReadAsync(cancellation))
        {
            var row = new TRow();
            foreach (var read in readers)
                read(reader, row);
            rows.Add(row);
        }
        return rows;
    }

    private sealed record One(
        string Type,
        Func<IReadOnlyList<TRow>, Array> Write,
        Func<Action<NpgsqlDataReader, TRow>> Read
    );

    private static One Column(PropertyInfo property, int at)
    {
        var type = property.PropertyType;
        return Type.GetTypeCode(type) switch
        {
            TypeCode.String => Text(property, at),
            TypeCode.Int32 => Of(property, "integer", from => from.GetInt32(at)),
            TypeCode.Int64 => Of(property, "bigint", from => from.GetInt64(at)),
            TypeCode.Double => Of(property, "double precision", from => from.GetDouble(at)),
            TypeCode.Boolean => Of(property, "boolean", from => from.GetBoolean(at)),
            _ when type == typeof(int?) => Of(
                property,
                "integer",
                from => from.IsDBNull(at) ? null : (int?)from.GetInt32(at)
            ),
            _ when type == typeof(long?) => Of(
                property,
                "bigint",
                from => from.IsDBNull(at) ? null : (long?)from.GetInt64(at)
            ),
            _ when type == typeof(byte[]) => Of(
                property,
                "bytea",
                from => from.IsDBNull(at) ? null : from.GetFieldValue<byte[]>(at)
            ),
            _ => throw new InvalidOperationException($"no column holds {type}: {property}"),
        };
    }

    private static One Of<T>(PropertyInfo property, string type, Func<NpgsqlDataReader, T> read)
    {
        var get = property.GetMethod!.CreateDelegate<Func<TRow, T>>();
        var set = property.SetMethod!.CreateDelegate<Action<TRow, T>>();
        return new(type, rows => Map(rows, get), () => (from, row) => set(row, read(from)));
    }

    private static One Text(PropertyInfo property, int at)
    {
        var get = property.GetMethod!.CreateDelegate<Func<TRow, string?>>();
        var set = property.SetMethod!.CreateDelegate<Action<TRow, string?>>();
        return new(
            "text",
            rows => Map(rows, row => PostgresText.Of(get(row))),
            () =>
            {
                string? last = null;
                return (from, row) =>
                {
                    var text = from.IsDBNull(at) ? null : PostgresText.Read(from.GetString(at));
                    set(row, last = text == last ? last : text);
                };
            }
        );
    }

    private static T[] Map<T>(IReadOnlyList<TRow> rows, Func<TRow, T> value)
    {
        var values = new T[rows.Count];
        for (var row = 0; row < values.Length; row++)
            values[row] = value(rows[row]);
        return values;
    }
}
