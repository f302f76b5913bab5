using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace CallServer.Interop.Peers;

/// <summary>
/// A line of the generator's truth file: the truth about one call. Times are seconds before the agent's load.
/// </summary>
internal sealed record TrueCall(
    int Setup,
    int Index,
    string Guid,
    string ProtocolCallId,
    string Calling,
    string Called,
    string Codec,
    string Qos,
    string RemoteMedia,
    double AgeSeconds,
    double ConnectedSeconds
);

/// <summary>
/// Calls as a Cisco voice gateway shows them, made by <c>gen_cisco_voice.py</c>: the truth, and each call's rows for
/// <c>table_agent</c>.
/// </summary>
internal sealed partial class CiscoCalls
{
    private const string CallActive = "1.3.6.1.2.1.10.21.1.3.1.1";
    private const string CallHistory = "1.3.6.1.4.1.9.10.25.1.4.3.1";
    private const string Voice = "1.3.6.1.4.1.9.9.63.1";
    private const string Common = "1.3.6.1.4.1.9.10.55.1";
    private const string Volume = "1.3.6.1.4.1.9.9.63.1.3.8";
    private const string Agent = "1.3.6.1.4.1.8072.9999.9999";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>
    /// Columns of a call's active rows, and the matching ones of its row in cCallHistoryTable and the tables beside
    /// it.
    /// </summary>
    private static readonly (string Active, string Past)[] Alike =
    [
        ($"{CallActive}.3", $"{CallHistory}.3"),
        ($"{CallActive}.7", $"{CallHistory}.7"),
        ($"{CallActive}.8", $"{CallHistory}.10"),
        ($"{CallActive}.10", $"{CallHistory}.12"),
        ($"{CallActive}.13", $"{CallHistory}.15"),
        ($"{CallActive}.14", $"{CallHistory}.16"),
        ($"{CallActive}.15", $"{CallHistory}.17"),
        ($"{CallActive}.16", $"{CallHistory}.18"),
        ($"{Voice}.3.2.1.1", $"{Voice}.4.2.1.1"),
        ($"{Voice}.3.2.1.5", $"{Voice}.4.2.1.5"),
        ($"{Voice}.3.2.1.22", $"{Voice}.4.2.1.23"),
        ($"{Voice}.3.2.1.27", $"{Voice}.4.2.1.28"),
        ($"{Voice}.3.2.1.28", $"{Voice}.4.2.1.29"),
        ($"{Common}.1.1.1.1", $"{Common}.2.1.1.1"),
        ($"{Common}.1.1.1.3", $"{Common}.2.1.1.3"),
    ];

    private readonly Dictionary<string, List<string>> rows = [];
    private readonly List<string> history = [];

    private CiscoCalls(IReadOnlyList<TrueCall> truth) => Truth = truth;

    public IReadOnlyList<TrueCall> Truth { get; }

    /// <summary>
    /// Makes calls. Ages are centiseconds at the agent's load, lowest and highest; negative ones begin after the
    /// load. <paramref name="first"/> keeps apart calls that are made in several batches.
    /// </summary>
    public static async Task<CiscoCalls> MakeAsync(
        Scope scope,
        int count,
        int seed = 1,
        int first = 0,
        (int Low, int High)? ages = null
    )
    {
        var python = Programs.Find("python3");
        var folder = scope.NewFolder("calls");
        string table = Path.Combine(folder, "calls.txt"),
            truth = Path.Combine(folder, "truth.ndjson");
        var (low, high) = ages ?? (500, 720_000);
        int[] numbers = [count, seed, first, low, high];
        var texts = numbers.Select(number => number.ToString(CultureInfo.InvariantCulture)).ToArray();
        string[] arguments =
        [
            Programs.Script("snmp", "gen_cisco_voice.py"),
            .. (string[])[texts[0], "--seed", texts[1], "--first", texts[2], "--ages", texts[3], texts[4]],
            .. (string[])["--out", table, "--truth", truth],
        ];
        await scope.RunAsync(python, arguments);

        var calls = new CiscoCalls([
            .. (await File.ReadAllLinesAsync(truth)).Select(line =>
                JsonSerializer.Deserialize<TrueCall>(line, Json)!
            ),
        ]);
        foreach (var line in await File.ReadAllLinesAsync(table))
            if (Row().Match(line) is { Success: true } row)
                calls.RowsOf(row.Groups[1].Value).Add(line);
        return calls;
    }

