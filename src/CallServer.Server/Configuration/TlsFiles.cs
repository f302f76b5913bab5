using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace CallServer.Server.Configuration;

/// <summary>A certificate with its private key, and the certificates that lead to its issuer.</summary>
/// <param name="Leaf">The server's own certificate.</param>
/// <param name="Chain">What a handshake sends.</param>
internal sealed record ServerCertificate(X509Certificate2 Leaf, SslStreamCertificateContext Chain)
{
    /// <summary>When it ends.</summary>
    public DateTimeOffset Ends => Leaf.NotAfter.ToUniversalTime();
}

/// <summary>Reads a server's certificate from files.</summary>
internal static class TlsFiles
{
    /// <summary>What is wrong with the files, and which of them it is.</summary>
    /// <param name="Member">The configuration's name of the file: <c>certificate</c> or <c>key</c>.</param>
    /// <param name="Message">In words; never contains what the files hold.</param>
    public readonly record struct Mistake(string Member, string Message);

    /// <summary>Null and a mistake if the files give no certificate that is valid now.</summary>
    public static ServerCertificate? Read(TlsConfiguration tls, DateTimeOffset now, out Mistake mistake)
    {
        mistake = default;
        if (Octets(tls.Certificate, out var why) is not { } octets)
        {
            mistake = new Mistake("certificate", why);
            return null;
        }

        byte[]? key = null;
        if (tls.Key is not null && (key = Octets(tls.Key, out why)) is null)
        {
            mistake = new Mistake("key", why);
            return null;
        }

        try
        {
            var read = Encoding.ASCII.GetString(octets).Contains("-----BEGIN", StringComparison.Ordinal)
                ? Pem(octets, key ?? octets, tls.Password)
                : Pfx(octets, tls.Password);
            if (read is null)
                mistake = new Mistake("certificate", $"{tls.Certificate} holds no private key");
            else if (read.Ends <= now)
                mistake = new Mistake("certificate", $"{tls.Certificate} expired at {read.Ends:u}");
            else if (read.Leaf.NotBefore.ToUniversalTime() > now)
                mistake = new Mistake(
                    "certificate",
                    $"{tls.Certificate} is not valid before {read.Leaf.NotBefore.ToUniversalTime():u}"
                );
            else
                return read;
        }
        catch (Exception fault) when (fault is CryptographicException or ArgumentException)
        {
            mistake = new Mistake(
                "certificate",
                tls.Key is null
                    ? $"{tls.Certificate} gives no certificate with its private key (PEM, or PFX): {FirstLine(fault)}"
                    : $"{tls.Certificate} and {tls.Key} give no certificate with its private key: {FirstLine(fault)}"
            );
        }

        return null;
    }

    private static ServerCertificate? Pem(byte[] certificates, byte[] key, byte[]? password)
    {
        var text = Encoding.UTF8.GetString(certificates);
        var keyText = Encoding.UTF8.GetString(key);
        if (!keyText.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
            return null;
        var leaf = password is null
            ? X509Certificate2.CreateFromPem(text, keyText)
            : X509Certificate2.CreateFromEncryptedPem(text, keyText, Encoding.UTF8.GetString(password));
        var all = new X509Certificate2Collection();
        all.ImportFromPem(text);
        return Chained(leaf, all);
    }

    private static ServerCertificate? Pfx(byte[] octets, byte[]? password)
    {
        var all = X509CertificateLoader.LoadPkcs12Collection(
            octets,
            password is null ? null : Encoding.UTF8.GetString(password)
        );
        return all.FirstOrDefault(certificate => certificate.HasPrivateKey) is { } leaf
            ? Chained(leaf, all)
            : null;
    }

    private static ServerCertificate Chained(X509Certificate2 leaf, X509Certificate2Collection all)
    {
        var others = new X509Certificate2Collection(
            all.Where(certificate => certificate.Thumbprint != leaf.Thumbprint).ToArray()
        );
        // Offline: nothing is fetched to complete the chain.
        return new ServerCertificate(leaf, SslStreamCertificateContext.Create(leaf, others, offline: true));
    }

    private static byte[]? Octets(string path, out string why)
    {
        why = "";
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception fault)
            when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            why = fault switch
            {
                FileNotFoundException or DirectoryNotFoundException => $"there is no file {path}",
                UnauthorizedAccessException => $"{path} may not be read",
                _ => $"{path} cannot be opened",
            };
            return null;
        }
    }

    private static string FirstLine(Exception fault) => fault.Message.Split('\n')[0].TrimEnd('\r', '.');
}
