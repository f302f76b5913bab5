using System.Globalization;
using System.Text.Json;
using CallServer.Host.Cli.Server;

namespace CallServer.Host.Cli.Demo;

/// <summary>What the demonstration says about calls, taken from the server's list.</summary>
public static class DemoCalls
{
    /// <summary>How many calls there are, and how many of them several gateways report.</summary>
    public static string Summary(IReadOnlyList<JsonElement> calls)
    {
        ArgumentNullException.ThrowIfNull(calls);
        var findings = calls.Sum(call => call.Member("findings").GetArrayLength());
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{calls.Count} calls, {calls.Count(call => Sources(call).Length > 1)} of them across two gateways; {findings} findings"
        );
    }

    /// <summary>One example call for each pair of gateways that share calls.</summary>
    public static IEnumerable<string> Examples(IReadOnlyList<JsonElement> calls)
    {
        ArgumentNullException.ThrowIfNull(calls);
        return calls
            .Where(call => Sources(call).Length > 1)
            .GroupBy(call => string.Join(" and ", Sources(call)))
            .OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .SelectMany(pair => Lines(pair.Key, pair.First()));
    }

    private static IEnumerable<string> Lines(string sources, JsonElement call)
    {
        yield return $"{sources}: call {call.Text("call")}";
        var start = Bounds.Of(call.Member("start"));
        yield return $"   started {start.At()} {start.Exactness()}, originator {call.Text("originator") ?? "not told"}";
        foreach (var connection in call.Member("connections").EnumerateArray())
            yield return $"   {connection.GetString()}";
    }

    private static string[] Sources(JsonElement call) =>
        [.. call.Member("sources").EnumerateArray().Select(source => source.GetString()!)];
}
