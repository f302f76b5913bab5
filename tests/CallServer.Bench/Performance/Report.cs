namespace CallServer.Bench.Performance;

/// <summary>How rows are shown, in a terminal and in docs/performance.md.</summary>
internal static class Report
{
    private const string Begin = "<!-- measured by";
    private const string End = "<!-- end of what was measured -->";

    /// <summary>One row for a terminal.</summary>
    public static string Line(Row row) =>
        $"  {row.What}: {row.Ours}"
        + (row.Beside is null ? "" : $"; {row.Beside}{(row.Rival is null ? "" : $": {row.Rival}")}")
        + (row.Ratio is { } ratio ? $"; {Times(ratio)}" : "")
        + (row.Reach is null ? "" : $"; to reach {Words(row)}: {Verdict(row)}")
        + (row.Note is null ? "" : $"; {row.Note}");

    /// <summary>
    /// The page with a new block in place of the one that it had: the machine, and the rows of these lines. Lines that
    /// were not measured keep the rows that they had. Throws FormatException if the page has no block.
    /// </summary>
    /// <param name="page">The text of the page.</param>
    /// <param name="command">The command that measured.</param>
    /// <param name="machine">The machine that it ran on.</param>
    /// <param name="lines">All lines, with null for what was not measured.</param>
    public static string Replace(
        string page,
        string command,
        string machine,
        IEnumerable<(ILine Line, Measured? Measured)> lines
    )
    {
        var from = page.IndexOf(Begin, StringComparison.Ordinal);
        var to = page.IndexOf(End, StringComparison.Ordinal);
        if (from < 0 || to < from)
            throw new FormatException($"the page has no lines `{Begin} … -->` and `{End}`");
        var before = page[from..to].Split('\n');
        string[] block =
        [
            $"{Begin} {command} -->",
            machine,
            "",
            "| line | what | CallServer | beside it | ratio | to reach | reached | remarks |",
            "|---|---|---|---|---|---|---|---|",
            .. lines.SelectMany(each =>
                each.Measured?.Rows.Select(row => Cells(each.Line, row))
                ?? before.Where(row => row.StartsWith(First(each.Line), StringComparison.Ordinal))
            ),
        ];
        return $"{page[..from]}{string.Join('\n', block)}\n{page[to..]}";
    }

    private static string First(ILine line) => $"| `{line.Name}` |";

    private static string Cells(ILine line, Row row)
    {
        var beside = string.Join(": ", new[] { row.Beside, row.Rival?.ToString() }.OfType<string>());
        var ratio = row.Ratio is { } times ? Times(times) : "";
        return $"{First(line)} {row.What} | {row.Ours} | {beside} | {ratio} | {Words(row)} | {Verdict(row)} | {row.Note} |";
    }

    private static string Words(Row row) =>
        string.Join(
            ", ",
            new[]
            {
                row.Reach?.AtMost is { } most ? $"at most {Samples.Show(most, row.Ours.Unit)}" : null,
                row.Reach?.Ratio is { } ratio ? Times(ratio) : null,
            }.OfType<string>()
        );

    private static string Times(double ratio) => Samples.Show(ratio, "×");

    private static string Verdict(Row row) =>
        row.Reached switch
        {
            true => "yes",
            false => "**no**",
            null => row.Reach is null ? "" : "not measured",
        };
}
