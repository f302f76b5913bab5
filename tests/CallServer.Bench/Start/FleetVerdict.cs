using System.Text.Json;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;

namespace CallServer.Bench.Start;

/// <summary>
/// Whether a record holds everything that was alive from one moment to another: after a takeover, from the kill until
/// the record was read.
/// </summary>
/// <param name="Alive">Connections that were alive, according to the gateways.</param>
/// <param name="Missed">Alive, but not in the record.</param>
/// <param name="Unconfirmed">Alive and recorded, but not heard since.</param>
/// <param name="Wrong">In the record, though no gateway carried them at any time since the first moment.</param>
/// <param name="Outside">True starts outside the bounds that the record gives.</param>
/// <param name="WidestMs">The widest bounds of a start that has both, in milliseconds.</param>
/// <param name="Faults">Each fault in words.</param>
internal sealed record FleetVerdict(
    int Alive,
    int Missed,
    int Unconfirmed,
    int Wrong,
    int Outside,
    double WidestMs,
    IReadOnlyList<string> Faults
)
{
    public bool NothingLost => Faults.Count == 0;

    /// <summary>Compares a record with the truth.</summary>
    /// <param name="truth">The connections of all gateways.</param>
    /// <param name="record">Only its connections, and when they were read, are used.</param>
    /// <param name="since">Only what lived after this moment counts.</param>
    public static FleetVerdict Of(IReadOnlyList<TrueConnection> truth, DemoRecord record, long since)
    {
        var rows = new Dictionary<(string, string), JsonElement>();
        var faults = new List<string>();
        foreach (var row in record.Connections)
            rows[(row.Text("gateway") ?? "", row.Text("id") ?? "")] = row;

        var (alive, missed, unconfirmed, outside, widest) = (0, 0, 0, 0, 0L);
        var living = new HashSet<(string, string)>();
        foreach (var connection in truth)
        {
            var key = (connection.Gateway, connection.Id);
            if (connection.Start <= record.To && !(connection.End < since))
                living.Add(key);
            if (!connection.ActiveThrough(since, record.To))
                continue;
            alive++;
            if (!rows.TryGetValue(key, out var row))
            {
                missed++;
                faults.Add($"{connection.Gateway} {connection.Id}: alive throughout, but not in the record");
                continue;
            }
            if (row.Text("status") != "confirmed")
            {
                unconfirmed++;
                faults.Add($"{connection.Gateway} {connection.Id}: alive throughout, but not confirmed");
            }
            var told = Bounds.Of(row.Member("start"));
            widest = Math.Max(widest, told.Latest - told.Earliest ?? 0);
            if (told.Earliest > connection.Start || told.Latest < connection.Start)
            {
                outside++;
                faults.Add(
                    $"{connection.Gateway} {connection.Id}: its true start is outside {told.At()} {told.Exactness()}"
                );
            }
        }
        var wrong = rows.Keys.Where(key => !living.Contains(key)).ToList();
        faults.AddRange(wrong.Select(key => $"{key.Item1} {key.Item2}: in the record, but not alive"));
        return new FleetVerdict(alive, missed, unconfirmed, wrong.Count, outside, widest / 1000.0, faults);
    }
}
