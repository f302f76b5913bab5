using System.Globalization;
using System.Net;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// Reads values and collects every mistake. A wrong value reads as absent, so that reading continues to the end.
/// </summary>
internal sealed class DocumentReader(string source, List<ConfigurationMistake> mistakes)
{
    /// <summary>Adds a mistake at this place.</summary>
    public void Fail(Document at, string message) =>
        mistakes.Add(
            new ConfigurationMistake(at.Line > 0 ? source : "environment", at.Line, at.Path, message)
        );

    /// <summary>The member with that name; null if it is absent or null.</summary>
    public static Document? Member(Document? node, string name)
    {
        foreach (var (key, child) in node?.Members ?? [])
        {
            if (key == name)
                return child.Kind == DocumentKind.Null ? null : child;
        }

        return null;
    }

    /// <summary>A member of the root that must be an object; null if there is none.</summary>
    public Document? Section(Document root, string name)
    {
        if (Member(root, name) is not { } node)
            return null;
        if (node.Kind == DocumentKind.Members)
            return node;
        Fail(node, $"an object is expected here, not {node.KindInWords}");
        return null;
    }

    /// <summary>
    /// A text; null if absent or wrong. <paramref name="what"/> names what is expected in the mistake.
    /// </summary>
    public string? Text(Document? node, string what = "a text")
    {
        if (node is null)
            return null;
        if (node.Kind == DocumentKind.Text && node.Scalar.Length > 0)
            return node.Scalar;
        Fail(
            node,
            $"{what} is expected here, not {(node.Kind == DocumentKind.Text ? "an empty text" : node.KindInWords)}"
        );
        return null;
    }

    /// <summary>The text of this key in a section; null if absent or wrong.</summary>
    public string? Text(Document? section, TextKey key) => Text(key.In(section));

    /// <summary>The number of this key in a section; null if absent or wrong.</summary>
    public int? Integer(Document? section, IntegerKey key) => Integer(key.In(section), key.Low, key.High);

    /// <summary>The duration of this key in a section; null if absent or wrong.</summary>
    public TimeSpan? Duration(Document? section, DurationKey key) =>
        Duration(key.In(section), key.Low, key.High);

    /// <summary>The size of this key in a section, in octets; null if absent or wrong.</summary>
    public long? Size(Document? section, SizeKey key) => Size(key.In(section), key.Low, key.High);

    /// <summary>The address of this key in a section; null if absent or wrong.</summary>
    public IPEndPoint? EndPoint(Document? section, EndPointKey key) => EndPoint(key.In(section));

    /// <summary>The octets of the secret of this key in a section; null if absent or wrong.</summary>
    public byte[]? Secret(Document? section, SecretKey key) => Secret(key.In(section));

    /// <summary>Whether this key is on in a section; null if absent or wrong.</summary>
    public bool? Switch(Document? section, SwitchKey key)
    {
        if (key.In(section) is not { } node)
            return null;
        // Values from the environment are always text.
        var isTold = node is { Line: 0, Kind: DocumentKind.Text, Scalar: "true" or "false" };
        if (node.Kind == DocumentKind.Boolean || isTold)
            return node.Scalar == "true";
        Fail(node, $"true or false is expected here, not {node.KindInWords}");
        return null;
    }

    /// <summary>A whole number from low to high; null if absent or wrong.</summary>
    public int? Integer(Document? node, int low, int high)
    {
        if (node is null)
            return null;
        // Values from the environment are always text.
        var isNumber = node.Kind == DocumentKind.Number || (node.Line == 0 && node.Kind == DocumentKind.Text);
        if (
            isNumber
            && int.TryParse(
                node.Scalar,
                NumberStyles.AllowLeadingSign,
                CultureInfo.InvariantCulture,
                out var value
            )
            && value >= low
            && value <= high
        )
            return value;
        Fail(
            node,
            $"a whole number from {low} to {high} is expected here, not {(isNumber ? node.Scalar : node.KindInWords)}"
        );
        return null;
    }

    /// <summary>A duration from low to high; null if absent or wrong.</summary>
    public TimeSpan? Duration(Document? node, TimeSpan low, TimeSpan high)
    {
        if (Text(node, Durations.Expected) is not { } text)
            return null;
        if (!Durations.TryParse(text, out var duration))
            Fail(node!, $"'{text}' is not {Durations.Expected}");
        else if (duration < low || duration > high)
            Fail(
                node!,
                $"{text} is out of range: from {Durations.Format(low)} to {Durations.Format(high)} is expected"
            );
        else
            return duration;
        return null;
    }

    /// <summary>A size in octets.</summary>
    public long? Size(Document? node, long low, long high)
    {
        if (Text(node, Sizes.Expected) is not { } text)
            return null;
        if (!Sizes.TryParse(text, out var size))
            Fail(node!, $"'{text}' is not {Sizes.Expected}");
        else if (size < low || size > high)
            Fail(
                node!,
                $"{text} is out of range: from {Sizes.Format(low)} to {Sizes.Format(high)} is expected"
            );
        else
            return size;
        return null;
    }

    /// <summary>One of these words; null if absent or wrong.</summary>
    public string? Word(Document? node, params string[] words)
    {
        if (Text(node) is not { } text)
            return null;
        if (words.Contains(text, StringComparer.Ordinal))
            return text;
        Fail(node!, $"'{text}' is not one of {string.Join(", ", words)}{Nearest.Hint(text, words)}");
        return null;
    }

    /// <summary>Reads ADDRESS:PORT, with brackets around an IPv6 address.</summary>
    public IPEndPoint? EndPoint(Document? node)
    {
        if (Text(node, "ADDRESS:PORT") is not { } text)
            return null;
        // Without this check the parser takes a lone number for an address.
        if (
            text.Contains(':', StringComparison.Ordinal)
            && IPEndPoint.TryParse(text, out var end)
            && end.Port > 0
            && end.ToString() == text
        )
            return end;
        Fail(node!, $"'{text}' is not ADDRESS:PORT, such as 127.0.0.1:2727 or [::1]:2727");
        return null;
    }

    /// <summary>The octets of the secret that a reference names.</summary>
    public byte[]? Secret(Document? node)
    {
        if (node is null)
            return null;
        if (node.Kind != DocumentKind.Text)
            Fail(node, $"env:NAME or file:PATH is expected here, not {node.KindInWords}");
        else if (!SecretReference.TryParse(node.Scalar, out var reference, out var mistake))
            Fail(node, mistake);
        else if (!reference.TryRead(out var secret, out mistake))
            Fail(node, mistake);
        else
            return secret;
        return null;
    }
}
