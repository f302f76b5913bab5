using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace CallServer.Host.Configuration;

/// <summary>What the URIs of all protocols have in common; every mistake is kept, and reading goes on.</summary>
internal sealed class UriReader(string text, string scheme, int defaultPort, List<string> mistakes)
{
    /// <summary>Replies may come from any port of the host that is asked.</summary>
    public const string AnyPort = "any-port";

    private static readonly string[] SecretWords =
    [
        "community",
        "password",
        "pass",
        "passphrase",
        "secret",
        "authpass",
        "privpass",
        "authkey",
        "privkey",
        "key",
        "token",
    ];

    /// <summary>The whole URI.</summary>
    public string Text => text;

    public string Scheme => scheme;

    /// <summary>Known after <see cref="ReadHost"/>.</summary>
    public string Host { get; private set; } = "";

    /// <summary>Known after <see cref="ReadHost"/>.</summary>
    public int Port { get; private set; } = defaultPort;

    /// <summary>Known after <see cref="ReadQuery"/>: any-port, a host, or null.</summary>
    public string? Replies { get; private set; }

    public void Fail(string mistake) => mistakes.Add(mistake);

    /// <summary>
    /// What stands between // and the options, and the options; null where the beginning is wrong.
    /// </summary>
    public (string Authority, string? Query)? Split()
    {
        var rest = text[(scheme.Length + 1)..];
        if (!rest.StartsWith("//", StringComparison.Ordinal))
        {
            Fail($"// is expected after {scheme}:");
            return null;
        }

        if (!TakeQuery(rest[2..], out var authority, out var query))
            return null;
        var slash = authority.IndexOf('/', StringComparison.Ordinal);
        if (slash >= 0)
        {
            if (slash != authority.Length - 1)
                Fail("a gateway has no path: options follow a ?");
            authority = authority[..slash];
        }

        return (authority, query);
    }

    /// <summary>Before and after the first question mark.</summary>
    public bool TakeQuery(string rest, out string before, out string? query)
    {
        var question = rest.IndexOf('?', StringComparison.Ordinal);
        query = question >= 0 ? rest[(question + 1)..] : null;
        before = question >= 0 ? rest[..question] : rest;
        if (!rest.Contains('#', StringComparison.Ordinal))
            return true;
        Fail("a gateway has no #fragment");
        return false;
    }

    /// <summary>
    /// What stands before the @, as written, and takes it off; null where there is no @. A secret after a
    /// colon is refused with these words of where it comes from, and not returned.
    /// </summary>
    public string? TakeUser(ref string authority, string secretsComeFrom)
    {
        var at = authority.LastIndexOf('@');
        if (at < 0)
            return null;

        var user = authority[..at];
        authority = authority[(at + 1)..];
        var colon = user.IndexOf(':', StringComparison.Ordinal);
        if (colon >= 0)
        {
            Fail($"a secret must not stand in a URI; {secretsComeFrom}");
            return user[..colon];
        }

        if (user.Length == 0)
            Fail("the user before @ is empty");
        return user;
    }

    /// <summary>For protocols that know no user.</summary>
    public void RefuseUser(ref string authority)
    {
        if (TakeUser(ref authority, $"{scheme} gateways take none") is { Length: > 0 })
            Fail($"{scheme} gateways know no user: {scheme}://HOST is expected");
    }

    public void ReadHost(string authority)
    {
        string? port;
        if (authority.StartsWith('['))
        {
            var end = authority.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
            {
                Fail("the ] after the IPv6 address is missing");
                return;
            }

            Host = authority[1..end].Replace("%25", "%", StringComparison.Ordinal);
            var after = authority[(end + 1)..];
            if (after.Length > 0 && after[0] != ':')
                Fail($"'{after}' cannot follow the ] of an address");
            port = after.StartsWith(':') ? after[1..] : null;
            if (
                !IPAddress.TryParse(Host, out var address)
                || address.AddressFamily != AddressFamily.InterNetworkV6
            )
                Fail($"'{Host}' is no IPv6 address");
        }
        else
        {
            var colon = authority.IndexOf(':', StringComparison.Ordinal);
            Host = colon >= 0 ? authority[..colon] : authority;
            port = colon >= 0 ? authority[(colon + 1)..] : null;
            if (port?.Contains(':', StringComparison.Ordinal) == true)
            {
                Fail(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"an IPv6 address stands in brackets: [2001:db8::1]:{Port}"
                    )
                );
                return;
            }

            if (Host.Length == 0)
                Fail("the host is missing");
            else if (!IsHostName(Host))
                Fail($"'{Host}' is no host name or address");
        }

