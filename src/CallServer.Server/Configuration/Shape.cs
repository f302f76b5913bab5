using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// What the configuration knows, and where: for refusing other names, for matching the environment's upper-case
/// names, and for the schema.
/// </summary>
internal sealed class Shape
{
    /// <summary>The member by which a file names its schema for editors; it is passed over.</summary>
    public const string SchemaName = "$schema";

    private Shape() { }

    /// <summary>The shape of the whole file.</summary>
    public static Shape Root { get; } =
        Object(
                "The configuration of a CallServer.",
                (
                    "server",
                    Section("This server.", Keys.Server.All)
                        .With(
                            (
                                "tls",
                                Section(
                                    "The certificate, where listen is https; read again when its files change.",
                                    Keys.Tls.All,
                                    Keys.Tls.Certificate
                                )
                            ),
                            (
                                "oidc",
                                Section(
                                    "Whose bearer tokens (OpenID Connect) are accepted; off unless given.",
                                    Keys.Oidc.All,
                                    Keys.Oidc.Issuer,
                                    Keys.Oidc.Audience
                                )
                            )
                        )
                ),
                (Keys.Mode.Word.Name, Of(Keys.Mode.Word)),
                (Keys.Store.Place.Name, Of(Keys.Store.Place)),
                (Keys.Store.Password.Name, Of(Keys.Store.Password)),
                (
                    "pair",
                    Section("The other server of a pair; on both servers.", Keys.Pair.All, Keys.Pair.Secret)
                ),
                ("backup", Section("Only on a backup: whom it backs up.", Keys.Backup.All, Keys.Backup.Of)),
                (
                    "fleet",
                    Section("Only where mode is fleet: this host of it.", Keys.Fleet.All, Keys.Fleet.Listen)
                ),
                ("polling", Section("How all gateways are asked.", Keys.Polling.All)),
                (
                    "cdr",
                    Section("Where CDRs go: files, and another system over HTTP.", Keys.Cdr.All)
                        .With(
                            (
                                "http",
                                Section(
                                    "Posts CDRs to another system; off unless given.",
                                    Keys.CdrHttp.All,
                                    Keys.CdrHttp.Url
                                )
                            )
                        )
                ),
                ("keep", Section("How much of the past the store keeps.", Keys.Keep.All)),
                (
                    "privacy",
                    Section("How numbers of people are shown, and how long they are kept.", Keys.Privacy.All)
                ),
                (
                    "radius",
                    Section(
                        "RADIUS accounting; off unless given.",
                        Keys.Radius.All,
                        Keys.Radius.Server,
                        Keys.Radius.Secret
                    )
                ),
                (
                    "listeners",
                    Section("Where gateways may announce restarts; off unless given.", Keys.Listeners.All)
                ),
                (
                    "gateways",
                    new Shape
                    {
                        Means = "The gateways to audit.",
                        Item = Section("One gateway.", Keys.Gateway.All, Keys.Gateway.Id, Keys.Gateway.Uri),
                    }
                ),
                (
                    "profiles",
                    new Shape
                    {
                        Means =
                            "SNMP profiles of your own, by name, in the shape of the built-in ones (callserver profiles NAME).",
                        IsOpen = true,
                    }
                )
            )
            .Requiring("gateways");

    /// <summary>What it is for.</summary>
    public string Means { get; private init; } = "";

    /// <summary>What the value may be; null for an object and for a list of objects.</summary>
    public Key? Key { get; private init; }

    /// <summary>The members of an object; empty for anything else.</summary>
    public IReadOnlyDictionary<string, Shape> Members { get; private init; } =
        new Dictionary<string, Shape>();

    /// <summary>The members that must be there.</summary>
    public IReadOnlyList<string> Required { get; private init; } = [];

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
            if (name == SchemaName && this == Root)
                continue;
            if (Members.TryGetValue(name, out var shape))
                shape.Check(child, stranger);
            else if (Members.Count > 0)
                stranger(
                    child,
                    $"is not known here{Nearest.Hint(name, Members.Keys)}; known are {string.Join(", ", Members.Keys)}"
                );
        }
    }

    private static Shape Of(Key key) =>
        new()
        {
            Means = key.Means,
            Key = key,
            Item = key is TextsKey ? new Shape() : null,
        };

    private static Shape Section(string means, Key[] keys, params Key[] required) =>
        new()
        {
            Means = means,
            Members = keys.ToDictionary(key => key.Name, Of, StringComparer.Ordinal),
            Required = [.. required.Select(key => key.Name)],
        };

    private static Shape Object(string means, params (string Name, Shape Shape)[] members) =>
        new()
        {
            Means = means,
            Members = members.ToDictionary(
                member => member.Name,
                member => member.Shape,
                StringComparer.Ordinal
            ),
        };

    /// <summary>With objects among its members.</summary>
    private Shape With(params (string Name, Shape Shape)[] more) =>
        new()
        {
            Means = Means,
            Members = Members
                .Select(member => (Name: member.Key, Shape: member.Value))
                .Concat(more)
                .ToDictionary(member => member.Name, member => member.Shape, StringComparer.Ordinal),
            Required = Required,
        };

    private Shape Requiring(params string[] names) =>
        new()
        {
            Means = Means,
            Members = Members,
            Required = names,
        };
}
