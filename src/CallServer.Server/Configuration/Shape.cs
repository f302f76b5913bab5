using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// The names that the configuration knows, and where: for refusing others, and for matching the environment's
/// upper-case names.
/// </summary>
internal sealed class Shape
{
    private static readonly Shape Leaf = new();

    private Shape() { }

    /// <summary>The shape of the whole file.</summary>
    public static Shape Root { get; } =
        Object(
            (
                "server",
                Object(
                    ("name", Leaf),
                    ("listen", Leaf),
                    ("data", Leaf),
                    ("token", Leaf),
                    ("readToken", Leaf),
                    ("controlToken", Leaf),
                    ("tls", Names("certificate", "key", "password")),
                    ("oidc", Names("issuer", "audience", "roleClaim", "readRole", "controlRole", "keys")),
                    ("hosts", new Shape { Item = Leaf }),
                    ("controlsPerSecond", Leaf),
                    ("eventReaders", Leaf),
                    ("umask", Leaf)
                )
            ),
            ("pair", Names("peer", "secret", "patience")),
            ("backup", Names("of", "standby", "heartbeat", "misses")),
            (
                "polling",
                Names([
                    "interval",
                    "timeout",
                    "attempts",
                    "gatewaysInFlight",
                    "deadline",
                    "backoffLimit",
                    "memory",
                    .. GatewayBounds.Names,
                ])
            ),
            ("cdr", Names("file", "csv", "rotate", "rotateSize", "interim", "followLinks")),
            ("keep", Names("cdrs", "cdrsAtMost", "changes", "audits", "controls", "controlsAtMost")),
            ("privacy", Names("mask", "cdrFiles", "retain")),
            ("radius", Names("server", "secret", "source", "timeout", "nasIdentifier")),
            ("listeners", Names("mgcp", "traps")),
            (
                "gateways",
                new Shape
                {
                    Item = Names([
                        "id",
                        "uri",
                        "community",
                        "auth",
                        "priv",
                        "interval",
                        "timeout",
                        "attempts",
                        "history",
                        "complete",
                        .. GatewayBounds.Names,
                    ]),
                }
            ),
            ("profiles", new Shape { IsOpen = true })
        );

    /// <summary>The members of an object; empty for anything else.</summary>
    public IReadOnlyDictionary<string, Shape> Members { get; private init; } =
        new Dictionary<string, Shape>();

    /// <summary>The shape of a list's items; null if this is no list.</summary>
    public Shape? Item { get; private init; }

    /// <summary>Whether the names here are the user's own and are checked by whoever reads them.</summary>
    public bool IsOpen { get; private init; }

    /// <summary>Calls <paramref name="stranger"/> for every member that is not known here.</summary>
    public void Check(Document document, Action<Document, string> stranger)
    {
        if (IsOpen)
            return;
        if (Item is not null)
        {
            foreach (var item in document.Items)
                Item.Check(item, stranger);
        }

        foreach (var (name, child) in document.Members)
        {
            if (Members.TryGetValue(name, out var shape))
                shape.Check(child, stranger);
            else if (Members.Count > 0)
                stranger(
                    child,
                    $"is not known here{Nearest.Hint(name, Members.Keys)}; known are {string.Join(", ", Members.Keys)}"
                );
        }
    }

    private static Shape Names(params string[] names) =>
        new() { Members = names.ToDictionary(name => name, _ => Leaf, StringComparer.Ordinal) };

    private static Shape Object(params (string Name, Shape Shape)[] members) =>
        new()
        {
            Members = members.ToDictionary(
                member => member.Name,
                member => member.Shape,
                StringComparer.Ordinal
            ),
        };
}
