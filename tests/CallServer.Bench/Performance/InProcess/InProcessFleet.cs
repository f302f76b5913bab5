using CallServer.Surface;

namespace CallServer.Bench.Performance.InProcess;

/// <summary>First audits of many gateways in this process.</summary>
internal static class InProcessFleet
{
    /// <summary>The record of each after its first audit.</summary>
    public static List<GatewayRecord> Records(int gateways, int connections) =>
        Of(
            gateways,
            id =>
            {
                var empty = GatewayRecord.Empty(id);
                var result = new InProcessGateway(id, connections).Audit().Result;
                return empty.After(empty.Apply(result, Stamps.Bench));
            }
        );

    /// <summary>The first and the second audit of each, between which nothing happens.</summary>
    public static List<((RecordStep, AuditResult) First, (RecordStep, AuditResult) Second)> LookTwice(
        int gateways,
        int connections
    ) =>
        Of(
            gateways,
            id =>
            {
                var gateway = new InProcessGateway(id, connections);
                var first = gateway.Audit().Result;
                var empty = GatewayRecord.Empty(id);
                var opened = empty.Apply(first, Stamps.Bench);
                var record = empty.After(opened);
                gateway.Pass(TimeSpan.FromSeconds(10));
                var second = gateway.Audit(record.Known).Result;
                return ((opened, first), (record.Apply(second, Stamps.Bench), second));
            }
        );

    private static List<T> Of<T>(int gateways, Func<string, T> make) =>
        [.. Enumerable.Range(0, gateways).AsParallel().AsOrdered().Select(number => make($"gw{number:000}"))];
}
