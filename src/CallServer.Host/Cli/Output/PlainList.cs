using System.Text.Json;
using CallServer.Server;

namespace CallServer.Host.Cli.Output;

/// <summary>
/// A list for a pipe: a header, then one line an object, with columns in a fixed order, two spaces apart, and
/// <c>-</c> for what is not known.
/// </summary>
public static class PlainList
{
    private const string Gap = "  ";

    /// <summary>Writes the list; if <paramref name="headed"/> is true, the header is already above it.</summary>
    public static void Write(
        TextWriter output,
        IReadOnlyList<Column> columns,
        IReadOnlyList<JsonElement> rows,
        bool headed = false
    )
    {
        var cells = rows.Select(row => columns.Select(column => Shown(column.Cell(row))).ToArray()).ToArray();
        var headers = columns.Select(column => column.Header.ToUpperInvariant()).ToArray();
        var widths = headers
            .Select((header, i) => cells.Select(line => line[i].Length).Append(header.Length).Max())
            .ToArray();
        if (!headed)
            WriteLine(output, columns, headers, widths);
        foreach (var line in cells)
            WriteLine(output, columns, line, widths);
    }

    /// <summary>Writes names and values, one a line.</summary>
    public static void WriteFacts(TextWriter output, IReadOnlyList<(string Name, string? Value)> facts)
    {
        var width = facts.Max(fact => fact.Name.Length);
        foreach (var (name, value) in facts)
            output.WriteLine($"{name.PadRight(width)}{Gap}{Shown(value)}");
    }

    private static void WriteLine(
        TextWriter output,
        IReadOnlyList<Column> columns,
        string[] cells,
        int[] widths
    )
    {
        var padded = cells.Select(
            (cell, i) =>
                columns[i].Right ? cell.PadLeft(widths[i])
                : i == cells.Length - 1 ? cell
                : cell.PadRight(widths[i])
        );
        output.WriteLine(string.Join(Gap, padded));
    }

    private static string Shown(string? text) => Printable.Of(text) is { Length: > 0 } shown ? shown : "-";
}
