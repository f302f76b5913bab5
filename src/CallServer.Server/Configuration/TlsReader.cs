using System.Globalization;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>Reads <c>server.tls</c>, and looks whether its files can be used.</summary>
internal static class TlsReader
{
    private const int SoonDays = 14;

    /// <summary>Null if there is no such section, or if it is wrong; mistakes go to the reader.</summary>
    /// <param name="read">Takes the mistakes.</param>
    /// <param name="server">The section <c>server</c>.</param>
    /// <param name="now">The present.</param>
    /// <param name="warn">Takes what is doubtful.</param>
    public static TlsConfiguration? Read(
        DocumentReader read,
        Document? server,
        DateTimeOffset now,
        Action<Document, string> warn
    )
    {
        if (DocumentReader.Member(server, "tls") is not { } node)
            return null;
        if (node.Kind != DocumentKind.Members)
        {
            read.Fail(node, $"an object is expected here, not {node.KindInWords}");
            return null;
        }

        var certificate = read.Text(DocumentReader.Member(node, "certificate"));
        var key = read.Text(DocumentReader.Member(node, "key"));
        var passwordNode = DocumentReader.Member(node, "password");
        var password = read.Secret(passwordNode);
        if (DocumentReader.Member(node, "certificate") is null)
            read.Fail(node, "lacks \"certificate\", a file in PEM or PFX");
        if (certificate is null || (password is null && passwordNode is not null))
            return null;

        var tls = new TlsConfiguration
        {
            Certificate = certificate,
            Key = key,
            Password = password,
        };
        if (TlsFiles.Read(tls, now, out var mistake) is not { } found)
        {
            read.Fail(DocumentReader.Member(node, mistake.Member) ?? node, mistake.Message);
            return null;
        }

        var days = (found.Ends - now).TotalDays;
        if (days < SoonDays)
            warn(
                DocumentReader.Member(node, "certificate")!,
                string.Create(CultureInfo.InvariantCulture, $"{certificate} expires in {days:0} days")
            );
        return tls;
    }
}
