using System.Globalization;
using CallServer.Surface;
using nietras.SeparatedValues;

namespace CallServer.Host.Cli.Disputes;

/// <summary>Reads a partner's CSV, row by row.</summary>
internal sealed class PartnerFile(string path, string? map, PartnerTime time)
{
    private readonly HashSet<string> numbers = new(StringComparer.Ordinal);

    /// <summary>Adds every row to the book; one that cannot be read is added with what is wrong.</summary>
    /// <returns>Which column was taken for what.</returns>
    /// <exception cref="FormatException">The file as a whole cannot be read.</exception>
    public string ReadInto(DisputeBook book, CancellationToken cancel)
    {
        var first = FirstLine();
        var columns = PartnerColumns.Of(first, map);
        using var reader = Open();
        var number = 0;
        var isHeader = columns.HasHeader;
        foreach (var row in reader)
        {
            cancel.ThrowIfCancellationRequested();
            if (isHeader)
            {
                isHeader = false;
                continue;
            }
            if (row.ColCount == 1 && row[0].Span.IsWhiteSpace())
                continue;
            number++;
            try
            {
                Add(book, number, row, columns);
            }
            catch (FormatException mistake)
            {
                book.AddUnreadable(number, mistake.Message);
            }
        }
        return columns.Told(first);
    }

    private void Add(DisputeBook book, int number, SepReader.Row row, PartnerColumns columns) =>
        book.AddClaim(
            number,
            time.Read(Cell(row, columns.Of(PartnerRole.Answer))),
            time.Read(Cell(row, columns.Of(PartnerRole.Start))),
            time.Read(Cell(row, columns.Of(PartnerRole.End))),
            Seconds(Cell(row, columns.Of(PartnerRole.Billsec))),
            Seconds(Cell(row, columns.Of(PartnerRole.Duration))),
            Number(Cell(row, columns.Of(PartnerRole.Src))),
            Number(Cell(row, columns.Of(PartnerRole.Dst))),
            Text(Cell(row, columns.Of(PartnerRole.Call)))
        );

    private static ReadOnlySpan<char> Cell(SepReader.Row row, int column) =>
        column >= 0 && column < row.ColCount ? row[column].Span.Trim() : default;

    /// <summary>The same numbers come again and again, and are kept once.</summary>
    private string? Number(ReadOnlySpan<char> cell)
    {
        if (cell.IsEmpty)
            return null;
        var known = numbers.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!known.TryGetValue(cell, out var number))
            numbers.Add(number = cell.ToString());
        return number;
    }

    private static string? Text(ReadOnlySpan<char> cell) => cell.IsEmpty ? null : cell.ToString();

    /// <summary>Seconds, whole or not, or <c>H:MM:SS</c>.</summary>
    private static TimeSpan? Seconds(ReadOnlySpan<char> cell)
    {
        if (cell.IsEmpty || cell is "NULL" or "null" or "-")
            return null;
        if (
            decimal.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds)
            && Math.Abs(seconds) < 1_000_000_000
        )
            return TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond));
        if (
            cell.Contains(':')
            && TimeSpan.TryParse(cell, CultureInfo.InvariantCulture, out var span)
            && span < TimeSpan.FromDays(10_000)
        )
            return span;
        throw new FormatException($"'{cell.ToString()}' is no number of seconds");
    }

    private SepReader Open() =>
        Sep.Reader(options =>
                options with
                {
                    HasHeader = false,
                    Unescape = true,
                    DisableColCountCheck = true,
                }
            )
            .FromFile(path);

    private List<string> FirstLine()
    {
        using var reader = Open();
        foreach (var row in reader)
        {
            var cells = new List<string>();
            for (var column = 0; column < row.ColCount; column++)
                cells.Add(row[column].ToString());
            return cells;
        }
        throw new FormatException("it is empty");
    }
}
