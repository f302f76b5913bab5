using System.Reflection;
using System.Text;
using CallServer.Surface;

namespace CallServer.Storage;

/// <summary>The tables that hold the ledger, the same in every store.</summary>
internal static class RowShapes
{
    public static RowShape<GatewayRow> Gateways { get; } = new("gateways", "gateway");

    public static RowShape<ConnectionRow> Connections { get; } = new("connections", "gateway", "id");
}

/// <summary>
/// A table with one column for each property of a row type, named like the property in snake case. A new property
/// needs a column in a migration, and no change here.
/// </summary>
/// <typeparam name="TRow">A row type whose properties are strings, numbers, booleans and octets, some of
/// them nullable.</typeparam>
internal sealed class RowShape<TRow>
    where TRow : class, new()
{
    private readonly string[] _key;

    /// <param name="table">The table's name.</param>
    /// <param name="key">The columns of its primary key.</param>
    public RowShape(string table, params string[] key)
    {
        Table = table;
        _key = key;
        Properties = typeof(TRow).GetProperties();
        Columns = [.. Properties.Select(property => SnakeCase(property.Name))];
    }

    public string Table { get; }

    public IReadOnlyList<PropertyInfo> Properties { get; }

    /// <summary>The columns, in the order of the properties.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>The query for all rows, without a condition or an order.</summary>
    public string Select => $"SELECT {List(Columns)} FROM {Table}";

    /// <summary>
    /// The statement that adds rows, or replaces those with the same key. Its source gives one value for each column.
    /// </summary>
    public string Put(string source) =>
        $"""
            INSERT INTO {Table} ({List(Columns)}) {source}
            ON CONFLICT ({List(_key)}) DO UPDATE SET {List(
                Columns.Except(_key).Select(column => $"{column} = excluded.{column}")
            )}
            """;

    /// <summary>
    /// The same with one more column, whose values come last. A row of the same key is replaced only where the condition holds.
    /// </summary>
    public string Put(string source, string column, string condition) =>
        $"""
            INSERT INTO {Table} ({List([.. Columns, column])}) {source}
            ON CONFLICT ({List(_key)}) DO UPDATE SET {List(
                Columns.Append(column).Except(_key).Select(each => $"{each} = excluded.{each}")
            )} WHERE {condition}
            """;

    public static string List(IEnumerable<string> items) => string.Join(", ", items);

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
}
