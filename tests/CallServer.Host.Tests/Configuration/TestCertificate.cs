using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CallServer.Host.Tests.Configuration;

/// <summary>Certificates made for one test.</summary>
internal static class TestCertificate
{
    /// <summary>Writes a certificate for localhost and its key in PEM; returns its thumbprint.</summary>
    public static string Write(string certificate, string key, int days = 30, int ago = 1)
    {
        using var pair = Make(days, ago, out var secret);
        using (secret)
        {
            File.WriteAllText(certificate, pair.ExportCertificatePem() + "\n");
            File.WriteAllText(key, secret.ExportPkcs8PrivateKeyPem() + "\n");
        }

        return pair.Thumbprint;
    }

    /// <summary>Writes both in PKCS #12.</summary>
    public static void WritePfx(string file, string? password)
    {
        using var pair = Make(30, 1, out var secret);
        secret.Dispose();
        File.WriteAllBytes(file, pair.Export(X509ContentType.Pkcs12, password));
    }

    private static X509Certificate2 Make(int days, int ago, out ECDsa key)
    {
        key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-ago), now.AddDays(days));
    }
}
