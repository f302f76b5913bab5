using System.Globalization;

namespace CallServer.Interop.Peers;

/// <summary>The lines of <c>table_agent</c> in snmpsim's format: <c>OID|TAG|VALUE</c>, sorted by OID.</summary>
internal static class Snmprec
{
    public static IEnumerable<string> Of(IEnumerable<string> lines, uint uptime) =>
        lines
            .Select(line => Record(line, uptime))
            // The one value that moves: it counts a hundred a second from snmpsim's start.
            .Append(
                (
                    Arcs: Arcs(SnmpGet.SysUpTime),
                    Text: $"{SnmpGet.SysUpTime}|67:numeric|rate=100,initial={uptime}"
                )
            )
            .OrderBy(record => record.Arcs, Order)
            .Select(record => record.Text);

    private static readonly Comparer<uint[]> Order = Comparer<uint[]>.Create(
        (a, b) => a.AsSpan().SequenceCompareTo(b)
    );

    private static (uint[] Arcs, string Text) Record(string line, uint uptime)
    {
        var parts = line.Split(' ', 3);
        var name = parts[0];
        if (name.IndexOf("{T:", StringComparison.Ordinal) is var from and >= 0)
        {
            var to = name.IndexOf('}', from);
            name = $"{name[..from]}{Ticks(name[(from + 3)..to], uptime)}{name[(to + 1)..]}";
        }

        var value = parts.Length > 2 ? parts[2] : "";
        var (tag, text) = parts[1] switch
        {
            "i" => ("2", value),
            "s" => ("4", value),
            "x" => ("4x", value),
            "c" => ("65", value),
            "u" => ("66", value),
            "t" => ("67", value),
            "T" => ("67", Ticks(value, uptime)),
            var type => throw new ArgumentException($"snmprec has no {type}: {line}"),
        };
        return (Arcs(name), $"{name}|{tag}|{text}");
    }

    private static string Ticks(string age, uint uptime) =>
        unchecked((uint)(uptime - long.Parse(age, CultureInfo.InvariantCulture))).ToString(
            CultureInfo.InvariantCulture
        );

    private static uint[] Arcs(string name) =>
        [.. name.Split('.').Select(arc => uint.Parse(arc, CultureInfo.InvariantCulture))];
}
