using CallServer.Server.Web;

namespace CallServer.Server.Measuring;

/// <summary>
/// Everything at <c>/metrics</c> that is read from the running server. Names have one prefix, base units, and no id
/// but the gateways' in a label. The exporter adds unit and <c>_total</c>: <c>callserver.memory</c> in <c>By</c> is
/// shown as <c>callserver_memory_bytes</c>.
/// </summary>
internal static class Instruments
{
    /// <summary>Adds all of them to the server's meter.</summary>
    public static void Observe(
        Measures measures,
        ServerRuntime runtime,
        RefusedTokens refused,
        CspReports reports
    )
    {
        var meter = measures.Meter;
        ObservedServer.Add(meter, runtime, refused, reports);
        ObservedAudits.Add(meter, runtime);
        ObservedGateways.Add(meter, runtime);
        ObservedRecord.Add(meter, runtime);
        ObservedStore.Add(meter, runtime);
        ObservedNetwork.Add(meter, runtime);
        if (runtime.Radius?.Sink is { } radius)
            ObservedRadius.Add(meter, radius);
        if (runtime.Push?.Sink is { } push)
            ObservedPush.Add(meter, push);
    }
}
