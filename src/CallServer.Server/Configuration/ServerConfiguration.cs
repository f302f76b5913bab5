using System.Collections.Frozen;
using System.Net;
using System.Text;
using CallServer.Server.Recording.Cdrs;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// Everything that <c>callserver run</c> is told, fully checked. Secrets are held as octets and never printed.
/// </summary>
public sealed record ServerConfiguration
{
    private readonly IReadOnlyList<GatewayConfiguration> gateways = [];
    private readonly Lazy<FrozenDictionary<string, GatewayConfiguration>> byId = new(() =>
        FrozenDictionary<string, GatewayConfiguration>.Empty
    );
    private readonly Lazy<List<string>> inOrder = new(() => []);

    /// <summary>The file it was read from; null if it was built in memory.</summary>
    public string? Source { get; init; }

    /// <summary>The server's name, in CDRs and towards its peer.</summary>
    public required string Name { get; init; }

    /// <summary>Where HTTP listens; port 0 takes any free port.</summary>
    public required Uri Listen { get; init; }

    /// <summary>Path of the store's SQLite file, unless <see cref="Store"/> is given.</summary>
    public required string Data { get; init; }

    /// <summary>The store's database in PostgreSQL; null where the store is a SQLite file.</summary>
    public PostgresAddress? Store { get; init; }

    /// <summary>The password for <see cref="Store"/>; null for none.</summary>
    public byte[]? StorePassword { get; init; }

    /// <summary>The same as text. A method, because a record prints its properties.</summary>
    public string? ReadStorePassword() =>
        StorePassword is { } password ? Encoding.UTF8.GetString(password) : null;

    /// <summary>Where the record is kept, in words; never contains a secret.</summary>
    public string StorePlace => Store?.Text ?? Path.GetFullPath(Data);

    /// <summary>SHA-256 of the file's octets; null if it was not read from one.</summary>
    internal byte[]? Digest { get; init; }

    /// <summary>A token that may read and control; null if there is none.</summary>
    public byte[]? Token { get; init; }

    /// <summary>A token that may only read; null if there is none.</summary>
    public byte[]? ReadToken { get; init; }

    /// <summary>A token that may read and control, beside <see cref="Token"/>; null if there is none.</summary>
    public byte[]? ControlToken { get; init; }

    /// <summary>The server's certificate; null if it listens on http.</summary>
    public TlsConfiguration? Tls { get; init; }

    /// <summary>The issuer whose tokens are accepted; null for none.</summary>
    public OidcConfiguration? Oidc { get; init; }

    /// <summary>How numbers of people are shown and kept.</summary>
    public PrivacyConfiguration Privacy { get; init; } = PrivacyConfiguration.Open;

    /// <summary>How many audits may run at once in the whole fleet, not counting silent and slow gateways.</summary>
    public int GatewaysInFlight { get; init; } = 256;

