using CallServer.Host.Cli.Demo;

namespace CallServer.Bench.Hosts;

/// <summary>A record too large to be read whole: how much is in it, and some gateways of it compared with the truth.</summary>
/// <param name="Connections">Active connections in the record.</param>
/// <param name="Cdrs">CDRs in it.</param>
/// <param name="Gateways">How many gateways were compared.</param>
/// <param name="Verdict">What came of that.</param>
internal sealed record FleetSample(long Connections, long Cdrs, int Gateways, DemoVerdict Verdict)
{
    private const int MostGateways = 200;

    /// <param name="fleet">The hosts.</param>
    /// <param name="gateways">What they ask.</param>
    /// <param name="since">What has ended since this moment has a CDR.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<FleetSample> ReadAsync(
        HostFleet fleet,
        IFleetGateways gateways,
        long since,
        CancellationToken cancel
    )
    {
        var chosen = gateways
            .Uris.Keys.Order(StringComparer.Ordinal)
            // Two neighbours each may be the ends of the same calls.
            .Where((_, place) => place / 2 % Math.Max(1, gateways.Uris.Count / MostGateways) == 0)
            .ToList();
        var client = fleet.Hosts[0].Server.Client;
        var record = new DemoRecord([], [], [], [], fleet.Now, 0);
        foreach (var gateway in chosen)
        {
            var connections = await client.AllAsync("connections", gateway, cancel);
            var cdrs = await client.AllAsync("cdrs", gateway, cancel);
            var audits = await client.AllAsync("audits", gateway, cancel);
            record = record with
            {
                Connections = [.. record.Connections, .. connections.Items],
                Cdrs = [.. record.Cdrs, .. cdrs.Items],
                Audits = [.. record.Audits, .. audits.Items.Select(AuditTime.Of).OfType<AuditTime>()],
            };
        }
        // These are joined a moment later.
        foreach (var gateway in chosen)
        {
            var calls = await client.AllAsync("calls", gateway, cancel);
            record = record with { Calls = [.. record.Calls, .. calls.Items] };
        }
        record = record with { To = fleet.Now };
        var wanted = chosen.ToHashSet(StringComparer.Ordinal);
        var verdict = DemoVerdict.Of(
            await fleet.TruthAsync(wanted, cancel),
            record,
            since,
            record.From,
            new Dictionary<string, int>()
        );
        return new FleetSample(
            (long)(await fleet.Database.AskAsync("SELECT count(*) FROM connections"))!,
            (long)(await fleet.Database.AskAsync("SELECT count(*) FROM cdrs"))!,
            chosen.Count,
            verdict
        );
    }
}
