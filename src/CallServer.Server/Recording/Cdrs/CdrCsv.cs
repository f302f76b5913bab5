using System.Buffers;
using System.Text.Json;
using CallServer.Storage;

namespace CallServer.Server.Recording.Cdrs;

/// <summary>
/// CDRs as comma-separated values (RFC 4180, with LF line ends), the same in files and on the command line. The
/// columns have the contract's names and order. Nested values are flattened (<c>qos_dscp</c>,
/// <c>counters_packets_sent</c>), sources and steps of the clock are joined by a space, and unknown values are empty.
/// A record is always one line: control characters become spaces, and characters that change a line's direction
/// become escapes. A text that a spreadsheet would take for a formula (it begins with = + - or @, as a telephone
/// number does) gets an apostrophe before it.
/// </summary>
public static class CdrCsv
{
    private static readonly string[][] Columns =
    [
        .. """
            id uuid call gateway originator remote read_codec qos.dscp qos.service qos.reported
            start_stamp answer_stamp answer_stamp_min answer_stamp_max end_stamp end_stamp_min end_stamp_max
            duration billsec billsec_min billsec_max hangup_cause start_evidence end_evidence
            recovered last_confirmed confirmed_count epoch server sources id_reused connection
            counters.packets_sent counters.octets_sent counters.packets_received counters.octets_received
            counters.packets_lost counters.jitter_ms counters.latency_ms
            released_by release_reason partial record_seq clock_steps
            """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(column =>
            column.Split('.')
        ),
    ];

    private static readonly SearchValues<char> Quoted = SearchValues.Create(",\"");
    private static readonly SearchValues<char> Formula = SearchValues.Create("=+-@");

    /// <summary>The header line: the names of the columns.</summary>
    public static string Header { get; } =
        string.Join(',', Columns.Select(column => string.Join('_', column)));

    /// <summary>One CDR's line without its line end.</summary>
    public static string Line(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Line(document.RootElement);
    }

    /// <inheritdoc cref="Line(string)"/>
    public static string Line(JsonElement cdr) =>
        string.Join(',', Columns.Select(column => Field(cdr, column)));

    private static string Field(JsonElement cdr, string[] column)
    {
        foreach (var name in column)
        {
            if (cdr.ValueKind != JsonValueKind.Object || !cdr.TryGetProperty(name, out cdr))
                return "";
        }

        return cdr.ValueKind switch
        {
            JsonValueKind.Null or JsonValueKind.Undefined => "",
            JsonValueKind.String => Text(cdr.GetString()!),
            JsonValueKind.Array => Text(string.Join(' ', cdr.EnumerateArray().Select(Item))),
            // Numbers and booleans, as written.
            _ => cdr.GetRawText(),
        };
    }

    /// <summary>
    /// A step of the clock is written as its time and its milliseconds: <c>2026-01-31T10:00:00.000000Z/3600000</c>.
    /// </summary>
    private static string Item(JsonElement item) =>
        item.ValueKind == JsonValueKind.Object
            ? string.Join('/', item.EnumerateObject().Select(member => member.Value.ToString()))
            : item.ToString();

    /// <summary>
    /// A text as one field: on one line, quoted where it has to be, and no formula to a spreadsheet.
    /// </summary>
    public static string Text(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Any(c => char.IsControl(c) || LegibleJson.IsUnseen(c)))
            text = string.Concat(
                text.Select(c =>
                    LegibleJson.IsUnseen(c) ? $"\\u{(int)c:x4}"
                    : char.IsControl(c) ? " "
                    : c.ToString()
                )
            );
        // Some programs skip spaces before a formula.
        if (text.AsSpan().TrimStart() is { IsEmpty: false } seen && Formula.Contains(seen[0]))
            text = "'" + text;
        return text.AsSpan().ContainsAny(Quoted)
            ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : text;
    }
}
