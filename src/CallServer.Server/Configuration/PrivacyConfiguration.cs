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
        var mask = read.Word(DocumentReader.Member(node, "mask"), "last4", "none") == "last4";
        var filesNode = DocumentReader.Member(node, "cdrFiles");
        var files = read.Word(filesNode, "whole", "masked") == "masked";
        if (files && !mask)
            read.Fail(filesNode!, "needs \"mask\": \"last4\"");
        var retain = read.Duration(
            DocumentReader.Member(node, "retain"),
            TimeSpan.FromHours(1),
            TimeSpan.FromDays(3653)
        );
        return new PrivacyConfiguration
        {
            Masks = mask,
            MasksCdrFiles = files,
            Retain = retain,
        };
    }
}
