using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using CallServer.Storage;

namespace CallServer.Host.Tests.Storage;

/// <summary>JSON text must read the way it is written.</summary>
public sealed class LegibleJsonTests
{
    private static readonly JsonSerializerOptions usual = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>UAX 9's embeddings, overrides and isolates, and the two separators.</summary>
    private static readonly int[] unseen =
    [
        .. Enumerable.Range(0x202A, 5),
        .. Enumerable.Range(0x2066, 4),
        0x2028,
        0x2029,
    ];

    [Test]
    public void Each_character_is_written_as_ever_but_for_those_that_nobody_sees()
    {
        for (var scalar = 0; scalar <= 0x10FFFF; scalar++)
        {
            if (!Rune.IsValid(scalar))
                continue;
            var text = $"+{new Rune(scalar)}é";
            var expected = unseen.Contains(scalar)
                ? $"\"+\\u{scalar:x4}é\""
                : JsonSerializer.Serialize(text, usual);
            if (!string.Equals(Written(text), expected, StringComparison.Ordinal))
                Assert.Fail($"U+{scalar:X4} is written as {Written(text)}");
        }
    }

    [Test]
    public void Any_text_is_read_back_whole()
    {
        string[] pieces =
        [
            .. unseen.Select(char.ConvertFromUtf32),
            .. (string[])["", "a", "\"", "\\", "+", "é", "\u2027", "\u2030", "\u2070", "\u200d", "😀"],
        ];
        var texts =
            from first in pieces
            from second in pieces
            from third in pieces
            select first + second + third;

        foreach (var text in texts)
        {
            var written = Written(text);
            Assert.That(JsonSerializer.Deserialize<string>(written), Is.EqualTo(text));
            Assert.That(written.Any(c => unseen.Contains(c)), Is.False);
            Assert.That(Encoding.UTF8.GetString(Octets(text)), Is.EqualTo(written));
        }
    }

    private static string Written(string text) => JsonSerializer.Serialize(text, RecordJson.Camel);

    private static byte[] Octets(string text) => JsonSerializer.SerializeToUtf8Bytes(text, RecordJson.Camel);
}
