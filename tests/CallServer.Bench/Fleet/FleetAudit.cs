using System.Text.Json;
using CallServer.Host.Cli.Output;

namespace CallServer.Bench.Fleet;

/// <summary>An audit as the server lists it; times are microseconds since 1970.</summary>
internal sealed record FleetAudit(
    string Gateway,
    long Asked,
    long Answered,
    bool Complete,
    int Requests,
    string Reasons
)
{
    public double Seconds => (Answered - Asked) / 1e6;

    public static FleetAudit Of(JsonElement audit) =>
        new(
            audit.Text("gateway")!,
            Bounds.Micros(audit.Text("asked"))!.Value,
            Bounds.Micros(audit.Text("answered"))!.Value,
            audit.Flag("complete") == true,
            (int)audit.Number("requests")!.Value,
            audit.Text("reasons") ?? ""
        );
}
