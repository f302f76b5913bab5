using System.Security.Cryptography.X509Certificates;
using CallServer.Storage;

namespace CallServer.Server.Configuration;

/// <summary>
/// A system to which CDRs are posted over HTTP. A class rather than a record, so that nothing prints its token.
/// </summary>
public sealed class PushConfiguration
{
    /// <summary>Where batches are posted: https, or http on this machine.</summary>
    public required Uri Url { get; init; }

    /// <summary>The bearer token shown to the receiver; null for none.</summary>
    public byte[]? Token { get; init; }

    /// <summary>Certificates of authorities that are trusted besides those that the machine trusts.</summary>
    public IReadOnlyList<X509Certificate2> Authorities { get; init; } = [];

    /// <summary>How many records one request carries at most.</summary>
    public int Batch { get; init; } = 500;

    /// <summary>How long a record waits at most for others to go with it.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one request may take until its answer is there.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Which records are posted, by <see cref="AccountingKind"/>.</summary>
    public IReadOnlyList<string> Records { get; init; } = [AccountingKind.Stop];

    /// <summary>From how many octets on a body is compressed with gzip; null for never.</summary>
    public long? GzipFrom { get; init; }

    /// <summary>The receiver's address as logs and answers show it: without a query, which may hold a key.</summary>
    public string Shown => Url.GetLeftPart(UriPartial.Path);

    /// <summary>Whether two configurations are equal; either may be null.</summary>
    public static bool Same(PushConfiguration? a, PushConfiguration? b) =>
        a is null || b is null
            ? a is null && b is null
            : a.Url == b.Url
                && ServerConfiguration.Same(a.Token, b.Token)
                && a.Authorities.Select(one => one.Thumbprint)
                    .SequenceEqual(b.Authorities.Select(one => one.Thumbprint))
                && a.Batch == b.Batch
                && a.Every == b.Every
                && a.Deadline == b.Deadline
                && a.Records.SequenceEqual(b.Records)
                && a.GzipFrom == b.GzipFrom;

    /// <summary>Never contains the token.</summary>
    public override string ToString() => Shown;
}
