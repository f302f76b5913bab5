using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace CallServer.Host.Configuration;

/// <summary>
/// A gateway as people name it: the protocol, where it is, and how it is asked. It never holds a secret.
/// </summary>
public sealed record GatewayUri
{
    private static readonly Dictionary<string, int> Schemes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["snmp"] = 161,
        ["mgcp"] = 2427,
        ["sip"] = 5060,
        ["ng"] = 2223,
        ["ng+tcp"] = 2223,
        ["ng+http"] = 2223,
    };

    private static readonly string[] AuthWords = ["md5", "sha1", "sha256", "sha384", "sha512"];
    private static readonly string[] PrivWords = ["aes128"];
    private static readonly string[] SnmpOptions = ["profile", "auth", "priv", "context"];
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

    private GatewayUri(string text, string scheme, string host, int port)
    {
        Text = text;
        Scheme = scheme;
        Host = host;
        Port = port;
    }

    /// <summary>As written.</summary>
    public string Text { get; }

    /// <summary>In lower case.</summary>
    public string Scheme { get; }

    /// <summary>A name or an address, without brackets.</summary>
    public string Host { get; }

    /// <summary>1 to 65535.</summary>
    public int Port { get; }

    /// <summary>The SNMPv3 user; null asks with SNMPv2c and a community.</summary>
    public string? User { get; private init; }

    /// <summary>md5, sha1, sha256, sha384 or sha512; null where messages are not authenticated.</summary>
    public string? Auth { get; private init; }

    /// <summary>aes128; null where messages are not encrypted.</summary>
    public string? Priv { get; private init; }

    /// <summary>The SNMPv3 context; null is the default one.</summary>
    public string? Context { get; private init; }

    /// <summary>The SNMP profile; null tries those whose identity column answers.</summary>
    public string? Profile { get; private init; }

    /// <summary>What the gateway is called where nobody gave it a name: HOST:PORT.</summary>
    public string Authority =>
        Host.Contains(':', StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $"[{Host}]:{Port}")
            : string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>
    /// The gateway, or everything that is wrong with the text; a secret in it is not repeated.
    /// </summary>
    public static bool TryParse(
        string? text,
        [NotNullWhen(true)] out GatewayUri? uri,
        out IReadOnlyList<string> mistakes
    )
    {
        var found = new List<string>();
        uri = Parse(text ?? "", found);
        mistakes = found;
        if (found.Count > 0)
            uri = null;
        return uri is not null;
    }

    private static GatewayUri? Parse(string text, List<string> mistakes)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var scheme = colon > 0 ? text[..colon] : "";
        if (!Schemes.TryGetValue(scheme, out var defaultPort))
        {
            mistakes.Add(
                scheme.Length == 0
                    ? "a gateway is a URI such as snmp://HOST"
                    : $"'{scheme}' is no protocol known here{Nearest.Hint(scheme, Schemes.Keys)}; known are {string.Join(", ", Schemes.Keys)}"
            );
            return null;
        }

        scheme = scheme.ToLowerInvariant();
        if (scheme != "snmp")
        {
            mistakes.Add($"{scheme} gateways are not built yet; snmp is");
            return null;
        }

        return ParseSnmp(text, scheme, defaultPort, mistakes);
    }

    private static GatewayUri? ParseSnmp(string text, string scheme, int defaultPort, List<string> mistakes)
    {
        var rest = text[(scheme.Length + 1)..];
        if (!rest.StartsWith("//", StringComparison.Ordinal))
        {
            mistakes.Add($"// is expected after {scheme}:");
            return null;
        }

        rest = rest[2..];
        if (rest.Contains('#', StringComparison.Ordinal))
        {
            mistakes.Add("a gateway has no #fragment");
            return null;
        }

        var question = rest.IndexOf('?', StringComparison.Ordinal);
        var query = question >= 0 ? rest[(question + 1)..] : null;
        var authority = question >= 0 ? rest[..question] : rest;
        var slash = authority.IndexOf('/', StringComparison.Ordinal);
        if (slash >= 0)
        {
            if (slash != authority.Length - 1)
                mistakes.Add("a gateway has no path: options follow a ?");
            authority = authority[..slash];
        }

        var user = TakeUser(ref authority, mistakes);
        var (host, port) = ReadHost(authority, defaultPort, mistakes);
        var options = ReadOptions(query, mistakes);
        var auth = ReadWord(options, "auth", AuthWords, mistakes);
        var priv = ReadWord(options, "priv", PrivWords, mistakes);
        if (user is null)
        {
            foreach (var option in new[] { "auth", "priv", "context" })
            {
                if (options.ContainsKey(option))
                    mistakes.Add($"{option}= is for SNMPv3 and needs a user: snmp://USER@HOST?{option}=…");
            }
        }
        else if (priv is not null && !options.ContainsKey("auth"))
            mistakes.Add("priv= needs auth= too: SNMPv3 encrypts only what it authenticates");

        return new GatewayUri(text, scheme, host, port)
        {
            User = user,
            Auth = auth,
            Priv = priv,
            Context = options.GetValueOrDefault("context"),
            Profile = options.GetValueOrDefault("profile"),
        };
    }

    private static string? TakeUser(ref string authority, List<string> mistakes)
    {
        var at = authority.LastIndexOf('@');
        if (at < 0)
            return null;

        var user = authority[..at];
        authority = authority[(at + 1)..];
        if (user.Contains(':', StringComparison.Ordinal))
        {
            mistakes.Add(
                "a secret must not stand in a URI; passphrases come from --auth-from and --priv-from, or \"auth\" and \"priv\" in the configuration"
            );
            return user[..user.IndexOf(':', StringComparison.Ordinal)];
        }

        var decoded = Decode(user, "the user", mistakes);
        if (user.Length == 0)
            mistakes.Add("the user before @ is empty");
        // SnmpAdminString SIZE(1..32), RFC 3414 usmUserName.
        else if (System.Text.Encoding.UTF8.GetByteCount(decoded) > 32)
            mistakes.Add("the user is longer than the 32 octets that SNMPv3 allows");
        return decoded;
    }

    private static (string Host, int Port) ReadHost(string authority, int defaultPort, List<string> mistakes)
    {
        string host;
        string? port;
        if (authority.StartsWith('['))
        {
            var end = authority.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
            {
                mistakes.Add("the ] after the IPv6 address is missing");
                return ("", defaultPort);
            }

            host = authority[1..end].Replace("%25", "%", StringComparison.Ordinal);
            var after = authority[(end + 1)..];
            if (after.Length > 0 && after[0] != ':')
                mistakes.Add($"'{after}' cannot follow the ] of an address");
            port = after.StartsWith(':') ? after[1..] : null;
            if (
                !IPAddress.TryParse(host, out var address)
                || address.AddressFamily != AddressFamily.InterNetworkV6
            )
                mistakes.Add($"'{host}' is no IPv6 address");
        }
        else
        {
            var colon = authority.IndexOf(':', StringComparison.Ordinal);
            host = colon >= 0 ? authority[..colon] : authority;
            port = colon >= 0 ? authority[(colon + 1)..] : null;
            if (port?.Contains(':', StringComparison.Ordinal) == true)
            {
                mistakes.Add("an IPv6 address stands in brackets: snmp://[2001:db8::1]:161");
                return (host, defaultPort);
            }

            if (host.Length == 0)
                mistakes.Add("the host is missing");
            else if (!IsHostName(host))
                mistakes.Add($"'{host}' is no host name or address");
        }

        if (port is null)
            return (host, defaultPort);
        if (
            int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number is >= 1 and <= ushort.MaxValue
        )
            return (host, number);
        mistakes.Add($"'{port}' is no port: a number from 1 to 65535 is expected");
        return (host, defaultPort);
    }

    // Underscores are common in closed networks. What is all digits and dots has to be a whole address:
    // 10.0.0 is a slip.
    private static bool IsHostName(string host) =>
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

    private static Dictionary<string, string> ReadOptions(string? query, List<string> mistakes)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in (query ?? "").Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = equals >= 0 ? part[..equals] : part;
            if (SecretWords.Contains(name, StringComparer.OrdinalIgnoreCase))
                mistakes.Add(
                    $"{name}= would put a secret into a URI; it comes from env:NAME or file:PATH (--community-from, --auth-from, --priv-from)"
                );
            else if (!SnmpOptions.Contains(name, StringComparer.Ordinal))
                mistakes.Add(
                    $"'{name}' is no option of snmp gateways{Nearest.Hint(name, SnmpOptions)}; known are {string.Join(", ", SnmpOptions)}"
                );
            else if (equals < 0 || equals == part.Length - 1)
                mistakes.Add($"{name}= lacks its value");
            else if (!options.TryAdd(name, Decode(part[(equals + 1)..], name, mistakes)))
                mistakes.Add($"{name}= stands there twice");
        }

        return options;
    }

    private static string? ReadWord(
        Dictionary<string, string> options,
        string name,
        string[] words,
        List<string> mistakes
    )
    {
        if (!options.TryGetValue(name, out var word))
            return null;
        if (words.Contains(word, StringComparer.Ordinal))
            return word;
        mistakes.Add(
            $"{name}={word} is not known{Nearest.Hint(word, words)}; known are {string.Join(", ", words)}"
        );
        return null;
    }

    private static string Decode(string text, string what, List<string> mistakes)
    {
        var decoded = Uri.UnescapeDataString(text);
        if (decoded.Any(char.IsControl))
            mistakes.Add($"{what} holds a control character");
        return decoded;
    }
}
