using System.Globalization;
using System.Text.Json;
using CallServer.Surface;
using Spectre.Console;

namespace CallServer.Host.Cli.Disputes;

/// <summary>Shows verdicts to people: sums, then the first rows that are disproved.</summary>
internal static class DisputePage
{
    private const int Shown = 20;
    private static readonly Style Good = new(Color.Green);
    private static readonly Style Bad = new(Color.Red);
    private static readonly Style Doubtful = new(Color.Yellow);

    public static void Write(Terminal terminal, DisputeVerdicts verdicts, string? currency)
    {
        Table(terminal, Totals(currency), [.. verdicts.Totals.Select(Element)]);
        var disproved = verdicts.Totals.Where(total => total.Verdict == "disproved").Sum(total => total.Rows);
        if (disproved == 0)
            return;
        terminal.Out.WriteLine();
        terminal.Out.WriteLine(
            disproved > Shown
                ? $"The first {Shown} of {disproved} rows that are disproved; --json, --csv and --html have all of them:"
                : "The rows that are disproved:"
        );
        Table(
            terminal,
            Rows(currency is not null),
            [.. verdicts.Rows.Where(row => row.Verdict == "disproved").Take(Shown).Select(Element)]
        );
    }

    /// <summary>An amount as it is, with two decimals at least.</summary>
    public static string Amount(decimal amount) => amount.ToString("0.00####", CultureInfo.InvariantCulture);

    public static string Minutes(decimal seconds) =>
        (seconds / 60).ToString("0.0", CultureInfo.InvariantCulture);

    private static JsonElement Element<T>(T value) =>
        JsonSerializer.SerializeToElement(value, JsonText.Options);

    private static void Table(
        Terminal terminal,
        IReadOnlyList<Column> columns,
        IReadOnlyList<JsonElement> rows
    )
    {
        if (terminal.Screen is { } screen)
        {
            screen.Write(ScreenTable.Of(columns, rows, screen.Profile.Width, out _));
            screen.WriteLine();
        }
        else
            PlainList.Write(terminal.Out, columns, rows);
    }

    private static List<Column> Totals(string? currency)
    {
        var columns = new List<Column>
        {
            Column.Of("verdict", "verdict") with
            {
                Style = Standing,
            },
            Column.Of("reason", "reason"),
            Column.Of("rows", "rows") with
            {
                Right = true,
            },
            new("minutes", row => Minutes(row.Member("seconds").GetDecimal())) { Right = true },
        };
        if (currency is not null)
        {
            columns.Add(Money($"claimed {currency}".TrimEnd(), "claimed"));
            columns.Add(Money($"disproved {currency}".TrimEnd(), "disproved"));
        }
        return columns;
    }

    private static List<Column> Rows(bool isPriced)
    {
        var columns = new List<Column>
        {
            Column.Of("row", "row") with
            {
                Right = true,
            },
            new("start", row => row.Text("start")?[..19]),
            Column.Of("caller", "caller") with
            {
                Rank = 1,
            },
            Column.Of("called", "called") with
            {
                Rank = 1,
            },
            new("seconds", row => row.Member("seconds").Text("claimed")) { Right = true },
            new("ours", row => Ours(row.Member("seconds"))) { Right = true },
        };
        if (isPriced)
            columns.Add(Money("disproved", "disproved"));
        columns.Add(Column.Of("reason", "reason"));
        columns.Add(Column.Of("why", "why") with { Rank = 2, Least = 20 });
        return columns;
    }

    /// <summary>The bounds of our connection.</summary>
    public static string? Ours(JsonElement seconds) =>
        seconds.Text("min") is { } least ? $"{least}..{seconds.Text("max")}" : null;

    private static Column Money(string header, string member) =>
        new(
            header,
            row =>
                row.Member("money").ValueKind == JsonValueKind.Object
                    ? Amount(row.Member("money").Member(member).GetDecimal())
                    : null
        )
        {
            Right = true,
        };

    private static Style? Standing(JsonElement row) =>
        row.Text("verdict") switch
        {
            "proved" => Good,
            "disproved" => Bad,
            _ => Doubtful,
        };
}