    /// <summary>How long an audit may take. After this it gives up, and what it learnt is partial.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The longest back-off: a silent gateway is still asked this often.</summary>
    public TimeSpan BackoffLimit { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>umask(2) for files that the server creates; by default they are 0640.</summary>
    public int Umask { get; init; } = FileModes.UsualMask;

    /// <summary>Whether a CDR file may be a symbolic link.</summary>
    public bool CdrFollowsLinks { get; init; }

    /// <summary>How many clients may follow the event stream at once.</summary>
    public int EventReaders { get; init; } = 100;

    /// <summary>Approximate memory for audits and the record of all gateways together, in octets.</summary>
    public long Memory { get; init; } = GatewayBounds.UsualMemory;

    /// <summary>File to which CDRs are appended, one JSON object a line; null writes none.</summary>
    public string? CdrFile { get; init; }

    /// <summary>Host names, besides its addresses, that control requests may use for this server.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>
    /// How many control requests (audits, releases, takeovers, …) are accepted a second; also the largest burst.
    /// </summary>
    public int ControlsPerSecond { get; init; } = 50;

    /// <summary>The other server; null if this one runs alone. Every backup has one.</summary>
    public PairConfiguration? Pair { get; init; }

    /// <summary>Which server this one backs up; null on a primary.</summary>
    public BackupConfiguration? Backup { get; init; }

    /// <summary>The fleet of which this server is a host; null if it runs alone or in a pair.</summary>
    public FleetConfiguration? Fleet { get; init; }

    /// <summary>File to which CDRs are appended as comma-separated values; null writes none.</summary>
    public string? CdrCsv { get; init; }

    /// <summary>When the CDR files are rotated.</summary>
    public CdrRotation CdrRotation { get; init; } = CdrRotation.Never;

    /// <summary>How often a long connection gets an interim record; null for never.</summary>
    public TimeSpan? CdrInterim { get; init; }

    /// <summary>The system to which CDRs are posted over HTTP; null for none.</summary>
    public PushConfiguration? CdrHttp { get; init; }

    /// <summary>What the store keeps, and for how long.</summary>
    public Keeping Keep { get; init; } = new();

    /// <summary>The RADIUS server that gets accounting for every connection; null for none.</summary>
    public RadiusConfiguration? Radius { get; init; }

    /// <summary>Where the server listens for restarts that MGCP gateways announce; null for nowhere.</summary>
    public IPEndPoint? MgcpListener { get; init; }

    /// <summary>Where the server listens for SNMP notifications; null for nowhere.</summary>
    public IPEndPoint? TrapListener { get; init; }

    /// <summary>The gateways to audit, in file order; their ids are unique.</summary>
    public required IReadOnlyList<GatewayConfiguration> Gateways
    {
        get => gateways;
        init
        {
            gateways = value;
            byId = new(() => value.ToFrozenDictionary(each => each.Id, StringComparer.Ordinal));
            inOrder = new(() => [.. value.Select(each => each.Id).Order(StringComparer.Ordinal)]);
        }
    }

    /// <summary>The ids of the gateways in the order of lists.</summary>
    public IReadOnlyList<string> GatewayIds => inOrder.Value;

    /// <summary>Those of them that do not come before this id.</summary>
    public IEnumerable<string> GatewayIdsFrom(string id)
    {
        var place = inOrder.Value.BinarySearch(id, StringComparer.Ordinal);
        return inOrder.Value.Skip(place < 0 ? ~place : place);
    }

    /// <summary>The gateway of this id; null if it is not configured.</summary>
    public GatewayConfiguration? Find(string gateway) => byId.Value.GetValueOrDefault(gateway);

    /// <summary>Settings that are accepted but deserve a warning.</summary>
    public IReadOnlyList<ConfigurationMistake> Warnings { get; init; } = [];

    /// <summary>Never contains a secret.</summary>
    public override string ToString() => $"{Name}: {Gateways.Count} gateways, from {Source ?? "memory"}";

    /// <summary>
    /// Reads a file and applies the environment's overrides. Throws ConfigurationException with every mistake.
    /// </summary>
    public static ServerConfiguration Load(
        string path,
        IReadOnlyDictionary<string, string> environment,
        GatewayProtocols protocols
    ) => ConfigurationLoader.Load(path, environment, protocols);

    /// <summary>This process's environment variables.</summary>
    public static IReadOnlyDictionary<string, string> ProcessEnvironment() =>
        Environment
            .GetEnvironmentVariables()
            .Cast<System.Collections.DictionaryEntry>()
            .ToDictionary(
                entry => (string)entry.Key,
                entry => (string?)entry.Value ?? "",
                StringComparer.Ordinal
            );

    /// <summary>
    /// Describes every difference that a running server cannot take; empty if all of them can be taken while running.
    /// </summary>
    public IReadOnlyList<string> NeedsRestart(ServerConfiguration next)
    {
        ArgumentNullException.ThrowIfNull(next);
        return
        [
            .. new[]
            {
                (changed: Name != next.Name, what: "server.name"),
                (changed: Listen != next.Listen, what: "server.listen"),
                (changed: Data != next.Data, what: "server.data"),
                (changed: Store?.Text != next.Store?.Text, what: "store"),
                (changed: !Same(StorePassword, next.StorePassword), what: "storePassword"),
                (changed: !Same(Token, next.Token), what: "server.token"),
                (changed: !Same(ReadToken, next.ReadToken), what: "server.readToken"),
                (changed: !Same(ControlToken, next.ControlToken), what: "server.controlToken"),
                (changed: !TlsConfiguration.Same(Tls, next.Tls), what: "server.tls"),
                (changed: Oidc != next.Oidc, what: "server.oidc"),
                (changed: Privacy != next.Privacy, what: "privacy"),
                (changed: EventReaders != next.EventReaders, what: "server.eventReaders"),
                (changed: Umask != next.Umask, what: "server.umask"),
                (changed: CdrFollowsLinks != next.CdrFollowsLinks, what: "cdr.followLinks"),
                (changed: CdrFile != next.CdrFile, what: "cdr.file"),
                (changed: !Hosts.SequenceEqual(next.Hosts), what: "server.hosts"),
                (changed: ControlsPerSecond != next.ControlsPerSecond, what: "server.controlsPerSecond"),
                (changed: Backup != next.Backup, what: "backup"),
                (changed: !PairConfiguration.Same(Pair, next.Pair), what: "pair"),
                (changed: Fleet != next.Fleet, what: "fleet"),
                (changed: CdrCsv != next.CdrCsv, what: "cdr.csv"),
                (changed: CdrRotation != next.CdrRotation, what: "cdr.rotate"),
                (changed: CdrInterim != next.CdrInterim, what: "cdr.interim"),
                (changed: !PushConfiguration.Same(CdrHttp, next.CdrHttp), what: "cdr.http"),
                (changed: Keep != next.Keep, what: "keep"),
                (changed: !RadiusConfiguration.Same(Radius, next.Radius), what: "radius"),
                (changed: !Equals(MgcpListener, next.MgcpListener), what: "listeners.mgcp"),
                (changed: !Equals(TrapListener, next.TrapListener), what: "listeners.traps"),
            }
                .Where(part => part.changed)
                .Select(part => part.what),
        ];
    }

    internal static bool Same(byte[]? a, byte[]? b) =>
        a is null || b is null ? a is null && b is null : a.AsSpan().SequenceEqual(b);
}

/// <summary>One gateway and everything needed to ask it.</summary>
public sealed record GatewayConfiguration
{
    /// <summary>The operator's name for it.</summary>
    public required string Id { get; init; }

