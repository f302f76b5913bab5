using System.Security.Authentication;
using CallServer.Server.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace CallServer.Server.Web;

/// <summary>Encrypts a listener with a certificate that is read again when its files change.</summary>
internal static class HttpsListener
{
    /// <summary>Throws ConfigurationException if the files give no certificate that is valid now.</summary>
    public static FreshFile<ServerCertificate> Open(
        ServerConfiguration configuration,
        TlsConfiguration tls,
        TimeProvider time,
        ILogger logger
    )
    {
        var first =
            TlsFiles.Read(tls, time.GetUtcNow(), out var mistake)
            ?? throw new ConfigurationException([
                new ConfigurationMistake(
                    configuration.Source ?? "configuration",
                    0,
                    $"server.tls.{mistake.Member}",
                    mistake.Message
                ),
            ]);
        return new FreshFile<ServerCertificate>(
            tls.Files,
            first,
            () => (TlsFiles.Read(tls, time.GetUtcNow(), out var wrong), wrong.Message),
            time,
            logger
        );
    }

    /// <summary>Shows the newest certificate in each handshake. TLS 1.2 is the oldest version that is spoken.</summary>
    public static void Use(ListenOptions listen, FreshFile<ServerCertificate> certificate)
    {
#pragma warning disable CA5398 // RFC 8996: nothing older than these two may be negotiated, whatever the system allows
        const SslProtocols Versions = SslProtocols.Tls12 | SslProtocols.Tls13;
#pragma warning restore CA5398
        listen.UseHttps(
            new HttpsConnectionAdapterOptions
            {
                ServerCertificate = certificate.Value.Leaf,
                SslProtocols = Versions,
                OnAuthenticate = (_, handshake) =>
                    handshake.ServerCertificateContext = certificate.Value.Chain,
            }
        );
    }
}
