using System.Globalization;
using System.Text.Json;
using CallServer.Server.Recording.Cdrs;
using CallServer.Surface;

namespace CallServer.Host.Cli.Disputes;

/// <summary>Verdicts for programs: one line a row.</summary>
internal static class DisputeLines
{
    private const string Header =
        "row,verdict,reason,cdr,start,caller,called,seconds_claimed,seconds_min,seconds_max,money_claimed,money_disproved,why";

    public static async Task WriteJsonAsync(
        TextWriter output,
        DisputeVerdicts verdicts,
        CancellationToken cancel
    )
    {
        foreach (var row in verdicts.Rows)
        {
            cancel.ThrowIfCancellationRequested();
            await output.WriteLineAsync(JsonSerializer.Serialize(row, JsonText.Options));
        }
    }

    public static async Task WriteCsvAsync(
        TextWriter output,
        DisputeVerdicts verdicts,
        CancellationToken cancel
    )
    {
        await output.WriteLineAsync(Header);
        foreach (var row in verdicts.Rows)
        {
            cancel.ThrowIfCancellationRequested();
            await output.WriteLineAsync(Line(row));
        }
    }

    private static string Line(DisputeView row) =>
        string.Join(
            ',',
            Number(row.Row),
            row.Verdict,
            row.Reason,
            row.Cdr,
            row.Start,
            Text(row.Caller),
            Text(row.Called),
            Number(row.Seconds.Claimed),
            Number(row.Seconds.Min),
            Number(row.Seconds.Max),
            Number(row.Money?.Claimed),
            Number(row.Money?.Disproved),
            Text(row.Why)
        );

    private static string Text(string? text) => text is null ? "" : CdrCsv.Text(text);

    private static string? Number(IFormattable? number) =>
        number?.ToString(null, CultureInfo.InvariantCulture);
}
