using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace CallServer.Storage;

/// <summary>
/// Where a record in PostgreSQL is: <c>postgres://USER@HOST[:PORT][,HOST[:PORT]…]/DATABASE[?NAME=VALUE&amp;…]</c>, as in libpq's
/// documentation (PostgreSQL §34.1.1.2), without a password. Of several hosts the one is taken that can be written to.
/// </summary>
public sealed record PostgresAddress
{
    private static readonly string[] Schemes = ["postgres://", "postgresql://"];
    private static readonly string[] SslModes =
    [
        "disable",
        "allow",
        "prefer",
        "require",
        "verify-ca",
        "verify-full",
    ];

    private PostgresAddress(string text, string database)
    {
        Text = text;
        Database = database;
    }

    /// <summary>As it was written; it never holds a secret.</summary>
    public string Text { get; }

    /// <summary>The role; null for the name of the system's user.</summary>
    public string? User { get; private init; }

    /// <summary>Names or addresses with their ports, or one folder with a Unix socket.</summary>
    public IReadOnlyList<(string Host, int Port)> Hosts { get; private init; } = [];

    /// <summary>The database.</summary>
    public string Database { get; }

    /// <summary>The schema that holds the record; it is made if it does not exist.</summary>
    public string Schema { get; private init; } = "callserver";

    /// <summary>libpq's <c>sslmode</c>; null for its default, <c>prefer</c>.</summary>
    public string? SslMode { get; private init; }

    /// <summary>The file with the certificate of the authority; null for the system's.</summary>
    public string? RootCertificate { get; private init; }

    /// <summary>Whether a text names a record in PostgreSQL, rightly or wrongly.</summary>
    public static bool IsMeant(string text) =>
        Array.Exists(Schemes, scheme => text.StartsWith(scheme, StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads an address. The mistake does not repeat what may be a password.</summary>
    public static bool TryParse(
        string text,
        [NotNullWhen(true)] out PostgresAddress? address,
        [NotNullWhen(false)] out string? mistake
    )
    {
        address = null;
        mistake = "postgres://USER@HOST[:PORT]/DATABASE is expected";
        if (!IsMeant(text))
            return false;
        var rest = text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var query = "";
        if (rest.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark)
            (rest, query) = (rest[..mark], rest[(mark + 1)..]);
        string? user = null;
        if (rest.LastIndexOf('@') is >= 0 and var at)
            (user, rest) = (rest[..at], rest[(at + 1)..]);
        if (user?.Contains(':', StringComparison.Ordinal) is true)
        {
            mistake =
                "a password does not stand in the address: it is named beside it, as env:NAME or file:PATH";
            return false;
        }
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || slash == rest.Length - 1 || rest.LastIndexOf('/') != slash)
            return false;
        var read = new PostgresAddress(text, Uri.UnescapeDataString(rest[(slash + 1)..]))
        {
            User = string.IsNullOrEmpty(user) ? null : Uri.UnescapeDataString(user),
        };
        var hosts = rest[..slash];
        if (!TryQuery(query, ref read, ref hosts, out mistake) || !TryHosts(hosts, out var all, out mistake))
            return false;
        address = read with { Hosts = all };
        mistake = null;
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static bool TryQuery(
        string query,
        ref PostgresAddress read,
        ref string hosts,
        [NotNullWhen(false)] out string? mistake
    )
    {
        foreach (var part in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? part : part[..equals];
            var value = equals < 0 ? "" : Uri.UnescapeDataString(part[(equals + 1)..]);
            mistake = $"'{name}' has no value";
            if (value.Length == 0)
                return false;
            switch (name)
            {
                case "host":
                    hosts = value;
                    break;
                case "schema" when value.All(c => c is '_' or (>= 'a' and <= 'z') or (>= '0' and <= '9')):
                    read = read with { Schema = value };
                    break;
                case "schema":
                    mistake = "a schema's name is of small letters, digits and underscores";
                    return false;
                case "sslmode" when SslModes.Contains(value):
                    read = read with { SslMode = value };
                    break;
                case "sslmode":
                    mistake = $"sslmode is one of {string.Join(", ", SslModes)}";
                    return false;
                case "sslrootcert":
                    read = read with { RootCertificate = value };
                    break;
                default:
                    mistake =
                        name == "password"
                            ? "a password does not stand in the address: it is named beside it, as env:NAME or file:PATH"
                            : $"'{name}' is not known here; known are host, schema, sslmode, sslrootcert";
                    return false;
            }
        }

        mistake = null;
        return true;
    }

    private static bool TryHosts(
        string text,
        out List<(string Host, int Port)> hosts,
        [NotNullWhen(false)] out string? mistake
    )
    {
        const int usualPort = 5432;
        hosts = [];
        mistake = null;
        foreach (var one in text.Split(','))
        {
            // A colon within brackets is of an IPv6 address.
            var colon = one.LastIndexOf(':');
            var hasPort = colon > one.LastIndexOf(']');
            var host = (hasPort ? one[..colon] : one).Trim('[', ']');
            var port = usualPort;
            if (
                host.Length == 0
                || (
                    hasPort
                    && !(
                        int.TryParse(
                            one[(colon + 1)..],
                            NumberStyles.None,
                            CultureInfo.InvariantCulture,
                            out port
                        ) && port is > 0 and <= ushort.MaxValue
                    )
                )
            )
            {
                mistake = $"'{one}' is not HOST or HOST:PORT";
                return false;
            }
            hosts.Add((host, port));
        }
        return true;
    }
}
