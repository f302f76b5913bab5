using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>How numbers of people are shown, and how long they are kept.</summary>
public sealed record PrivacyConfiguration
{
    /// <summary>Shown and kept as they are.</summary>
    public static PrivacyConfiguration Open { get; } = new();

    /// <summary>Whether lists and events show at most the last four digits of a number.</summary>
    public bool Masks { get; init; }

    /// <summary>Whether CDR files do so too. Billing needs whole numbers, so this is asked for separately.</summary>
    public bool MasksCdrFiles { get; init; }

    /// <summary>How long CDRs and changes are kept; null as long as <c>keep</c> says.</summary>
    public TimeSpan? Retain { get; init; }

    internal static PrivacyConfiguration Read(DocumentReader read, Document? node)
    {
        var mask = Word(Keys.Privacy.Mask) == "last4";
        var files = Word(Keys.Privacy.CdrFiles) == "masked";
        if (files && !mask)
            read.Fail(Keys.Privacy.CdrFiles.In(node)!, "needs \"mask\": \"last4\"");
        var retain = read.Duration(node, Keys.Privacy.Retain);
        return new PrivacyConfiguration
        {
            Masks = mask,
            MasksCdrFiles = files,
            Retain = retain,
        };

        string? Word(WordKey key) => read.Word(key.In(node), key.Words);
    }
}
