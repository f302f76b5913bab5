using System.Text.Json;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Rtpengine;

/// <summary>
/// Compares a record with the calls of a real rtpengine; the counts are those of <see cref="RtpengineRun"/>.
/// </summary>
internal sealed record RecordCheck(int Missed, int Wrong, int Outside)
{
    private const long MicrosPerTick = TimeSpan.TicksPerMicrosecond;

    /// <param name="calls">All calls that it carries.</param>
    /// <param name="record">The objects of <c>connections --json</c>.</param>
    /// <param name="since">Every connection must have been heard after this, in microseconds since 1970.</param>
    public static RecordCheck Of(IReadOnlyList<NgCall> calls, IReadOnlyList<JsonElement> record, long since)
    {
        var byId = record.ToLookup(connection => connection.Text("id"));
        var ids = calls.SelectMany(call => call.Ids).ToHashSet();
        var missed = ids.Count(id => !byId[id].Any(connection => IsHeard(connection, since)));
        var wrong = record.Count(connection => !ids.Contains(connection.Text("id") ?? ""));
        var repeated = ids.Sum(id => Math.Max(0, byId[id].Count() - 1));
        var outside = calls.Sum(call =>
            call.Ids.Sum(id => byId[id].Count(connection => !Contains(connection, call.Created)))
        );
        return new RecordCheck(missed, wrong + repeated, outside);
    }

    private static bool IsHeard(JsonElement connection, long since) =>
        connection.Text("status") == "confirmed" && Bounds.Micros(connection.Text("lastHeard")) >= since;

    private static bool Contains(JsonElement connection, DateTimeOffset created)
    {
        var micros = (created - DateTimeOffset.UnixEpoch).Ticks / MicrosPerTick;
        var start = connection.Member("start");
        return Bounds.Micros(start.Text("earliest")) <= micros
            && micros <= Bounds.Micros(start.Text("latest"));
    }
}
