using System.Buffers;
using System.Text;

namespace CallServer.Storage.Postgres;

/// <summary>
/// Texts as columns hold them. PostgreSQL's text takes every character but NUL, which gateways may send: U+0001 stands
/// for an escape here, U+0001 and 0 for NUL, U+0001 twice for itself. Half of a surrogate pair is no character; it
/// becomes U+FFFD, as everywhere that texts become UTF-8.
/// </summary>
internal static class PostgresText
{
    private const char Escape = '\u0001';

    private static readonly SearchValues<char> special = SearchValues.Create([
        '\0',
        Escape,
        .. Enumerable.Range(0xD800, 0x800).Select(code => (char)code),
    ]);

    /// <summary>As a column holds it; null for null.</summary>
    public static string? Of(string? text)
    {
        if (text is null || !text.AsSpan().ContainsAny(special))
            return text;
        var written = new StringBuilder(text.Length + 8);
        foreach (var rune in text.EnumerateRunes())
            _ = rune.Value switch
            {
                0 => written.Append(Escape).Append('0'),
                Escape => written.Append(Escape).Append(Escape),
                _ => written.Append(rune),
            };
        return written.ToString();
    }

    /// <summary>What a column's text says; null for null.</summary>
    public static string? Read(string? column)
    {
        if (column is null || !column.Contains(Escape, StringComparison.Ordinal))
            return column;
        var text = new StringBuilder(column.Length);
        for (var at = 0; at < column.Length; at++)
            text.Append(
                column[at] != Escape || at + 1 == column.Length ? column[at]
                : column[++at] == '0' ? '\0'
                : column[at]
            );
        return text.ToString();
    }
}