        if (port is null)
            return;
        if (
            int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number is >= 1 and <= ushort.MaxValue
        )
            Port = number;
        else
            Fail($"'{port}' is no port: a number from 1 to 65535 is expected");
    }

    // Underscores are common in closed networks. What is all digits and dots has to be a whole address:
    // 10.0.0 is a slip.
    public static bool IsHostName(string host) =>
        host.All(c => char.IsDigit(c) || c == '.')
            ? host.Split('.').Length == 4 && IPAddress.TryParse(host, out _)
            : host.Length <= 253
                && host.TrimEnd('.')
                    .Split('.')
                    .All(label =>
                        label.Length is > 0 and <= 63
                        && label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
                        && label[0] != '-'
                        && label[^1] != '-'
                    );

    /// <summary>
    /// The options after the ?, as written: the protocol's own, and <c>replies=any-port|HOST</c>, which every
    /// gateway has.
    /// </summary>
    public Dictionary<string, string> ReadQuery(string? query, params string[] known)
    {
        var options = ReadOptions(query, '&', [.. known, "replies"]);
        if (ReadText(options, "replies") is not { } replies)
            return options;
        var host = replies.Trim('[', ']');
        if (replies == AnyPort || IPAddress.TryParse(host, out _) || IsHostName(host))
            Replies = replies == AnyPort ? AnyPort : host;
        else
            Fail($"replies={replies} is neither {AnyPort} nor a host that replies come from");
        return options;
    }

    /// <summary>NAME=VALUE between these marks, as written; none twice, none unknown, none a secret.</summary>
    public Dictionary<string, string> ReadOptions(string? query, char mark, params string[] known)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in (query ?? "").Split(mark, StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = equals >= 0 ? part[..equals] : part;
            if (SecretWords.Contains(name, StringComparer.OrdinalIgnoreCase))
                Fail(
                    $"{name}= would put a secret into a URI; it comes from env:NAME or file:PATH (--community-from, --auth-from, --priv-from)"
                );
            else if (known.Length == 0)
                Fail($"'{name}' is no option of {scheme} gateways: they have none");
            else if (!known.Contains(name, StringComparer.Ordinal))
                Fail(
                    $"'{name}' is no option of {scheme} gateways{Nearest.Hint(name, known)}; known are {string.Join(", ", known)}"
                );
            else if (equals < 0 || equals == part.Length - 1)
                Fail($"{name}= lacks its value");
            else if (!options.TryAdd(name, part[(equals + 1)..]))
                Fail($"{name}= stands there twice");
        }

        return options;
    }

    /// <summary>An option's text, decoded; null where it is not there.</summary>
    public string? ReadText(Dictionary<string, string> options, string name) =>
        options.TryGetValue(name, out var value) ? Decode(value, name) : null;

    /// <summary>An option's word, one of these; null where it is not there, or another.</summary>
    public string? ReadWord(Dictionary<string, string> options, string name, params string[] words)
    {
        if (ReadText(options, name) is not { } word)
            return null;
        if (words.Contains(word, StringComparer.Ordinal))
            return word;
        Fail($"{name}={word} is not known{Nearest.Hint(word, words)}; known are {string.Join(", ", words)}");
        return null;
    }

    public string Decode(string part, string what)
    {
        var decoded = Uri.UnescapeDataString(part);
        if (decoded.Any(char.IsControl))
            Fail($"{what} holds a control character");
        return decoded;
    }
}
