using System.Text;
using System.Text.Json;

namespace CallServer.Server.Configuration;

/// <summary>
/// Edits the list <c>gateways</c> in the text of a configuration file. Everything else stays as it was written, comments
/// and the form of the lines included.
/// </summary>
internal static class GatewayList
{
    private static readonly byte[] byteOrderMark = [0xEF, 0xBB, 0xBF];

    /// <summary>The list's place in the text: the offsets of its brackets, and of its items.</summary>
    private sealed record Place(int Open, int Close, IReadOnlyList<(int Start, int End)> Items);

    /// <summary>The text with one more item at the end of the list; null if there is no such list.</summary>
    /// <param name="file">The file's octets.</param>
    /// <param name="item">A JSON value on one line.</param>
    public static byte[]? Add(byte[] file, string item)
    {
        if (Find(file) is not { } list)
            return null;
        var (_, trailing) = list.Items.Count == 0 ? (0, null) : Comma(file, list.Items[^1].End, list.Close);
        // After the last comment of the list, so that it stays with what it stands beside.
        var at = Settled(file, list);
        var line = Line(file, list);
        var text =
            $"{line}{item}{(trailing is null ? "" : ",")}{(list.Items.Count == 0 && line == " " ? " " : "")}";
        List<byte> edited = [.. file];
        edited.InsertRange(at, Encoding.UTF8.GetBytes(text));
        if (list.Items.Count > 0 && trailing is null)
            edited.Insert(list.Items[^1].End, (byte)',');
        return [.. edited];
    }

    /// <summary>The text without an item; null if there is none with that number.</summary>
    public static byte[]? Remove(byte[] file, int number)
    {
        if (Find(file) is not { } list || number < 0 || number >= list.Items.Count)
            return null;
        var (start, end) = list.Items[number];
        var limit = number + 1 < list.Items.Count ? list.Items[number + 1].Start : list.Close;
        var (_, comma) = Comma(file, end, limit);
        // The comma before the last item goes with it.
        var (settled, before) =
            number == 0 || comma is not null
                ? (start, (int?)null)
                : Comma(file, list.Items[number - 1].End, start);
        var from = start;
        var stop = comma + 1 ?? end;
        var lineEnd = LineEnd(file, stop);
        if (IsBlank(file, LineStart(file, start), start) && IsTrivia(file, stop, lineEnd))
            (from, stop) = (LineStart(file, start), Math.Min(lineEnd + 1, file.Length));
        else if (before + 1 == settled)
            from = settled;
        else
        {
            while (stop < limit && file[stop] == ' ')
                stop++;
        }

        List<byte> edited = [.. file];
        edited.RemoveRange(from, stop - from);
        if (before is { } separator)
            edited.RemoveAt(separator);
        return [.. edited];
    }

    private static Place? Find(byte[] file)
    {
        var skipped = file.AsSpan().StartsWith(byteOrderMark) ? byteOrderMark.Length : 0;
        var reader = new Utf8JsonReader(
            file.AsSpan(skipped),
            new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }
        );
        try
        {
            while (reader.Read())
            {
                if (
                    reader.CurrentDepth != 1
                    || reader.TokenType != JsonTokenType.PropertyName
                    || !reader.ValueTextEquals("gateways"u8)
                )
                    continue;
                if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
                    return null;
                var open = skipped + (int)reader.TokenStartIndex;
                var items = new List<(int Start, int End)>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    var start = skipped + (int)reader.TokenStartIndex;
                    reader.Skip();
                    items.Add((start, skipped + (int)reader.BytesConsumed));
                }

                return new Place(open, skipped + (int)reader.TokenStartIndex, items);
            }
        }
        catch (JsonException)
        {
            // Whoever asked has parsed it before; it is then no list of ours.
        }

        return null;
    }

    /// <summary>
    /// Reads white space, comments and commas. Returns the end of the last comment or comma, and the place of the first
    /// comma; null if there is none.
    /// </summary>
    private static (int Settled, int? Comma) Comma(byte[] file, int from, int to)
    {
        int? comma = null;
        var settled = from;
        for (var at = from; at < to; at++)
        {
            if (file[at] == ',')
            {
                comma ??= at;
                settled = at + 1;
            }
            else if (file[at] == '/')
            {
                at = CommentEnd(file, at, to) - 1;
                settled = at + 1;
            }
        }

        return (settled, comma);
    }

    /// <summary>The end of a comment; a line comment ends before its line's end.</summary>
    private static int CommentEnd(byte[] file, int from, int to)
    {
        var rest = file.AsSpan(from, to - from);
        if (!rest.StartsWith("/*"u8))
        {
            var lineEnd = LineEnd(file, from);
            return Math.Min(to, file[lineEnd - 1] == '\r' ? lineEnd - 1 : lineEnd);
        }

        var end = rest[2..].IndexOf("*/"u8);
        return end < 0 ? to : from + 2 + end + 2;
    }

    private static int Settled(byte[] file, Place list) =>
        list.Items.Count == 0
            ? Comma(file, list.Open + 1, list.Close).Settled
            : Comma(file, list.Items[^1].End, list.Close).Settled;

    /// <summary>What stands before an item: a line's end and the indentation, or a space.</summary>
    private static string Line(byte[] file, Place list)
    {
        var text = file.AsSpan(list.Open, list.Close - list.Open);
        if (text.IndexOf((byte)'\n') < 0)
            return " ";
        var newline = text.IndexOf("\r\n"u8) < 0 ? "\n" : "\r\n";
        if (list.Items.Count > 0)
        {
            var start = list.Items[^1].Start;
            var from = LineStart(file, start);
            return IsBlank(file, from, start) ? newline + Encoding.UTF8.GetString(file[from..start])
                : IsBlankAfter(file, list) ? newline + "    "
                : " ";
        }

        return newline + "    ";
    }

    /// <summary>Whether the list's end stands on a line of its own, so that one line more does not spoil its form.</summary>
    private static bool IsBlankAfter(byte[] file, Place list) =>
        IsBlank(file, LineStart(file, list.Close), list.Close);

    /// <summary>Whether nothing but white space and comments stands there.</summary>
    private static bool IsTrivia(byte[] file, int from, int to)
    {
        for (var at = from; at < to; at++)
        {
            if (file[at] == '/')
                at = CommentEnd(file, at, to) - 1;
            else if (file[at] is not ((byte)' ' or (byte)'\t' or (byte)'\r'))
                return false;
        }

        return true;
    }

    private static bool IsBlank(byte[] file, int from, int to) =>
        !file.AsSpan(from, to - from).ContainsAnyExcept((byte)' ', (byte)'\t');

    private static int LineStart(byte[] file, int at) => file.AsSpan(0, at).LastIndexOf((byte)'\n') + 1;

    /// <summary>The place of the line's end, or the end of the file.</summary>
    private static int LineEnd(byte[] file, int at)
    {
        var end = file.AsSpan(at).IndexOf((byte)'\n');
        return end < 0 ? file.Length : at + end;
    }
}
