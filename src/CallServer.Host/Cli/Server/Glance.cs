using System.Globalization;
using System.Text.Json;
using CallServer.Model;

namespace CallServer.Host.Cli.Server;

/// <summary>A running server as one look shows it.</summary>
/// <param name="Server">Its address.</param>
/// <param name="Status">Its status.</param>
/// <param name="Gateways">Its gateways.</param>
/// <param name="Findings">The calls whose sources disagree.</param>
/// <param name="CdrsAMinute">How many connections ended within the last minute.</param>
/// <param name="Recovery">The last takeover's report; null if there was none.</param>
internal sealed record GlanceView(
    Uri Server,
    JsonElement Status,
    ListPage Gateways,
    IReadOnlyList<JsonElement> Findings,
    int CdrsAMinute,
    JsonElement? Recovery
)
{
    /// <summary>The facts, for a pipe.</summary>
    public IReadOnlyList<(string Name, string? Value)> Facts() =>
        [
            .. ServerView.StatusFacts(Status),
            ("findings", FoundText()),
            ("cdrs in the last minute", CdrsAMinute.ToString(CultureInfo.InvariantCulture)),
            ("last recovery", RecoveryText()),
        ];

    /// <summary>How many findings there are of each kind.</summary>
    public string FoundText()
    {
        var kinds = Findings
            .SelectMany(call => call.Items("findings"))
            .Select(finding => finding.Text("kind"))
            .OfType<string>()
            .CountBy(kind => kind)
            .OrderByDescending(kind => kind.Value)
            .Select(kind => string.Create(CultureInfo.InvariantCulture, $"{kind.Value} {kind.Key}"))
            .ToList();
        return kinds.Count == 0 ? "none" : string.Join(", ", kinds);
    }

    /// <summary>What the last takeover brought back.</summary>
    public string RecoveryText()
    {
        if (Recovery is not { } report)
            return "never taken over";
        var connections = report.Member("connections");
        var seconds = report.Number("recoverySeconds") ?? 0;
        var state =
            report.Flag("whole") == true
                ? string.Create(CultureInfo.InvariantCulture, $"in {seconds:0.0} s")
                : $"{report.Member("gateways").Text("waiting")} gateways are still waited for";
        return $"{report.Text("decided")} by {report.Text("server")} ({report.Text("cause")}): "
            + $"{connections.Text("recovered")} recovered, {connections.Text("confirmed")} confirmed, "
            + $"{connections.Text("ended")} ended, {connections.Text("unknown")} unknown, {state}";
    }
}

/// <summary>Looks at a running server. What is costly to list is listed at every fifth look only.</summary>
internal sealed class Glance(ServerClient client, Uri server)
{
    private const int Seldom = 5;
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private int looks;
    private (IReadOnlyList<JsonElement> Findings, int Cdrs, JsonElement? Recovery) seldom = ([], 0, null);

    public async Task<GlanceView> LookAsync(CancellationToken cancel)
    {
        var status = client.GetAsync("v1/status", cancel);
        var gateways = await client.AllAsync("gateways", null, cancel);
        if (looks++ % Seldom == 0)
        {
            var findings = await client.AllAsync("calls?findings=true", null, cancel);
            var recovery = (await client.GetAsync("v1/recoveries?limit=1", cancel)).Items("items").ToList();
            seldom = (
                findings.Items,
                await CdrsAsync(gateways.AsOf, cancel),
                recovery is [var last, ..] ? last : null
            );
        }

        return new GlanceView(server, await status, gateways, seldom.Findings, seldom.Cdrs, seldom.Recovery);
    }

    /// <summary>By the server's own clock.</summary>
    private async Task<int> CdrsAsync(string? asOf, CancellationToken cancel)
    {
        if (
            !DateTimeOffset.TryParse(
                asOf,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
                out var now
            )
        )
            return 0;
        var since = InstantModule.ofDateTime(now - Minute).ToString();
        var count = 0;
        await foreach (
            var page in client.PagesAsync($"cdrs?since={Uri.EscapeDataString(since)}", null, null, cancel)
        )
            count += page.Items.Count;
        return count;
    }
}
