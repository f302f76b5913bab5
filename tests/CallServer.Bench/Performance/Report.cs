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

    /// <summary>The table of docs/performance.md.</summary>
    public static IEnumerable<string> Table(IEnumerable<(ILine Line, Measured Measured)> lines)
    {
        yield return "| line | what | CallServer | beside it | ratio | to reach | reached | remarks |";
        yield return "|---|---|---|---|---|---|---|---|";
        foreach (var (line, measured) in lines)
        {
            foreach (var row in measured.Rows)
                yield return $"| `{line.Name}` | {row.What} | {row.Ours} | {string.Join(": ", new[] { row.Beside, row.Rival?.ToString() }.OfType<string>())} | {(row.Ratio is { } ratio ? Times(ratio) : "")} | {Words(row)} | {Verdict(row)} | {row.Note} |";
        }
    }

    /// <summary>The page with this block in place of the one that it had; throws if it had none.</summary>
    /// <param name="page">The text of the page.</param>
    /// <param name="command">The command that measured.</param>
    /// <param name="block">The lines of the new block.</param>
    public static string Replace(string page, string command, IEnumerable<string> block)
    {
        var from = page.IndexOf(Begin, StringComparison.Ordinal);
        var to = page.IndexOf(End, StringComparison.Ordinal);
        if (from < 0 || to < from)
            throw new FormatException($"the page has no lines `{Begin} … -->` and `{End}`");
        return $"{page[..from]}{Begin} {command} -->\n{string.Join('\n', block)}\n{page[to..]}";
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
