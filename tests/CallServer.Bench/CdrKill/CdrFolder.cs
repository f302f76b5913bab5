using System.Text;
using System.Text.Json;
using CallServer.Host.Cli.Output;
using CallServer.Server.Recording.Cdrs;

namespace CallServer.Bench.CdrKill;

/// <summary>One line of a file.</summary>
internal sealed record CdrLine(string Id, int Number, bool Partial, long Billsec, string Text);

/// <summary>
/// All CDR files of a folder, read the way a billing system reads them: text without a final line break is not a line
/// yet.
/// </summary>
internal sealed class CdrFolder
{
    private readonly List<CdrLine> json = [];
    private readonly List<CdrLine> csv = [];
    private readonly List<string> faults = [];

    public int Files { get; private set; }

    /// <summary>The number of rotated files.</summary>
    public int Rotated { get; private set; }

    /// <summary>The number of current files that do not end with a line break, as a kill may leave them.</summary>
    public int HalfLines { get; private set; }

    public IReadOnlyList<CdrLine> Json => json;
    public IReadOnlyList<CdrLine> Csv => csv;
    public IReadOnlyList<string> Faults => faults;

    /// <param name="folder">The folder of the files.</param>
    /// <param name="stem">The name of the current file without extension.</param>
    public static CdrFolder Read(string folder, string stem)
    {
        var read = new CdrFolder();
        if (!Directory.Exists(folder))
            return read;
        foreach (var path in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
            read.ReadFile(path, Path.GetFileNameWithoutExtension(path) == stem);
        return read;
    }

    private void ReadFile(string path, bool isCurrent)
    {
        Files++;
        Rotated += isCurrent ? 0 : 1;
        var text = new UTF8Encoding(false, true).GetString(File.ReadAllBytes(path));
        var lines = text.Split('\n');
        if (lines[^1].Length > 0)
        {
            HalfLines++;
            if (!isCurrent)
                faults.Add($"{path} was put aside with half a line");
        }

        var isCsv = path.EndsWith(".csv", StringComparison.Ordinal);
        foreach (var (line, number) in lines[..^1].Select((line, at) => (line, at + 1)))
        {
            try
            {
                if (!isCsv)
                    json.Add(OfJson(line));
                else if (number > 1)
                    csv.Add(OfCsv(line));
                else if (line != CdrCsv.Header)
                    faults.Add($"{path} lacks its header");
            }
            catch (Exception fault)
                when (fault is JsonException or FormatException or InvalidOperationException)
            {
                faults.Add($"{path} line {number} is not whole: {fault.Message}");
            }
        }
    }

    private static CdrLine OfJson(string line)
    {
        using var document = JsonDocument.Parse(line);
        var cdr = document.RootElement;
        return new CdrLine(
            cdr.GetProperty("id").GetString()!,
            cdr.GetProperty("record_seq").GetInt32(),
            cdr.GetProperty("partial").GetBoolean(),
            cdr.GetProperty("billsec").GetInt64(),
            line
        );
    }

    private static CdrLine OfCsv(string line)
    {
        var fields = Fields(line);
        var names = CdrCsv.Header.Split(',');
        if (fields.Count != names.Length)
            throw new FormatException($"{fields.Count} columns, not {names.Length}");
        string Field(string name) => fields[Array.IndexOf(names, name)];
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        return new CdrLine(
            Field("id"),
            int.Parse(Field("record_seq"), culture),
            bool.Parse(Field("partial")),
            long.Parse(Field("billsec"), culture),
            line
        );
    }

    /// <summary>RFC 4180 §2, implemented a second time.</summary>
    private static List<string> Fields(string line)
    {
        List<string> fields = [];
        var field = new StringBuilder();
        var quoted = false;
        for (var at = 0; at < line.Length; at++)
        {
            var c = line[at];
            if (quoted && c == '"' && at + 1 < line.Length && line[at + 1] == '"')
            {
                field.Append(c);
                at++;
            }
            else if (c == '"')
                quoted = !quoted;
            else if (c == ',' && !quoted)
            {
                fields.Add(field.ToString());
                field.Clear();
            }
            else
                field.Append(c);
        }

        fields.Add(field.ToString());
        return quoted ? throw new FormatException("a quote is not closed") : fields;
    }
}
