using System.Text.Json;

namespace CallServer.Host.Cli.Demo;

/// <summary>One connection as its gateway knows it; times are microseconds since 1970.</summary>
/// <param name="Gateway">The gateway that carries it.</param>
/// <param name="Id">What an audit of that gateway calls it.</param>
/// <param name="Start">When it became active.</param>
/// <param name="End">When it ended; null while it lives.</param>
/// <param name="Call">The call id that its gateway knows, the same at both ends of a trunk.</param>
public sealed record TrueConnection(string Gateway, string Id, long Start, long? End, string? Call = null)
{
    /// <summary>Whether it was active the whole time between two moments.</summary>
    public bool ActiveThrough(long from, long to) => Start <= from && !(End < to);
}

/// <summary>What the gateways wrote to their <c>--truth</c> files.</summary>
public static class DemoTruth
{
    /// <summary>The connections of one gateway, from its lines.</summary>
    public static IReadOnlyList<TrueConnection> Read(string gateway, IEnumerable<string> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        var open = new Dictionary<string, TrueConnection>(StringComparer.Ordinal);
        var all = new List<TrueConnection>();
        foreach (var line in lines)
        {
            using var document = JsonDocument.Parse(line);
            var told = document.RootElement;
            var id = told.Text("id")!;
            var time = Bounds.Micros(told.Text("time"))!.Value;
            if (told.Text("event") == "open")
                open[id] = new TrueConnection(gateway, id, time, null, told.Text("call"));
            else if (open.Remove(id, out var ended))
                all.Add(ended with { End = time });
        }
        all.AddRange(open.Values);
        return all;
    }

    /// <summary>The complete lines of a file that its writer may still be appending to.</summary>
    public static async Task<IReadOnlyList<string>> LinesAsync(string file, CancellationToken cancel)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        var text = await reader.ReadToEndAsync(cancel);
        var end = text.LastIndexOf('\n');
        return text[..(end + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
