using System.Text.Json;
using CallServer.Host.Cli.Server;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Disputes;

/// <summary>
/// Reads what a server knows of the time of a partner's rows. The order matters: audits, then what is active, then CDRs. What an
/// audit listed is then among what is active or among the CDRs, whatever ends meanwhile.
/// </summary>
internal sealed class OurRecord(ServerClient client)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private const int Patience = 100;

    /// <summary>Times of a wrong zone are at most this far off; their calls must be found in order to notice.</summary>
    private static readonly TimeSpan WrongZone = TimeSpan.FromHours(26);

    /// <summary>The gateways that may have carried the partner's calls: these, or all that the server knows.</summary>
    public async Task<IReadOnlyList<string>> GatewaysAsync(
        IReadOnlyList<string> wanted,
        CancellationToken cancel
    )
    {
        var known = (await client.AllAsync("gateways", null, cancel))
            .Items.Select(gateway => gateway.Text("gateway"))
            .OfType<string>()
            .ToList();
        var strange = wanted.Except(known, StringComparer.Ordinal).ToList();
        return strange.Count > 0
                ? throw new CommandFailedException(
                    ExitCode.Usage,
                    $"callserver: --gateway: the server knows no gateway {string.Join(", ", strange)}; it has {string.Join(", ", known)}"
                )
            : wanted.Count > 0 ? wanted
            : known;
    }

    public async Task ReadIntoAsync(
        DisputeBook book,
        IReadOnlyList<string> gateways,
        DateTimeOffset since,
        CancellationToken cancel
    )
    {
        foreach (var gateway in gateways)
            await AuditsAsync(book, gateway, since, cancel);
        await foreach (var page in client.PagesAsync("connections", null, null, cancel))
        {
            foreach (var connection in page.Items)
                book.AddConnection(connection);
        }
        await WrittenAsync(cancel);
        await KeptAsync(book, cancel);
        var from = Uri.EscapeDataString(
            (since - WrongZone).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss'Z'", null)
        );
        await foreach (var cdr in client.LinesAsync($"v1/cdrs?format=ndjson&since={from}", cancel))
            using (cdr)
                book.AddCdr(cdr.RootElement);
    }

    /// <summary>The newest come first: enough is read when they are older than the first row.</summary>
    private async Task AuditsAsync(
        DisputeBook book,
        string gateway,
        DateTimeOffset since,
        CancellationToken cancel
    )
    {
        await foreach (var page in client.PagesAsync("audits", gateway, null, cancel))
        {
            foreach (var audit in page.Items)
                book.AddAudit(audit);
            var last = page.Items.Count > 0 ? page.Items[^1].Text("asked") : null;
            if (last is not null && DateTimeOffset.Parse(last, null) < since)
                return;
        }
    }

    /// <summary>Waits until every connection that ended has its CDR in the store.</summary>
    private async Task WrittenAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Pause);
        for (var round = 0; round < Patience; round++)
        {
            var store = (await client.GetAsync("readyz", cancel)).Member("store");
            if (store.Number("pendingCdrs") is null or 0)
                return;
            await timer.WaitForNextTickAsync(cancel);
        }
        throw new CommandFailedException(
            ExitCode.Unavailable,
            "callserver: the server cannot write CDRs now (callserver status says why), so that calls would be missing here"
        );
    }

    /// <summary>Tells the book how far back nothing was forgotten.</summary>
    private async Task KeptAsync(DisputeBook book, CancellationToken cancel)
    {
        var server = await client.GetAsync("v1/server", cancel);
        var page = await FirstWrittenAsync(cancel);
        if (
            Durations.TryParse(server.Member("limits").Text("cdrsKeptFor"), out var age)
            && DateTimeOffset.TryParse(page.AsOf, out var now)
        )
            book.WatchedFrom(now - age);
        // If one page holds all, none was one too many. If not, some may have been: whatever ended after those that are the
        // oldest now was written after them.
        if (page.Next is null)
            return;
        foreach (var cdr in page.Items)
        {
            if (DateTimeOffset.TryParse(cdr.Text("end_stamp_max"), out var end))
                book.WatchedFrom(end);
        }
    }

    private async Task<ListPage> FirstWrittenAsync(CancellationToken cancel)
    {
        await foreach (var page in client.PagesAsync("cdrs?sort=written", null, null, cancel))
        {
            if (page.Items.Count > 0 || page.Next is null)
                return page;
        }
        throw new InvalidOperationException("a list has at least one page");
    }
}
