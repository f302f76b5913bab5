using System.Globalization;
using System.Text;

namespace CallServer.Server;

/// <summary>
/// Makes a gateway's text safe for a terminal: control characters, which could move the cursor or hide lines, are
/// shown as escapes.
/// </summary>
public static class Printable
{
    /// <summary>The text with control characters escaped; empty if null.</summary>
    public static string Of(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return "";
        if (!text.Any(Unfit))
            return text;
        var fit = new StringBuilder(text.Length + 8);
        foreach (var c in text)
        {
            if (Unfit(c))
                fit.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            else
                fit.Append(c);
        }
        return fit.ToString();
    }

    private static bool Unfit(char c) =>
        char.GetUnicodeCategory(c)
            is UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.Surrogate;
}
