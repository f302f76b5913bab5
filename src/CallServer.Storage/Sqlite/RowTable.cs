using System.Linq.Expressions;
using System.Reflection;
using CallServer.Surface;

namespace CallServer.Storage.Sqlite;

/// <summary>The tables that hold the ledger.</summary>
internal static class RowTables
{
    public static RowTable<GatewayRow> Gateways { get; } = new(RowShapes.Gateways);

    public static RowTable<ConnectionRow> Connections { get; } = new(RowShapes.Connections);
}

/// <summary>Binds and reads the rows of a table.</summary>
internal sealed class RowTable<TRow>
    where TRow : class, new()
{
    private readonly RowShape<TRow> _shape;
    private readonly Action<Statement, int, TRow>[] _readers;
    private readonly Action<Statement, TRow> _bind;

    public RowTable(RowShape<TRow> shape)
    {
        _shape = shape;
        _readers = [.. shape.Properties.Select(Reader)];
        _bind = Binding(shape.Properties);
        Put = shape.Put(
            $"VALUES ({RowShape<TRow>.List(shape.Columns.Select((_, place) => $"?{place + 1}"))})"
        );
    }

    public IEnumerable<string> Columns => _shape.Columns;

    /// <summary>
    /// The statement that adds a row, or replaces the one with the same key; <see cref="Bind"/> binds its values.
    /// </summary>
    public string Put { get; }

    /// <summary>The query for all rows, without a condition or an order.</summary>
    public string Select => _shape.Select;

    public Statement Bind(Statement to, TRow row)
    {
        _bind(to, row);
        return to;
    }

    public TRow Read(Statement from)
    {
        var row = new TRow();
        for (var column = 0; column < _readers.Length; column++)
            _readers[column](from, column, row);
        return row;
    }

    /// <summary>Reads a row; null if a number in it does not fit, and then why.</summary>
    public TRow? Read(Statement from, out string? why)
    {
        try
        {
            why = null;
            return Read(from);
        }
        catch (OverflowException error)
        {
            why = error.Message;
            return null;
        }
    }

    /// <summary>Binds all properties in turn. One compiled function, as it runs for every connection.</summary>
    private static Action<Statement, TRow> Binding(IReadOnlyList<PropertyInfo> properties)
    {
        var to = Expression.Parameter(typeof(Statement));
        var row = Expression.Parameter(typeof(TRow));
        var binds = properties.Select(property =>
            Expression.Call(to, nameof(Statement.Bind), null, Expression.Property(row, property))
        );
        return Expression
            .Lambda<Action<Statement, TRow>>(Expression.Block(typeof(void), binds), to, row)
            .Compile();
    }

    private static Action<Statement, int, TRow> Reader(PropertyInfo property) =>
        Type.GetTypeCode(property.PropertyType) switch
        {
            TypeCode.String => Of<string?>(property, (from, at) => from.Text(at)),
            TypeCode.Int32 => Of(property, (from, at) => from.Int(at)),
            TypeCode.Int64 => Of(property, (from, at) => from.Long(at)),
            TypeCode.Double => Of(property, (from, at) => from.Double(at)),
            TypeCode.Boolean => Of(property, (from, at) => from.Bool(at)),
            _ when property.PropertyType == typeof(int?) => Of(property, (from, at) => from.IntOrNull(at)),
            _ when property.PropertyType == typeof(long?) => Of(property, (from, at) => from.LongOrNull(at)),
            _ when property.PropertyType == typeof(byte[]) => Of(property, (from, at) => from.Octets(at)),
            _ => throw new InvalidOperationException($"no column holds {property.PropertyType}: {property}"),
        };

    private static Action<Statement, int, TRow> Of<T>(PropertyInfo property, Func<Statement, int, T> read)
    {
        var set = property.SetMethod!.CreateDelegate<Action<TRow, T>>();
        return (from, at, row) => set(row, read(from, at));
    }
}
