using System.Text.Json;
using Spectre.Console.Rendering;

namespace CallServer.Host.Cli.Live;

/// <summary>What one look at a server brought, for a live view.</summary>
/// <param name="Head">Lines above the list, each no longer than a line.</param>
/// <param name="Columns">The list's columns; none if there is no list.</param>
/// <param name="Rows">The list's objects, in the server's order.</param>
/// <param name="Name">What the objects are called, such as <c>connections</c>.</param>
/// <param name="AsOf">The moment that the list shows, as the server tells it.</param>
internal sealed record LiveFrame(
    IReadOnlyList<IRenderable> Head,
    IReadOnlyList<Column> Columns,
    IReadOnlyList<JsonElement> Rows,
    string Name,
    string? AsOf
)
{
    /// <summary>Whether the newest objects come last, and are to be shown first.</summary>
    public bool Grows { get; init; }

    /// <summary>The rows that match, in order.</summary>
    public IReadOnlyList<JsonElement> Arranged(Browsing browsing)
    {
        IEnumerable<JsonElement> rows = Rows;
        if (browsing.Filter.Length > 0)
            rows = rows.Where(row => Matches(row, browsing.Filter));
        if (browsing.Sort is not { } sort || sort >= Columns.Count)
            return Grows == browsing.Reverse ? [.. rows] : [.. rows.Reverse()];

        var column = Columns[sort];
        var keyed = rows.Select(row => (Key: SortKey.Of(column, row), Row: row));
        var sorted = browsing.Reverse
            ? keyed.OrderByDescending(each => each.Key)
            : keyed.OrderBy(each => each.Key);
        return [.. sorted.Select(each => each.Row)];
    }

    private bool Matches(JsonElement row, string filter) =>
        Columns.Any(column => column.Cell(row)?.Contains(filter, StringComparison.OrdinalIgnoreCase) == true);
}

/// <summary>What a cell is sorted by: numbers first and by size, then texts, then cells that are empty.</summary>
internal readonly record struct SortKey(double? Number, string Text) : IComparable<SortKey>
{
    public static SortKey Of(Column column, JsonElement row)
    {
        var text = column.Cell(row) ?? "";
        return new SortKey(column.Order is { } order ? order(row) : Leading(text), text);
    }

    public int CompareTo(SortKey other) =>
        (Number, other.Number) switch
        {
            ({ } mine, { } its) when mine != its => mine.CompareTo(its),
            ({ }, null) => -1,
            (null, { }) => 1,
            _ when Text.Length == 0 || other.Text.Length == 0 => other.Text.Length.CompareTo(Text.Length),
            _ => string.Compare(Text, other.Text, StringComparison.OrdinalIgnoreCase),
        };

    /// <summary>A text that is a number, perhaps with a unit behind it: <c>12.5 ms</c>.</summary>
    private static double? Leading(string text)
    {
        var end = text.IndexOf(' ', StringComparison.Ordinal);
        return double.TryParse(
            end < 0 ? text : text[..end],
            System.Globalization.NumberStyles.Float,
            System.Globalization.CultureInfo.InvariantCulture,
            out var number
        )
            ? number
            : null;
    }
}