    /// <summary>The subtrees that an agent of such a gateway serves.</summary>
    public static async Task<string> RootsAsync(Scope scope)
    {
        string[] arguments = [Programs.Script("snmp", "gen_cisco_voice.py"), "--roots"];
        return (await scope.RunAsync(Programs.Find("python3"), arguments)).Output.Trim();
    }

    /// <summary>These calls and more.</summary>
    public CiscoCalls With(CiscoCalls more)
    {
        var both = new CiscoCalls([.. Truth, .. more.Truth]);
        foreach (var (key, lines) in rows.Concat(more.rows))
            both.rows.Add(key, lines);
        return both;
    }

    /// <summary>These calls without the ended ones.</summary>
    public CiscoCalls Without(IEnumerable<TrueCall> ended)
    {
        var gone = ended.Select(Key).ToHashSet();
        var left = new CiscoCalls([.. Truth.Where(call => !gone.Contains(Key(call)))]);
        foreach (var (key, lines) in rows.Where(entry => !gone.Contains(entry.Key)))
            left.rows.Add(key, lines);
        return left;
    }

    /// <summary>
    /// These calls, some of which ended together and moved to the history, numbered from <paramref name="number"/>.
    /// </summary>
    /// <param name="sinceLoad">when they ended, in centiseconds after the agent's load</param>
    public CiscoCalls Ended(IReadOnlyList<TrueCall> ended, int sinceLoad, int number)
    {
        var left = Without(ended);
        left.history.AddRange(history);
        foreach (var call in ended)
            left.history.AddRange(HistoryOf(call, sinceLoad, number++));
        return left;
    }

    /// <summary>
    /// The lines that <c>table_agent</c> serves: the gateway's own counts, and the rows of every call.
    /// </summary>
    public IEnumerable<string> Lines(int version = 0) =>
        [
            .. Enumerable
                .Range(1, 7)
                .Select(kind => $"{Volume}.1.1.2.{kind} u {(kind == 2 ? Truth.Count : 0)}"),
            $"{Volume}.2.0 u {Truth.Count}",
            $"{Agent}.1.0 T 0",
            $"{Agent}.2.0 u {version}",
            .. rows.Values.SelectMany(lines => lines),
            .. history,
        ];

    /// <summary>Replaces the agent's file atomically, so that it never reads half of it.</summary>
    public async Task WriteAsync(string path, int version = 0)
    {
        await File.WriteAllLinesAsync(path + ".new", Lines(version));
        File.Move(path + ".new", path, overwrite: true);
    }

    private static string Key(TrueCall call) => $"{{T:{call.Setup}}}.{call.Index}";

    /// <summary>
    /// The rows of an ended call: indexed by a number in Cisco's tables, and by the call's own index in RFC 2128's.
    /// </summary>
    private IEnumerable<string> HistoryOf(TrueCall call, int sinceLoad, int number)
    {
        var key = Key(call);
        var cells = rows[key]
            .Select(line => line.Split(' ', 2))
            .ToDictionary(parts => parts[0][..^(key.Length + 1)], parts => parts[1]);
        string[] own =
        [
            $"{CallHistory}.2.{number} T {call.Setup}",
            $"{CallHistory}.8.{number} x 10",
            $"{CallHistory}.9.{number} s normal call clearing (16)",
            $"{CallHistory}.11.{number} T {-sinceLoad}",
            $"1.3.6.1.2.1.10.21.1.4.3.1.9.{key} T {-sinceLoad}",
        ];
        return
        [
            .. own,
            .. Alike
                .Where(column => cells.ContainsKey(column.Active))
                .Select(column => $"{column.Past}.{number} {cells[column.Active]}"),
        ];
    }

    private List<string> RowsOf(string key)
    {
        if (!rows.TryGetValue(key, out var lines))
            rows[key] = lines = [];
        return lines;
    }

    // The instance {setup time, index} ends the OID; the gateway's own counts have none.
    [GeneratedRegex(@"^[0-9.]+\.(\{T:-?[0-9]+\}\.[0-9]+) ")]
    private static partial Regex Row();
}
