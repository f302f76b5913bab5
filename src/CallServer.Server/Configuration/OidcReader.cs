using CallServer.Surface;
using Microsoft.IdentityModel.Tokens;

namespace CallServer.Server.Configuration;

/// <summary>Reads <c>server.oidc</c>.</summary>
internal static class OidcReader
{
    /// <summary>Null if there is no such section, or if it is wrong; mistakes go to the reader.</summary>
    public static OidcConfiguration? Read(DocumentReader read, Document? server)
    {
        if (DocumentReader.Member(server, "oidc") is not { } node)
            return null;
        if (node.Kind != DocumentKind.Members)
        {
            read.Fail(node, $"an object is expected here, not {node.KindInWords}");
            return null;
        }

        var keys = read.Text(DocumentReader.Member(node, "keys"));
        var issuer = Needed("issuer");
        var audience = Needed("audience");
        if (issuer is not null && !IsIssuer(issuer, keys is not null))
            read.Fail(
                DocumentReader.Member(node, "issuer")!,
                $"'{issuer}' is not https://HOST/…, where the issuer's keys can be asked for"
            );
        if (keys is not null && KeySet(keys, out var why) is null)
            read.Fail(DocumentReader.Member(node, "keys")!, why);
        if (issuer is null || audience is null)
            return null;
        var plain = new OidcConfiguration { Issuer = issuer, Audience = audience };
        var oidc = plain with
        {
            Keys = keys,
            RoleClaim = read.Text(DocumentReader.Member(node, "roleClaim")) ?? plain.RoleClaim,
            ReadRole = read.Text(DocumentReader.Member(node, "readRole")) ?? plain.ReadRole,
            ControlRole = read.Text(DocumentReader.Member(node, "controlRole")) ?? plain.ControlRole,
        };
        if (oidc.ReadRole == oidc.ControlRole)
            read.Fail(node, "\"readRole\" and \"controlRole\" are the same: whoever may read could control");
        return oidc;

        string? Needed(string name)
        {
            var member = DocumentReader.Member(node, name);
            if (member is null)
                read.Fail(node, $"lacks \"{name}\"");
            return read.Text(member);
        }
    }

    /// <summary>The public keys of a JWK set; null and why if the file gives none.</summary>
    public static IReadOnlyList<SecurityKey>? KeySet(string path, out string why)
    {
        why = "";
        try
        {
            SecurityKey[] keys =
            [
                .. new JsonWebKeySet(File.ReadAllText(path))
                    .GetSigningKeys()
                    .Where(key => key is not SymmetricSecurityKey),
            ];
            if (keys.Length > 0)
                return keys;
            why = $"{path} holds no public key that signs";
        }
        catch (Exception fault)
            when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            why = fault switch
            {
                FileNotFoundException or DirectoryNotFoundException => $"there is no file {path}",
                UnauthorizedAccessException => $"{path} may not be read",
                IOException => $"{path} cannot be opened",
                _ => $"{path} is no JWK set (RFC 7517)",
            };
        }

        return null;
    }

    /// <summary>Keys that come over the network must come encrypted, except from this machine.</summary>
    private static bool IsIssuer(string text, bool hasKeys) =>
        hasKeys
        || (
            Uri.TryCreate(text, UriKind.Absolute, out var issuer)
            && (
                issuer.Scheme == Uri.UriSchemeHttps
                || (issuer.Scheme == Uri.UriSchemeHttp && issuer.IsLoopback)
            )
        );
}
