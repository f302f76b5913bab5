using System.Text.Json;
using CallServer.Server;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CallServer.Host.Cli.Output;

/// <summary>A list for a terminal: as many columns as fit, never a wrapped line.</summary>
public static class ScreenTable
{
    private const int Gap = 2;

    /// <summary>
    /// A table no wider than the terminal; <paramref name="hidden"/> gets the headers of columns that did not fit.
    /// </summary>
    public static IRenderable Of(
        IReadOnlyList<Column> columns,
        IReadOnlyList<JsonElement> rows,
        int width,
        out IReadOnlyList<string> hidden
    )
    {
        var all = columns.Select(column => new Measured(column, rows)).ToList();
        // A column that is empty in every row is not shown.
        var shown = all.Where(column => column.Told || column.Column.Rank == 0).ToList();
        var left = new List<string>();
        while (shown.Count > 1 && Together(shown) > width)
        {
            var leaving = shown.MaxBy(column => column.Column.Rank)!;
            if (leaving.Column.Rank == 0)
                break;
            leaving = shown.Last(column => column.Column.Rank == leaving.Column.Rank);
            shown.Remove(leaving);
            left.Add(leaving.Column.Header);
        }
        hidden = left;
        Widen(shown, width);
        return new Grid(shown, rows);
    }

    private static int Together(List<Measured> columns) =>
        columns.Sum(column => column.Least) + Gap * (columns.Count - 1);

    /// <summary>Gives the remaining room to the columns that are cut, from the left.</summary>
    private static void Widen(List<Measured> columns, int width)
    {
        var room = width - Together(columns);
        foreach (var column in columns)
        {
            var more = Math.Clamp(column.Natural - column.Least, 0, Math.Max(room, 0));
            column.Width = column.Least + more;
            room -= more;
        }
    }

    private sealed class Measured
    {
        private readonly string[] cells;

        public Measured(Column column, IReadOnlyList<JsonElement> rows)
        {
            Column = column;
            cells = rows.Select(row => Printable.Of(column.Cell(row))).ToArray();
            Told = cells.Any(cell => cell.Length > 0 && cell != "-");
            Natural = cells.Append(column.Header).Max(Cells);
            Least =
                column.Least == 0 ? Natural : Math.Min(Natural, Math.Max(column.Least, Cells(column.Header)));
            Width = Natural;
        }

        public Column Column { get; }
        public bool Told { get; }
        public int Natural { get; }
        public int Least { get; }
        public int Width { get; set; }

        public string Cut(int row)
        {
            var cell = cells[row];
            if (Cells(cell) <= Width)
                return cell;
            var tail = Column.CutInside ? Last(cell, (Width - 1) / 2) : "";
            return First(cell, Width - 1 - Cells(tail)) + "…" + tail;
        }

        private static string First(string text, int width)
        {
            var end = Math.Min(text.Length, width);
            while (end > 0 && Cells(text[..end]) > width)
                end--;
            return text[..end];
        }

        private static string Last(string text, int width)
        {
            var begin = Math.Max(0, text.Length - width);
            while (begin < text.Length && Cells(text[begin..]) > width)
                begin++;
            return text[begin..];
        }
    }

    private static int Cells(string text) => new Segment(text).CellCount();

    /// <summary>Draws the cells as they are; Spectre's own table would measure and wrap them again.</summary>
    private sealed class Grid(IReadOnlyList<Measured> columns, IReadOnlyList<JsonElement> rows) : Renderable
    {
        private static readonly Style Bold = new(decoration: Decoration.Bold);
        private static readonly Style Faint = new(Color.Grey);

        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
        {
            foreach (var segment in Line(column => column.Column.Header, _ => Bold))
                yield return segment;
            var rule = columns.Sum(column => column.Width) + Gap * (columns.Count - 1);
            yield return new Segment(new string(options.Unicode ? '─' : '-', rule), Faint);
            yield return Segment.LineBreak;
            for (var i = 0; i < rows.Count; i++)
            {
                var row = i;
                foreach (
                    var segment in Line(column => column.Cut(row), column => column.Column.Style(rows[row]))
                )
                    yield return segment;
            }
        }

        private IEnumerable<Segment> Line(Func<Measured, string> text, Func<Measured, Style?> style)
        {
            for (var i = 0; i < columns.Count; i++)
            {
                var column = columns[i];
                var cell = text(column);
                var blank = new string(' ', column.Width - Cells(cell));
                var last = i == columns.Count - 1;
                if (column.Column.Right)
                    yield return new Segment(blank);
                yield return new Segment(cell, style(column) ?? Style.Plain);
                if (!column.Column.Right && !last)
                    yield return new Segment(blank);
                if (!last)
                    yield return new Segment(new string(' ', Gap));
            }
            yield return Segment.LineBreak;
        }
    }
}
