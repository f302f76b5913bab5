using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;
using CallServer.Server.Net;

namespace CallServer.Bench.Start;

/// <summary>
/// Reads the record of a large fleet's server and compares it with the truth. First it polls what costs the server
/// little; then it reads everything once.
/// </summary>
internal sealed class FleetReader(ServerUnderTest server, CarriedFleet fleet, SystemClock clock)
{
    // After this time the gateways have written what happened until now: see CarryCommand.
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(300);

    /// <summary>The present in microseconds since 1970.</summary>
    public long Now => (clock.Now.Steady + clock.Correction).Micros;

    /// <summary>
    /// Waits until every gateway has answered since the server started, and returns that moment. An answer that is
    /// not proven complete counts too: the comparison with the truth shows what it lacks.
    /// </summary>
    public async Task<long> AllHeardAsync(CancellationToken cancel)
    {
        await server.UntilAsync(
            "answered by every gateway",
            async () =>
            {
                var gateways = (await server.StatusAsync(cancel)).Member("gateways");
                return gateways.Number("complete") + gateways.Number("partial") >= fleet.Uris.Count;
            },
            cancel
        );
        return Now;
    }

    /// <summary>Waits until the store holds an audit of every gateway, and returns that moment.</summary>
    public async Task<long> AllSavedAsync(CancellationToken cancel)
    {
        await server.UntilAsync(
            "saved",
            async () =>
                (await AuditsAsync(cancel)).Select(audit => audit.Gateway).Distinct().Count()
                >= fleet.Uris.Count,
            cancel
        );
        return Now;
    }

    /// <summary>The audits in the store: what they learnt is in the record, and their CDRs are written.</summary>
    public async Task<IReadOnlyList<AuditTime>> AuditsAsync(CancellationToken cancel) =>
        [
            .. (await server.Client.AllAsync("audits", null, cancel))
                .Items.Select(AuditTime.Of)
                .OfType<AuditTime>(),
        ];

    /// <summary>The record now; with CDRs and audits if <paramref name="whole"/> is true.</summary>
    public async Task<DemoRecord> ReadAsync(bool whole, CancellationToken cancel)
    {
        // Read before the record itself, so that everything these audits learnt is in it.
        var audits = whole ? await AuditsAsync(cancel) : [];
        var from = Now;
        var connections = await server.Client.AllAsync("connections", null, cancel);
        var to = Now;
        var cdrs = whole ? (await server.Client.AllAsync("cdrs", null, cancel)).Items : [];
        return new DemoRecord(connections.Items, cdrs, [], audits, from, to);
    }

    /// <summary>What truly happened until now.</summary>
    public async Task<IReadOnlyList<TrueConnection>> TruthAsync(CancellationToken cancel)
    {
        await Task.Delay(Glance, cancel);
        return await fleet.TruthAsync(among: null, cancel);
    }
}
