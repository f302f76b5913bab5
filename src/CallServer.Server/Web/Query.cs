using System.Globalization;
using System.Text;
using CallServer.Server.Configuration;
using CallServer.Server.Web.Contract;
using CallServer.Surface;
using Microsoft.AspNetCore.WebUtilities;

namespace CallServer.Server.Web;

/// <summary>
/// The parameters of one request, all of them checked: an unknown parameter is a mistake and is not ignored.
/// </summary>
internal sealed class Query
{
    /// <summary>The most items of a page.</summary>
    public const int MostItems = 1000;

    private const string NoCursor =
        "is not a cursor of this list in this order: take it from \"next\" of the page before, or leave it out to begin";

    private readonly IQueryCollection parameters;
    private readonly SortedDictionary<string, string> mistakes = new(StringComparer.Ordinal);

    /// <summary>Reads the parameters of an operation; any other one is a mistake.</summary>
    public Query(HttpRequest request, Operation operation)
        : this(request, [.. operation.Query.Select(parameter => parameter.Name)]) { }

    /// <summary>Reads a request's parameters; an unknown or repeated one is a mistake.</summary>
    public Query(HttpRequest request, params string[] known)
    {
        parameters = request.Query;
        foreach (var (name, values) in parameters)
        {
            if (!known.Contains(name, StringComparer.Ordinal))
                Fail(
                    name,
                    known.Length == 0
                        ? "is not known here: there are no parameters"
                        : $"is not known here{Nearest.Hint(name, known)}; known are {string.Join(", ", known)}"
                );
            else if (values.Count > 1)
                Fail(name, "is given more than once");
        }
    }

    /// <summary>Whether anything was wrong; the answer is then <see cref="Refusal"/>.</summary>
    public bool IsWrong => mistakes.Count > 0;

    /// <summary>Records a mistake; the first one of a parameter counts.</summary>
    public void Fail(string parameter, string message) => mistakes.TryAdd(parameter, message);

    /// <summary>A parameter's text; null if it is absent or repeated.</summary>
    public string? Text(string name) =>
        parameters.TryGetValue(name, out var values) && values.Count == 1 ? values[0] : null;

    /// <summary>The parameter <c>limit</c>, 1 to 1000; 1000 if it is absent or wrong.</summary>
    public int Limit()
    {
        if (Text("limit") is not { } text)
            return MostItems;
        if (
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit is >= 1 and <= MostItems
        )
            return limit;
        Fail("limit", $"'{text}' is not a number from 1 to {MostItems}");
        return MostItems;
    }

    /// <summary>One of the words of a parameter; null if it is absent or wrong.</summary>
    public string? Word(Parameter parameter)
    {
        if (Text(parameter.Name) is null && parameter.IsRequired)
            Fail(parameter.Name, $"is needed: one of {string.Join(", ", parameter.Words)}");
        return Word(parameter.Name, [.. parameter.Words]);
    }

    /// <summary><c>true</c> or <c>false</c>; null if the parameter is absent or wrong.</summary>
    public bool? Flag(string name) => Word(name, "true", "false") is { } word ? word == "true" : null;

    /// <summary>A text that is not empty; null if the parameter is absent or wrong.</summary>
    public string? Pattern(string name)
    {
        if (Text(name) is not { Length: 0 })
            return Text(name);
        Fail(name, "is empty: leave it out, or write * for any text");
        return null;
    }

    /// <summary>A whole number within the parameter's bounds; null if it is absent or wrong.</summary>
    public long? Number(Parameter parameter)
    {
        if (Text(parameter.Name) is not { } text)
            return null;
        if (
            long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= parameter.Least
            && number <= parameter.Most
        )
            return number;
        Fail(parameter.Name, $"'{text}' is not a whole number from {parameter.Least} to {parameter.Most}");
        return null;
    }

    /// <summary>A duration; null if the parameter is absent or wrong.</summary>
    public TimeSpan? Duration(string name)
    {
        if (Text(name) is not { } text)
            return null;
        if (Durations.TryParse(text, out var duration))
            return duration;
        Fail(name, $"'{text}' is not {Durations.Expected}");
        return null;
    }

    /// <summary>Two times of which the second must not come before the first.</summary>
    public (DateTimeOffset? Since, DateTimeOffset? Until) Period()
    {
        var (since, until) = (Time("since"), Time("until"));
        if (since > until)
            Fail("until", "comes before since");
        return (since, until);
    }

    /// <summary>One of these words; null if the parameter is absent or wrong.</summary>
    public string? Word(string name, params string[] words)
    {
        if (Text(name) is not { } word || words.Contains(word, StringComparer.Ordinal))
            return Text(name);
        Fail(name, $"'{word}' is not one of {string.Join(", ", words)}");
        return null;
    }

    /// <summary>A gateway id that the server knows.</summary>
    public string? Gateway(Func<string, bool> isKnown, bool isRequired = false)
    {
        var gateway = Text("gateway");
        if (gateway is null)
        {
            if (isRequired)
                Fail("gateway", "is needed: the id of a gateway");
            return null;
        }

        if (isKnown(gateway))
            return gateway;
        Fail("gateway", $"there is no gateway '{gateway}'");
        return null;
    }

    /// <summary>A cursor into a list sorted by texts; null for its beginning.</summary>
    public string[]? TextCursor(int parts)
    {
        if (Text("cursor") is not { } cursor)
            return null;
        try
        {
            var texts = Encoding.UTF8.GetString(WebEncoders.Base64UrlDecode(cursor)).Split('\n');
            if (texts.Length == parts)
                return texts;
        }
        catch (FormatException) { }

        Fail("cursor", NoCursor);
        return null;
    }

    /// <summary>Makes the cursor that <see cref="TextCursor"/> reads.</summary>
    public static string Cursor(params string[] parts) =>
        WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(string.Join('\n', parts)));

    /// <summary>A cursor into a list sorted by numbers.</summary>
    public long NumberCursor(long beginning) => NumberCursor() ?? beginning;

    /// <summary>A cursor into a list sorted by numbers; null for its beginning.</summary>
    public long? NumberCursor()
    {
        if (Text("cursor") is not { } text)
            return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var cursor))
            return cursor;
        Fail("cursor", NoCursor);
        return null;
    }

    /// <summary>A time, in UTC if it has no offset; null if the parameter is absent or wrong.</summary>
    public DateTimeOffset? Time(string name)
    {
        if (Text(name) is not { } text)
            return null;
        if (
            DateTimeOffset.TryParse(
                text,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
                out var time
            )
        )
            return time;
        Fail(name, $"'{text}' is not a time such as 2026-01-31T10:00:00Z");
        return null;
    }

    /// <summary>The answer 400, which names every mistake.</summary>
    public IResult Refusal() =>
        Problems.Of(
            StatusCodes.Status400BadRequest,
            mistakes.Count == 1 ? "A parameter is wrong" : $"{mistakes.Count} parameters are wrong",
            string.Join("; ", mistakes.Select(mistake => $"{mistake.Key} {mistake.Value}")),
            mistakes
        );
}
