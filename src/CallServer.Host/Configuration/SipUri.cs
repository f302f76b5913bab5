namespace CallServer.Host.Configuration;

/// <summary>
/// <c>sip:USER@HOST[:5060][;transport=udp|tcp][?from=URI][&amp;watch=true]</c>: the resource whose dialogs are
/// asked for (RFC 4235), and the URI that is asked as, whose user authenticates.
/// </summary>
internal static class SipUri
{
    private const string PasswordsComeFrom =
        "the password comes from --auth-from, or \"auth\" in the configuration";

    public static GatewayUri? Parse(UriReader read)
    {
        var rest = read.Text[(read.Scheme.Length + 1)..];
        if (rest.StartsWith("//", StringComparison.Ordinal))
        {
            read.Fail("a SIP URI has no //: sip:USER@HOST is expected");
            return null;
        }

        if (!read.TakeQuery(rest, out var resource, out var query))
            return null;
        var user = read.TakeUser(ref resource, PasswordsComeFrom);
        if (user is null)
            read.Fail("whose dialogs is missing: sip:USER@HOST is expected");
        // Escapes stay as they are written: they are SIP's own.
        else if (user.Any(c => c is <= ' ' or > '~' or '<' or '>' or '"'))
            read.Fail("the user before @ holds a character that a SIP URI has to escape with %");
        var semicolon = resource.IndexOf(';', StringComparison.Ordinal);
        var parameters = read.ReadOptions(
            semicolon >= 0 ? resource[(semicolon + 1)..] : null,
            ';',
            "transport"
        );
        read.ReadHost(semicolon >= 0 ? resource[..semicolon] : resource);
        var options = read.ReadQuery(query, "from", "watch");
        var from = read.ReadText(options, "from");
        if (from is not null && MistakeIn(from) is { } mistake)
            read.Fail(mistake);
        return new GatewayUri(read)
        {
            User = user,
            Transport = read.ReadWord(parameters, "transport", "udp", "tcp"),
            From = from,
            Watch = read.ReadWord(options, "watch", "true", "false") == "true",
        };
    }

    /// <summary>What is not repeated in a mistake may hold a password.</summary>
    private static string? MistakeIn(string from)
    {
        if (!from.StartsWith("sip:", StringComparison.OrdinalIgnoreCase))
            return "from= is no SIP URI: sip:USER@DOMAIN is expected";
        var at = from.LastIndexOf('@');
        var user = at > 0 ? from["sip:".Length..at] : "";
        if (user.Contains(':', StringComparison.Ordinal))
            return $"a secret must not stand in a URI; {PasswordsComeFrom}";
        var domain = from[(at + 1)..];
        return user.Length == 0
            || from.Any(c => c is <= ' ' or > '~' or '<' or '>' or '"' or ';' or '?' or '#')
                ? "from= is no SIP URI without parameters: sip:USER@DOMAIN is expected"
            : IsDomain(domain) ? null
            : $"from=: '{domain}' is no host name or address";
    }

    private static bool IsDomain(string domain)
    {
        var mistakes = new List<string>();
        new UriReader("", "sip", 5060, mistakes).ReadHost(domain);
        return mistakes.Count == 0;
    }
}
