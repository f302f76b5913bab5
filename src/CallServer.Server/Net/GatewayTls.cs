using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CallServer.Surface;

namespace CallServer.Server.Net;

/// <summary>
/// Which certificate of a gateway is believed: one that this machine trusts, one of an authority of one's own, or a single
/// one. There is no way to believe any.
/// </summary>
/// <param name="Pin">The SHA-256 of the only one that is, in upper-case hex.</param>
/// <param name="Authority">The file (PEM) with the authorities whose certificates are believed too.</param>
public sealed record GatewayTls(string? Pin, string? Authority)
{
    /// <summary>What the URI says; null where it is not asked over TLS.</summary>
    public static GatewayTls? Of(GatewayUri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return uri.OverTls ? new GatewayTls(uri.TlsPin, uri.TlsAuthority) : null;
    }

    /// <summary>What checks that in a handshake; null for what every handshake checks.</summary>
    internal RemoteCertificateValidationCallback? Check() =>
        (Pin, Authority) switch
        {
            ({ } pin, _) => (_, told, _, _) => told?.GetCertHashString(HashAlgorithmName.SHA256) == pin,
            // Read anew for each connection, so that the file may be replaced.
            (_, { } file) => (_, told, seen, faults) => Authorities.Trust(Read(file), told, seen, faults),
            _ => null,
        };

    /// <summary>Why a certificate was not believed, and what to look at.</summary>
    internal string Fault() =>
        (Pin, Authority) switch
        {
            ({ }, _) => "its certificate is not that of pin=",
            (_, { } file) when Read(file).Count == 0 => $"ca={file} is no file with certificates in PEM",
            (_, { } file) => $"its certificate is for another host, or no authority in {file} has issued it",
            _ =>
                "its certificate is for another host, or not trusted by this machine: pin= or ca= name one of your own",
        };

    /// <summary>None where the file cannot be read.</summary>
    private static X509Certificate2Collection Read(string file)
    {
        var all = new X509Certificate2Collection();
        try
        {
            all.ImportFromPemFile(file);
        }
        catch (Exception fault)
            when (fault
                    is IOException
                        or UnauthorizedAccessException
                        or CryptographicException
                        or ArgumentException
            )
        {
            all.Clear();
        }

        return all;
    }
}
