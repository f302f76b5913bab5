using System.Linq.Expressions;
using System.Reflection;
using System.Text;
using CallServer.Surface;

namespace CallServer.Storage.Sqlite;

/// <summary>The tables that hold the ledger.</summary>
internal static class RowTables
{
    public static RowTable<GatewayRow> Gateways { get; } = new("gateways", "gateway");

    public static RowTable<ConnectionRow> Connections { get; } = new("connections", "gateway", "id");
}

/// <summary>
/// A table with one column for each property of a row type, named like the property in snake case. A new property
/// needs a column in a migration, and no change here.
/// </summary>
/// <typeparam name="TRow">A row type whose properties are strings, numbers, booleans and octets, some of
/// them nullable.</typeparam>
internal sealed class RowTable<TRow>
    where TRow : class, new()
{
    private readonly Field[] _fields;
    private readonly Action<Statement, TRow> _bind;

    /// <param name="name">The table's name.</param>
    /// <param name="key">The columns of its primary key.</param>
    public RowTable(string name, params string[] key)
    {
        var properties = typeof(TRow).GetProperties();
        _fields = [.. properties.Select(FieldOf)];
        _bind = Binding(properties);
        var columns = Columns.Select((column, place) => (column, value: $"?{place + 1}")).ToList();
        var rest = columns.Where(each => !key.Contains(each.column));
        Put = $"""
            INSERT INTO {name} ({List(Columns)}) VALUES ({List(columns.Select(each => each.value))})
            ON CONFLICT ({List(key)}) DO UPDATE SET {List(
                rest.Select(each => $"{each.column} = excluded.{each.column}")
            )}
            """;
        Select = $"SELECT {List(Columns)} FROM {name}";
    }

    public IEnumerable<string> Columns => _fields.Select(each => each.Column);

    /// <summary>
    /// The statement that adds a row, or replaces the one with the same key; <see cref="Bind"/> binds its values.
    /// </summary>
    public string Put { get; }

    /// <summary>The query whose rows <see cref="Read"/> reads, without a condition or an order.</summary>
    public string Select { get; }

    public Statement Bind(Statement to, TRow row)
    {
        _bind(to, row);
        return to;
    }

    public TRow Read(Statement from)
    {
        var row = new TRow();
        for (var column = 0; column < _fields.Length; column++)
            _fields[column].Read(from, column, row);
        return row;
    }

    private sealed record Field(string Column, Action<Statement, int, TRow> Read);

    /// <summary>Binds all properties in turn. One compiled function, as it runs for every connection.</summary>
    private static Action<Statement, TRow> Binding(PropertyInfo[] properties)
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

    private static Field FieldOf(PropertyInfo property) =>
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

    private static Field Of<T>(PropertyInfo property, Func<Statement, int, T> read)
    {
        var set = property.SetMethod!.CreateDelegate<Action<TRow, T>>();
        return new Field(SnakeCase(property.Name), (from, at, row) => set(row, read(from, at)));
    }

    private static string SnakeCase(string name)
    {
        var snake = new StringBuilder(name.Length + 4);
        foreach (var letter in name)
        {
            if (char.IsUpper(letter) && snake.Length > 0)
                snake.Append('_');
            snake.Append(char.ToLowerInvariant(letter));
        }
        return snake.ToString();
    }

    private static string List(IEnumerable<string> items) => string.Join(", ", items);
}
