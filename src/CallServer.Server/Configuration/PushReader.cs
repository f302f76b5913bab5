using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>Reads <c>cdr.http</c>.</summary>
internal static class PushReader
{
    /// <summary>Null if there is no such section, or if it is wrong; mistakes go to the reader.</summary>
    /// <param name="read">Takes the mistakes.</param>
    /// <param name="cdr">The section <c>cdr</c>.</param>
    public static PushConfiguration? Read(DocumentReader read, Document? cdr)
    {
        if (DocumentReader.Member(cdr, "http") is not { } section)
            return null;
        if (section.Kind != DocumentKind.Members)
        {
            read.Fail(section, $"an object is expected here, not {section.KindInWords}");
            return null;
        }

        if (Keys.CdrHttp.Url.In(section) is null)
            read.Fail(section, "lacks \"url\", where CDRs are posted: \"url\": \"https://HOST/PATH\"");
        var url = Url(read, Keys.CdrHttp.Url.In(section));
        var token = Token(read, Keys.CdrHttp.Token.In(section));
        var ca = Authorities(read, Keys.CdrHttp.Ca.In(section), url);
        var batch = read.Integer(section, Keys.CdrHttp.Batch);
        var every = read.Duration(section, Keys.CdrHttp.Every);
        var deadline = read.Duration(section, Keys.CdrHttp.Deadline);
        var records = Records(read, Keys.CdrHttp.Records.In(section), cdr);
        var gzipFrom = read.Size(section, Keys.CdrHttp.GzipFrom);
        if (url is null)
            return null;
        var plain = new PushConfiguration { Url = url };
        return new PushConfiguration
        {
            Url = url,
            Token = token,
            Authorities = ca,
            Batch = batch ?? plain.Batch,
            Every = every ?? plain.Every,
            Deadline = deadline ?? plain.Deadline,
            Records = records ?? plain.Records,
            GzipFrom = gzipFrom,
        };
    }

    private static Uri? Url(DocumentReader read, Document? node)
    {
        if (read.Text(node) is not { } text)
            return null;
        // A text that is refused is not repeated where it may hold a password.
        if (
            !Uri.TryCreate(text, UriKind.Absolute, out var url)
            || (url.Scheme != Uri.UriSchemeHttps && url.Scheme != Uri.UriSchemeHttp)
            || url.Host.Length == 0
        )
            read.Fail(node!, "is not https://HOST/PATH, where CDRs are posted");
        else if (url.UserInfo.Length > 0)
            read.Fail(
                node!,
                "names a user: what proves this server to the receiver is named by \"token\": \"env:NAME\" or \"file:PATH\""
            );
        else if (url.Fragment.Length > 0)
            read.Fail(node!, "has a part after #, which is never sent: leave it out");
        else if (url.Scheme == Uri.UriSchemeHttp && !url.IsLoopback)
            read.Fail(
                node!,
                $"over http everybody on the way to {url.Host} could read the CDRs and the token: https://… is expected; http only where the receiver, or a proxy with TLS, is on this machine (127.0.0.1, [::1], localhost)"
            );
        else
            return url;
        return null;
    }

    /// <summary>The token must be valid in a header (RFC 6750 §2.1).</summary>
    private static byte[]? Token(DocumentReader read, Document? node)
    {
        if (read.Secret(node) is not { } token)
            return null;
        if (token.All(octet => octet is > 0x20 and < 0x7F))
            return token;
        read.Fail(node!, "the token holds a space or what no header carries: visible ASCII is expected");
        return null;
    }

    private static List<X509Certificate2> Authorities(DocumentReader read, Document? node, Uri? url)
    {
        if (read.Text(node) is not { } path)
            return [];
        if (url is { Scheme: "http" })
            read.Fail(node!, "has no effect while cdr.http.url is http://…: make that https://…");
        try
        {
            var all = new X509Certificate2Collection();
            all.ImportFromPem(File.ReadAllText(path));
            if (all.Count > 0)
                return [.. all];
            read.Fail(node!, $"{path} holds no certificate in PEM");
        }
        catch (Exception fault)
            when (fault
                    is IOException
                        or UnauthorizedAccessException
                        or ArgumentException
                        or CryptographicException
            )
        {
            read.Fail(
                node!,
                fault switch
                {
                    FileNotFoundException or DirectoryNotFoundException => $"there is no file {path}",
                    UnauthorizedAccessException => $"{path} may not be read",
                    CryptographicException => $"{path} holds no certificate in PEM",
                    _ => $"{path} cannot be opened",
                }
            );
        }

        return [];
    }

    private static List<string>? Records(DocumentReader read, Document? node, Document? cdr)
    {
        if (node is null)
            return null;
        if (node.Kind != DocumentKind.Items || !node.Items.Any())
        {
            read.Fail(
                node,
                $"a list of {string.Join(", ", Keys.CdrHttp.Records.Words!)} is expected here, not {(node.Kind == DocumentKind.Items ? "an empty one" : node.KindInWords)}"
            );
            return null;
        }

        var records = new List<string>();
        foreach (var item in node.Items)
        {
            if (read.Word(item, Keys.CdrHttp.Records.Words!) is not { } record)
                continue;
            if (record == AccountingKind.Interim && Keys.Cdr.Interim.In(cdr) is null)
                read.Fail(item, "there are no interim records unless cdr.interim says how often: \"10m\"");
            records.Add(record);
        }

        return [.. records.Distinct()];
    }
}
