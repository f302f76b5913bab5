using System.Globalization;
using System.Text.Json;
using CallServer.Server;
using Spectre.Console;

namespace CallServer.Host.Cli.Server;

/// <summary>Shows a recovery report to people: what it brought back, then one line a gateway.</summary>
internal static class RecoveryPage
{
    private static readonly Style? Doubtful = new(Color.Yellow);

    private static readonly IReadOnlyList<Column> Gateways =
    [
        Column.Of("gateway", "gateway"),
        Column.Of("outcome", "outcome") with
        {
            Style = row => row.Text("outcome") == "complete" ? null : Doubtful,
        },
        new("after-s", row => Seconds(row.Number("answered"))) { Right = true },
        Count("recovered"),
        Count("confirmed"),
        Count("ended"),
        Count("unknown"),
        new("why", row => string.Join("; ", row.Items("reasons").Select(JsonText.AsText)))
        {
            Rank = 1,
            Least = 12,
        },
    ];

    public static void Write(Terminal terminal, JsonElement report)
    {
        foreach (var line in Lines(report))
            terminal.Out.WriteLine(Printable.Of(line));
        var rows = report.Items("byGateway").ToList();
        if (terminal.Screen is { } screen)
        {
            screen.Write(ScreenTable.Of(Gateways, rows, screen.Profile.Width, out _));
            screen.WriteLine();
        }
        else
        {
            PlainList.Write(terminal.Out, Gateways, rows);
        }
    }

    /// <summary>How many connections were heard.</summary>
    public static double Heard(JsonElement report)
    {
        var connections = report.Member("connections");
        return (connections.Number("recovered") ?? 0) + (connections.Number("confirmed") ?? 0);
    }

    /// <summary>How far a recovery has come, on one line.</summary>
    public static string Standing(JsonElement report)
    {
        var gateways = report.Member("gateways");
        var total = gateways.Number("total") ?? 0;
        var heard = Heard(report);
        var seconds = report.Number("recoverySeconds") ?? 0;
        var rate =
            seconds > 0
                ? string.Create(CultureInfo.InvariantCulture, $", {heard / seconds:N0} a second")
                : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{total - (gateways.Number("waiting") ?? 0)} of {total} gateways, {heard:N0} connections{rate}"
        );
    }

    /// <summary>The report's summary.</summary>
    public static IEnumerable<string> Lines(JsonElement report)
    {
        var gateways = report.Member("gateways");
        var connections = report.Member("connections");
        var starts = report.Member("starts");
        var risk = report.Member("atRisk");
        var isDry = report.Text("cause") == "dry-run";
        yield return isDry
            ? $"dry run on {report.Text("server")} at {report.Text("decided")}: what a takeover now would find"
            : $"takeover by {report.Text("server")} at {report.Text("decided")}, epoch {report.Number("epoch")}: {report.Text("cause")}";
        if (!isDry)
            yield return report.Number("detectionSeconds") is { } detection
                ? $"  detection     nobody acted for at most {Seconds(detection)} s before it"
                : "  detection     no server was heard to act before";
        yield return $"  recovery      {Seconds(report.Number("recoverySeconds"))} s{(report.Flag("whole") == true ? "" : " so far")}; half of the connections after {Seconds(report.Number("halfSeconds"))} s, 90 % after {Seconds(report.Number("ninetySeconds"))} s";
        yield return $"  gateways      {gateways.Number("total")}: {gateways.Number("complete")} complete, {gateways.Number("partial")} partial, {gateways.Number("silent")} silent, {gateways.Number("waiting")} waited for";
        yield return $"  connections   {connections.Number("recovered")} recovered, {connections.Number("confirmed")} confirmed, {connections.Number("ended")} ended, {connections.Number("unknown")} unknown";
        if (report.Member("unseen") is var unseen && unseen.Number("gateways") is > 0 and var counting)
            yield return $"  unseen        {Range(unseen)} calls began and ended unseen, by the totals of {counting} {(counting == 1 ? "gateway" : "gateways")}";
        yield return $"  starts        {(starts.Number("medianSeconds") is { } median ? $"known to {Width(median)}, at worst {Width(starts.Number("worstSeconds") ?? 0)}" : "none has two bounds")}; {starts.Number("unbounded")} without a lower bound";
        yield return $"  at risk       {Seconds(report.Number("secondsAtRisk"))} s of billable time: {Seconds(risk.Number("active"))} s of active, {Seconds(risk.Number("ended"))} s of ended, {Seconds(risk.Number("unknown"))} s of unknown connections";
    }

    private static Column Count(string name) => Column.Of(name, name) with { Right = true };

    private static string? Seconds(double? seconds) => seconds?.ToString("0.0", CultureInfo.InvariantCulture);

    /// <summary>The full width of the bounds.</summary>
    private static string Width(double seconds) =>
        seconds < 1
            ? string.Create(CultureInfo.InvariantCulture, $"{seconds * 1000:0} ms")
            : string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s");

    private static string Range(JsonElement range) =>
        range.Number("least") == range.Number("most")
            ? $"{range.Number("most")}"
            : $"{range.Number("least")} to {range.Number("most")}";
}
