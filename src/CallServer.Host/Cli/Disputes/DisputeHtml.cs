using System.Globalization;
using System.Net;
using CallServer.Surface;

namespace CallServer.Host.Cli.Disputes;

/// <summary>
/// Verdicts as a page to send to the partner: sums, what the words mean, and the evidence for each row that is disproved. It is
/// one file, without scripts, and asks nobody for anything.
/// </summary>
internal static class DisputeHtml
{
    private const int Shown = 5000;

    private const string Head = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <style>
        body { font: 15px/1.45 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
        table { border-collapse: collapse; margin: 1rem 0; }
        th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8886; }
        td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
        .proved, .disproved, .possible, .unknown { font-weight: 600; }
        .proved { color: light-dark(#176b2c, #6fd08a); }
        .disproved { color: light-dark(#a1121f, #ff8a8f); }
        .evidence { overflow-x: auto; }
        dt { font-weight: 600; margin-top: .4rem; }
        @media print { body { margin: 0; max-width: none; font-size: 11px; } }
        </style>
        """;

    private static readonly (string Word, string Meaning)[] Meanings =
    [
        ("proved", "The claimed call lies inside the bounds of a connection that the gateways reported."),
        ("possible", "Nothing contradicts the claim, and nothing proves it."),
        (
            "disproved",
            "At moments when the call is said to have gone on, every gateway listed everything that it carried, and nothing in any list can be this call."
        ),
        (
            "unknown",
            "No connection explains the claim, and the gateways were not looked at often enough in that time."
        ),
    ];

    public static async Task WriteAsync(
        TextWriter output,
        string partner,
        string columns,
        DisputeVerdicts verdicts,
        string? currency,
        CancellationToken cancel
    )
    {
        var title = Text($"{partner}, judged by the record of CallServer");
        await output.WriteLineAsync(
            $"{Head}<title>{title}</title>\n</head>\n<body>\n<main>\n<h1>{title}</h1>"
        );
        await output.WriteLineAsync($"<p>Columns of the file: {Text(columns)}. Times are UTC.</p>");
        await WriteTotalsAsync(output, verdicts, currency);
        await output.WriteLineAsync("<h2>What the words mean</h2>\n<dl>");
        foreach (var (word, meaning) in Meanings)
            await output.WriteLineAsync($"<dt class=\"{word}\">{word}</dt><dd>{Text(meaning)}</dd>");
        await output.WriteLineAsync("</dl>");
        await WriteDisprovedAsync(output, verdicts, currency, cancel);
        await output.WriteLineAsync("</main>\n</body>\n</html>");
    }

    private static async Task WriteTotalsAsync(TextWriter output, DisputeVerdicts verdicts, string? currency)
    {
        await output.WriteLineAsync(
            $"<h2>Sums</h2>\n<table>\n<tr><th>verdict</th><th>reason</th><th class=\"n\">rows</th><th class=\"n\">minutes</th>{(currency is null ? "" : $"<th class=\"n\">claimed {Text(currency)}</th><th class=\"n\">disproved {Text(currency)}</th>")}</tr>"
        );
        foreach (var total in verdicts.Totals)
            await output.WriteLineAsync(
                $"<tr><td class=\"{total.Verdict}\">{total.Verdict}</td><td>{total.Reason}</td><td class=\"n\">{total.Rows}</td><td class=\"n\">{DisputePage.Minutes(total.Seconds)}</td>{Money(total.Money)}</tr>"
            );
        if (verdicts.Totals.Count > 0 && currency is not null)
            await output.WriteLineAsync(
                $"<tr><th colspan=\"4\">together</th><td class=\"n\">{DisputePage.Amount(verdicts.Totals.Sum(total => total.Money.Claimed))}</td><td class=\"n\">{DisputePage.Amount(verdicts.Totals.Sum(total => total.Money.Disproved))}</td></tr>"
            );
        await output.WriteLineAsync("</table>");
    }

    private static async Task WriteDisprovedAsync(
        TextWriter output,
        DisputeVerdicts verdicts,
        string? currency,
        CancellationToken cancel
    )
    {
        var count = verdicts.Totals.Where(total => total.Verdict == "disproved").Sum(total => total.Rows);
        await output.WriteLineAsync(
            count == 0 ? "<h2>No row is disproved</h2>"
            : count > Shown ? $"<h2>The first {Shown} of {count} rows that are disproved</h2>"
            : "<h2>Rows that are disproved</h2>"
        );
        if (count == 0)
            return;
        await output.WriteLineAsync(
            $"<div class=\"evidence\" tabindex=\"0\" role=\"region\" aria-label=\"Rows that are disproved\"><table>\n<tr><th class=\"n\">row</th><th>start</th><th>caller</th><th>called</th><th class=\"n\">seconds</th><th class=\"n\">ours</th>{(currency is null ? "" : "<th class=\"n\">claimed</th><th class=\"n\">disproved</th>")}<th>reason</th><th>evidence</th></tr>"
        );
        foreach (var row in verdicts.Rows.Where(row => row.Verdict == "disproved").Take(Shown))
        {
            cancel.ThrowIfCancellationRequested();
            await output.WriteLineAsync(
                $"<tr><td class=\"n\">{row.Row}</td><td>{Text(row.Start[..19].Replace('T', ' '))}</td><td>{Text(row.Caller)}</td><td>{Text(row.Called)}</td><td class=\"n\">{row.Seconds.Claimed.ToString("0.###", CultureInfo.InvariantCulture)}</td><td class=\"n\">{(row.Seconds.Min is { } least ? $"{least} to {row.Seconds.Max}" : "")}</td>{Money(row.Money)}<td>{row.Reason}</td><td>{Text(row.Why)}</td></tr>"
            );
        }
        await output.WriteLineAsync("</table></div>");
    }

    private static string Money(DisputeMoney? money) =>
        money is null
            ? ""
            : $"<td class=\"n\">{DisputePage.Amount(money.Claimed)}</td><td class=\"n\">{DisputePage.Amount(money.Disproved)}</td>";

    private static string Text(string? text) => WebUtility.HtmlEncode(CallServer.Server.Printable.Of(text));
}
