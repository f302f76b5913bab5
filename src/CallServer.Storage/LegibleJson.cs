using System.Buffers;
using System.Text.Encodings.Web;

namespace CallServer.Storage;

/// <summary>
/// JSON for people and programs alike. Text beyond ASCII is written as it is, except for characters that change a
/// line's direction or end it invisibly (UAX 9's embeddings, overrides and isolates; U+2028, U+2029). A caller
/// chooses parts of what a gateway calls a connection, and could otherwise make one id look like another. Escaping
/// loses nothing.
/// </summary>
public sealed unsafe class LegibleJson : JavaScriptEncoder
{
    private static readonly SearchValues<char> unseen = SearchValues.Create(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
    );

    private static readonly JavaScriptEncoder others = UnsafeRelaxedJsonEscaping;

    private LegibleJson() { }

    /// <summary>The only instance.</summary>
    public static LegibleJson Encoder { get; } = new();

    /// <summary>Whether the character must be escaped.</summary>
    public static bool IsUnseen(char c) => unseen.Contains(c);

    /// <inheritdoc/>
    public override int MaxOutputCharactersPerInputCharacter => others.MaxOutputCharactersPerInputCharacter;

    /// <inheritdoc/>
    public override bool WillEncode(int unicodeScalar) =>
        others.WillEncode(unicodeScalar)
        || (unicodeScalar <= char.MaxValue && unseen.Contains((char)unicodeScalar));

    /// <inheritdoc/>
    public override int FindFirstCharacterToEncode(char* text, int textLength) =>
        First(
            others.FindFirstCharacterToEncode(text, textLength),
            new ReadOnlySpan<char>(text, textLength).IndexOfAny(unseen)
        );

    /// <inheritdoc/>
    public override int FindFirstCharacterToEncodeUtf8(ReadOnlySpan<byte> utf8Text)
    {
        var first = others.FindFirstCharacterToEncodeUtf8(utf8Text);
        for (var at = 0; ; at += 1)
        {
            var next = utf8Text[at..].IndexOf((byte)0xE2);
            if (next < 0 || at + next + 2 >= utf8Text.Length)
                return first;
            at += next;
            // Three octets: U+2000 to U+207F are E2 80 80 to E2 81 BF.
            var low = utf8Text[at + 2] & 0x3F;
            var is202X = utf8Text[at + 1] == 0x80 && low is >= 0x28 and <= 0x2E;
            var is206X = utf8Text[at + 1] == 0x81 && low is >= 0x26 and <= 0x29;
            if (is202X || is206X)
                return First(first, at);
        }
    }

    /// <inheritdoc/>
    public override bool TryEncodeUnicodeScalar(
        int unicodeScalar,
        char* buffer,
        int bufferLength,
        out int numberOfCharactersWritten
    )
    {
        if (unicodeScalar > char.MaxValue || !unseen.Contains((char)unicodeScalar))
            return others.TryEncodeUnicodeScalar(
                unicodeScalar,
                buffer,
                bufferLength,
                out numberOfCharactersWritten
            );
        return new Span<char>(buffer, bufferLength).TryWrite(
            $"\\u{unicodeScalar:x4}",
            out numberOfCharactersWritten
        );
    }

    private static int First(int one, int other) =>
        one < 0 ? other
        : other < 0 ? one
        : Math.Min(one, other);
}
