using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CallServer.Server.Net;

/// <summary>Certificate authorities of one's own, beside those that the machine trusts.</summary>
internal static class Authorities
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>
    /// Whether the machine trusts a server's certificate, or one of these has issued it. A certificate for another host is
    /// never trusted.
    /// </summary>
    public static bool Trust(
        IEnumerable<X509Certificate2> authorities,
        X509Certificate? told,
        X509Chain? seen,
        SslPolicyErrors faults
    )
    {
        if (faults == SslPolicyErrors.None)
            return true;
        if (
            told is not X509Certificate2 certificate
            || faults != SslPolicyErrors.RemoteCertificateChainErrors
        )
            return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange((X509Certificate2[])[.. authorities]);
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        // As in a handshake without them: nothing is fetched.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        if (seen is not null)
            chain.ChainPolicy.ExtraStore.AddRange(seen.ChainPolicy.ExtraStore);
        return chain.Build(certificate);
    }
}
