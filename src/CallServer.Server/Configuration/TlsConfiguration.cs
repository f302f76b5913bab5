namespace CallServer.Server.Configuration;

/// <summary>The files that prove this server to those who reach it by https.</summary>
public sealed record TlsConfiguration
{
    /// <summary>The certificate and those of its issuers, in PEM; or all of it, with the key, in PKCS #12 (PFX).</summary>
    public required string Certificate { get; init; }

    /// <summary>The private key in PEM; null if it stands in the certificate's file.</summary>
    public string? Key { get; init; }

    /// <summary>What the key is encrypted with; null if it is not.</summary>
    public byte[]? Password { get; init; }

    /// <summary>The files.</summary>
    public IReadOnlyList<string> Files => Key is null ? [Certificate] : [Certificate, Key];

    internal static bool Same(TlsConfiguration? a, TlsConfiguration? b) =>
        a is null || b is null
            ? a is null && b is null
            : a.Certificate == b.Certificate
                && a.Key == b.Key
                && ServerConfiguration.Same(a.Password, b.Password);

    /// <summary>Never contains the password.</summary>
    public override string ToString() => string.Join(" and ", Files);
}