    /// <summary>Where it is, and how it is asked.</summary>
    public required GatewayUri Uri { get; init; }

    /// <summary>What every audit of it starts from.</summary>
    public required AuditTarget Target { get; init; }

    /// <summary>Time between two audits.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait for a reply before the request is repeated.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Whether its own history of ended connections is read, if it keeps one.</summary>
    public bool ReadsHistory { get; init; } = true;

    /// <summary>Whether its list is never taken as complete: then no connection is closed by its absence.</summary>
    public bool NeverComplete { get; init; }

    /// <summary>How much is accepted from it.</summary>
    public GatewayBounds Bounds { get; init; } = GatewayBounds.Usual;

    /// <summary>How many times a request is sent before the gateway counts as silent.</summary>
    public int Attempts { get; init; } = 4;

    /// <summary>What <see cref="FactsEvery"/> is if nobody says otherwise.</summary>
    public const int UsualFactsEvery = 20;

    /// <summary>One audit in so many reads all facts of all connections, if the gateway is read by a profile.</summary>
    public int FactsEvery { get; init; } = UsualFactsEvery;

    internal GatewaySecrets Secrets { get; init; } = GatewaySecrets.None;

    /// <summary>
    /// The user's own SNMP profiles, as text, when this was read: a change to one of them counts as a change here.
    /// </summary>
    internal string Profiles { get; init; } = "";

    /// <summary>Whether nothing that matters to polling differs.</summary>
    public bool SameAs(GatewayConfiguration other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Id == other.Id
            && Uri.Equals(other.Uri)
            && Interval == other.Interval
            && Timeout == other.Timeout
            && Attempts == other.Attempts
            && FactsEvery == other.FactsEvery
            && ReadsHistory == other.ReadsHistory
            && NeverComplete == other.NeverComplete
            && Bounds == other.Bounds
            && Profiles == other.Profiles
            && ServerConfiguration.Same(Secrets.Community, other.Secrets.Community)
            && ServerConfiguration.Same(Secrets.Auth, other.Secrets.Auth)
            && ServerConfiguration.Same(Secrets.Priv, other.Secrets.Priv);
    }

    /// <summary>Never contains a secret.</summary>
    public override string ToString() => $"{Id} {Uri}";
}
