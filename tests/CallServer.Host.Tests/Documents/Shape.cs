using System.Text.Json;
using System.Text.RegularExpressions;

namespace CallServer.Host.Tests.Documents;

/// <summary>
/// Whether what a page shows has the form of what a command prints. Times, numbers, ids and addresses differ from run to
/// run: a word with a digit stands for any other. A line <c>…</c> stands for any number of lines, and <c> …</c> at the
/// end of a line for the rest of it.
/// </summary>
internal static partial class Shape
{
    private const string Others = "…";

    public static bool Fits(IReadOnlyList<string> shown, IReadOnlyList<string> printed)
    {
        var documented = string.Join('\n', shown);
        if (documented.TrimStart().StartsWith('{') && TryParse(documented, out var whole))
        {
            using (whole)
            {
                using var first = JsonDocument.Parse(printed[0]);
                return !Differences(whole!.RootElement, first.RootElement, "$").Any();
            }
        }
        return Fits(shown, 0, printed, 0);
    }

    private static bool Fits(IReadOnlyList<string> shown, int at, IReadOnlyList<string> printed, int next)
    {
        if (at == shown.Count)
            return next == printed.Count;
        if (shown[at] == Others)
            return Enumerable
                .Range(next, printed.Count - next + 1)
                .Any(later => Fits(shown, at + 1, printed, later));
        return next < printed.Count
            && FitsLine(shown[at], printed[next])
            && Fits(shown, at + 1, printed, next + 1);
    }

    private static bool FitsLine(string shown, string printed)
    {
        if (shown.StartsWith('{') && printed.StartsWith('{'))
        {
            using var documented = JsonDocument.Parse(shown);
            using var answered = JsonDocument.Parse(printed);
            return !Differences(documented.RootElement, answered.RootElement, "$").Any();
        }
        var (mine, its) = (Words(shown), Words(printed));
        return mine is [.., Others] ? its.StartsWith(mine[..^1]) : mine.SequenceEqual(its);
    }

    private static bool StartsWith(this List<string> whole, List<string> head) =>
        whole.Count >= head.Count && whole.Take(head.Count).SequenceEqual(head);

    private static List<string> Words(string line) =>
        [
            .. Counted()
                .Replace(
                    string.Join(
                        ' ',
                        line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                            .Select(word => Digit().Replace(word, "#"))
                    ),
                    "# unit"
                )
                .Split(' ', StringSplitOptions.RemoveEmptyEntries),
        ];

    private static bool TryParse(string text, out JsonDocument? document)
    {
        try
        {
            document = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            document = null;
            return false;
        }
    }

    /// <summary>Where an example has other members than the answer, or values of another kind. A null fits any.</summary>
    public static IEnumerable<string> Differences(JsonElement documented, JsonElement answered, string place)
    {
        if (documented.ValueKind == JsonValueKind.Null || answered.ValueKind == JsonValueKind.Null)
            return [];
        return (documented.ValueKind, answered.ValueKind) switch
        {
            (JsonValueKind.Object, JsonValueKind.Object) => Members(documented, answered, place),
            (JsonValueKind.Array, JsonValueKind.Array) => documented.GetArrayLength() == 0
            || answered.GetArrayLength() == 0
                ? []
                : Differences(documented[0], answered[0], $"{place}[0]"),
            (JsonValueKind.True or JsonValueKind.False, JsonValueKind.True or JsonValueKind.False) => [],
            var (shown, found) => shown == found ? [] : [$"{place}: {shown} is shown, {found} is answered"],
        };
    }

    private static IEnumerable<string> Members(JsonElement documented, JsonElement answered, string place)
    {
        var shown = documented.EnumerateObject().Select(member => member.Name).ToList();
        foreach (var member in documented.EnumerateObject().Where(member => member.Name != Others))
        {
            if (!answered.TryGetProperty(member.Name, out var value))
                yield return $"{place}: {member.Name} is not answered";
            else
            {
                foreach (var difference in Differences(member.Value, value, $"{place}.{member.Name}"))
                    yield return difference;
            }
        }

        if (shown.Contains(Others))
            yield break;
        foreach (var member in answered.EnumerateObject().Where(member => !shown.Contains(member.Name)))
            yield return $"{place}: {member.Name} is answered and not shown";
    }

    [GeneratedRegex(@"^.*\d.*$")]
    private static partial Regex Digit();

    /// <summary>A number with its unit: neither has to be the same.</summary>
    [GeneratedRegex(@"# (µs|ms|s|min|h|d|requests?|connections?|starts?|gateways?)\b")]
    private static partial Regex Counted();
}
