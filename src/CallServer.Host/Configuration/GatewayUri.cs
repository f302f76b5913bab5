using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace CallServer.Host.Configuration;

/// <summary>
/// A gateway as people name it: the protocol, where it is, and how it is asked. It never holds a secret. What
/// a protocol does not have is null, false or empty.
/// </summary>
public sealed record GatewayUri
{
    private static readonly Dictionary<string, (int Port, Parser Parse)> Schemes = new(
        StringComparer.OrdinalIgnoreCase
    )
    {
        ["snmp"] = (161, SnmpUri.Parse),
        ["mgcp"] = (2427, MgcpUri.Parse),
        ["sip"] = (5060, SipUri.Parse),
        ["ng"] = (2223, NgUri.Parse),
        ["ng+tcp"] = (2223, NgUri.Parse),
        ["ng+http"] = (2223, NgUri.Parse),
    };

    internal GatewayUri(UriReader read)
    {
        Text = read.Text;
        Scheme = read.Scheme;
        Host = read.Host;
        Port = read.Port;
        Replies = read.Replies;
    }

    private delegate GatewayUri? Parser(UriReader read);

    /// <summary>As written.</summary>
    public string Text { get; }

    /// <summary>In lower case: snmp, mgcp, sip, ng, ng+tcp or ng+http.</summary>
    public string Scheme { get; }

    /// <summary>snmp, mgcp, sip or ng, whatever it travels in.</summary>
    public string Protocol => Scheme.Split('+')[0];

    /// <summary>A name or an address, without brackets.</summary>
    public string Host { get; }

    /// <summary>1 to 65535.</summary>
    public int Port { get; }

    /// <summary>
    /// The SNMPv3 user, where null asks with SNMPv2c and a community; or whose dialogs a SIP gateway is asked
    /// for, never null there.
    /// </summary>
    public string? User { get; internal init; }

    /// <summary>md5, sha1, sha256, sha384 or sha512; null where messages are not authenticated.</summary>
    public string? Auth { get; internal init; }

    /// <summary>aes128; null where messages are not encrypted.</summary>
    public string? Priv { get; internal init; }

    /// <summary>The SNMPv3 context; null is the default one.</summary>
    public string? Context { get; internal init; }

    /// <summary>The SNMP profile; null tries those whose identity column answers.</summary>
    public string? Profile { get; internal init; }

    /// <summary>The MGCP endpoints asked for, as LOCAL or LOCAL@DOMAIN with wildcards; at least one.</summary>
    public IReadOnlyList<string> Endpoints { get; internal init; } = [];

    /// <summary>Connections that an MGCP gateway does not list may be asked for by an empty MDCX.</summary>
    public bool VerifiesByModifying { get; internal init; }

    /// <summary>Packets that both parties of an ng call sent tell how long it has been active.</summary>
    public bool MediaAnswers { get; internal init; }

    /// <summary>
    /// What MGCP commands are written in at first: 0.1, ncs or tgcp; null is 1.0 without a profile.
    /// </summary>
    public string? MgcpVersion { get; internal init; }

    /// <summary>udp, tcp or http; null lets SIP take UDP first and then TCP.</summary>
    public string? Transport { get; internal init; }

    /// <summary>The SIP URI that is asked as, whose user authenticates; null is anonymous.</summary>
    public string? From { get; internal init; }

    /// <summary>A SIP gateway is subscribed to besides being asked.</summary>
    public bool Watch { get; internal init; }

    /// <summary>What the gateway is called where nobody gave it a name: HOST:PORT.</summary>
    public string Authority =>
        Host.Contains(':', StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $"[{Host}]:{Port}")
            : string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");

    /// <summary>
    /// Where its datagrams may come from besides where it is asked: any-port of that host, or of this other
    /// one; null is nowhere.
    /// </summary>
    public string? Replies { get; }

    /// <summary>Messages to it are the bodies of HTTP requests.</summary>
    public bool OverHttp => Transport == "http";

    /// <summary>A community is sent to it.</summary>
    public bool TakesCommunity => Scheme == "snmp" && User is null;

    /// <summary>It is told who asks: SNMPv3's auth=, or SIP's from=.</summary>
    public bool TakesAuth => Auth is not null || From is not null;

    /// <summary>What is sent to it is encrypted.</summary>
    public bool TakesPriv => Priv is not null;

    /// <summary>Everything else follows from the text.</summary>
    public bool Equals(GatewayUri? other) => other is not null && Text == other.Text;

    /// <inheritdoc/>
    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

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
        if (Schemes.TryGetValue(scheme, out var known))
            return known.Parse(new UriReader(text, scheme.ToLowerInvariant(), known.Port, mistakes));

        mistakes.Add(
            scheme.Length == 0
                ? "a gateway is a URI such as snmp://HOST"
                : $"'{scheme}' is no protocol known here{Nearest.Hint(scheme, Schemes.Keys)}; known are {string.Join(", ", Schemes.Keys)}"
        );
        return null;
    }
}
