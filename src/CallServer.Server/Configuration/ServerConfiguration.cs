using System.Net;
using CallServer.Server.Recording.Cdrs;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// Everything that <c>callserver run</c> is told, checked whole. Secrets are held as octets and never
/// printed.
/// </summary>
public sealed record ServerConfiguration
{
    /// <summary>The file that it came from; null where it was made in memory.</summary>
    public string? Source { get; init; }

    /// <summary>How the server calls itself, in CDRs and to its peer.</summary>
    public required string Name { get; init; }

    /// <summary>Where HTTP listens; port 0 takes any free one.</summary>
    public required Uri Listen { get; init; }

    /// <summary>The file of the record.</summary>
    public required string Data { get; init; }

    /// <summary>What clients must present; null on loopback only.</summary>
    public byte[]? Token { get; init; }

    /// <summary>
    /// Audits that may run at once in the whole fleet, silent and slow gateways not counted.
    /// </summary>
    public int GatewaysInFlight { get; init; } = 256;

    /// <summary>After this an audit gives up, and what it learnt is partial.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>A silent gateway is asked at least this often, however long it has been silent.</summary>
    public TimeSpan BackoffLimit { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>umask(2) of the files that the server makes: they are 0640 unless it says otherwise.</summary>
    public int Umask { get; init; } = FileModes.UsualMask;

    /// <summary>A CDR file may be a symbolic link.</summary>
    public bool CdrFollowsLinks { get; init; }

    /// <summary>Clients that may follow the events at a time.</summary>
    public int EventReaders { get; init; } = 100;

    /// <summary>Octets that audits and the record of all gateways take together, roughly.</summary>
    public long Memory { get; init; } = GatewayBounds.UsualMemory;

    /// <summary>Where CDRs are appended, one JSON object a line; null writes none.</summary>
    public string? CdrFile { get; init; }

    /// <summary>Names, besides its addresses, that whoever orders something may call this server by.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>Orders (audits, releases, takeovers …) that are taken in a second, and so many at once.</summary>
    public int ControlsPerSecond { get; init; } = 50;

    /// <summary>The other server; null where this one is alone. Every backup has one.</summary>
    public PairConfiguration? Pair { get; init; }

    /// <summary>Whose backup this server is; null where it is a primary.</summary>
    public BackupConfiguration? Backup { get; init; }

    /// <summary>Where CDRs are appended as comma-separated values; null writes none.</summary>
    public string? CdrCsv { get; init; }

    /// <summary>When the CDR files are put aside.</summary>
    public CdrRotation CdrRotation { get; init; } = CdrRotation.Never;

    /// <summary>How often a long connection gets an interim record; null: never.</summary>
    public TimeSpan? CdrInterim { get; init; }

    /// <summary>What the file of the record keeps, and for how long.</summary>
    public Keeping Keep { get; init; } = new();

    /// <summary>The RADIUS server that is told of every connection; null tells none.</summary>
    public RadiusConfiguration? Radius { get; init; }

    /// <summary>Where MGCP gateways announce that they restart; null listens nowhere.</summary>
    public IPEndPoint? MgcpListener { get; init; }

    /// <summary>Where SNMP notifications come; null listens nowhere.</summary>
    public IPEndPoint? TrapListener { get; init; }

    /// <summary>Whom to audit, in the order of the file; ids are unique.</summary>
    public required IReadOnlyList<GatewayConfiguration> Gateways { get; init; }

    /// <summary>What was understood but is not done by this version.</summary>
    public IReadOnlyList<ConfigurationMistake> Warnings { get; init; } = [];

    /// <summary>Made without the secrets.</summary>
    public override string ToString() => $"{Name}: {Gateways.Count} gateways, from {Source ?? "memory"}";

    /// <summary>
    /// Reads a file, with the environment over it. Throws ConfigurationException with every mistake.
    /// </summary>
    public static ServerConfiguration Load(
        string path,
        IReadOnlyDictionary<string, string> environment,
        GatewayProtocols protocols
    ) => ConfigurationLoader.Load(path, environment, protocols);

    /// <summary>The variables of this process.</summary>
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
    /// What would have to change that a running server cannot change, in words; empty where everything can be
    /// taken while running.
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
                (changed: !Same(Token, next.Token), what: "server.token"),
                (changed: EventReaders != next.EventReaders, what: "server.eventReaders"),
                (changed: Umask != next.Umask, what: "server.umask"),
                (changed: CdrFollowsLinks != next.CdrFollowsLinks, what: "cdr.followLinks"),
                (changed: CdrFile != next.CdrFile, what: "cdr.file"),
                (changed: !Hosts.SequenceEqual(next.Hosts), what: "server.hosts"),
                (changed: ControlsPerSecond != next.ControlsPerSecond, what: "server.controlsPerSecond"),
                (changed: Backup != next.Backup, what: "backup"),
                (changed: !PairConfiguration.Same(Pair, next.Pair), what: "pair"),
                (changed: CdrCsv != next.CdrCsv, what: "cdr.csv"),
                (changed: CdrRotation != next.CdrRotation, what: "cdr.rotate"),
                (changed: CdrInterim != next.CdrInterim, what: "cdr.interim"),
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

/// <summary>One gateway, ready to be asked.</summary>
public sealed record GatewayConfiguration
{
    /// <summary>The operator's name of it.</summary>
    public required string Id { get; init; }

    /// <summary>Where it is, and how it is asked.</summary>
    public required GatewayUri Uri { get; init; }

    /// <summary>The start of every audit of it.</summary>
    public required AuditTarget Target { get; init; }

    /// <summary>How often it is asked.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a reply may take before the request is repeated.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Its own history of ended connections is read, where it keeps one.</summary>
    public bool ReadsHistory { get; init; } = true;

    /// <summary>What it lists is never all of it: nothing is closed by its absence.</summary>
    public bool NeverComplete { get; init; }

    /// <summary>What of it is taken at most.</summary>
    public GatewayBounds Bounds { get; init; } = GatewayBounds.Usual;

    /// <summary>How often a request is sent before the gateway counts as silent.</summary>
    public int Attempts { get; init; } = 4;

    internal GatewaySecrets Secrets { get; init; } = GatewaySecrets.None;

    /// <summary>The user's own profiles as they stood when it was made.</summary>
    internal string Profiles { get; init; } = "";

    /// <summary>Nothing that matters to polling differs.</summary>
    public bool SameAs(GatewayConfiguration other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Id == other.Id
            && Uri.Equals(other.Uri)
            && Interval == other.Interval
            && Timeout == other.Timeout
            && Attempts == other.Attempts
            && ReadsHistory == other.ReadsHistory
            && NeverComplete == other.NeverComplete
            && Bounds == other.Bounds
            && Profiles == other.Profiles
            && ServerConfiguration.Same(Secrets.Community, other.Secrets.Community)
            && ServerConfiguration.Same(Secrets.Auth, other.Secrets.Auth)
            && ServerConfiguration.Same(Secrets.Priv, other.Secrets.Priv);
    }

    /// <summary>Made without the secrets.</summary>
    public override string ToString() => $"{Id} {Uri}";
}
