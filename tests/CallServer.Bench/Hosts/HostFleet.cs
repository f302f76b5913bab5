using System.Text.Json;
using CallServer.Bench.Start;
using CallServer.Fleet;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using Npgsql;

namespace CallServer.Bench.Hosts;

/// <summary>One host of the fleet.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Port">Where the others reach it.</param>
/// <param name="Server">Its process.</param>
/// <param name="Place">Its place on the network; null on loopback.</param>
internal sealed record FleetHost(string Name, int Port, ServerUnderTest Server, NetworkPlace? Place)
{
    /// <summary>The exit status of a host that the others have declared dead.</summary>
    public const int EndedByTheOthers = 70;
}

/// <summary>An audit that was the first one since a moment.</summary>
/// <param name="Gateway">Whom it asked.</param>
/// <param name="After">How long after the moment.</param>
/// <param name="Gap">How long after the audit before it.</param>
internal sealed record FirstAudit(string Gateway, TimeSpan After, TimeSpan Gap);

/// <summary>Hosts of a fleet in processes of their own, a real PostgreSQL, and gateways that know the truth.</summary>
internal sealed class HostFleet(
    string folder,
    string address,
    PostgresPeer database,
    IFleetGateways gateways,
    TimeSpan interval,
    int units
) : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    // Looking through many rows must not take what it is to measure: at most one part of so many of the time.
    private const int MostLooking = 20;

    // As deploy/systemd/callserver.service has it.
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(2);

    private const int MostTold = 10;

    // Rendezvous hashing shares by chance.
    private const double Uneven = 0.3;

    private readonly SystemClock clock = new();
    private readonly List<FleetHost> hosts = [];
    private int started;

    /// <summary>The hosts that run.</summary>
    public IReadOnlyList<FleetHost> Hosts => hosts;

    /// <summary>The database's primary.</summary>
    public PostgresPeer Database { get; set; } = database;

    /// <summary>The database's synchronous standby; null if it has none.</summary>
    public PostgresPeer? Standby { get; init; }

    /// <summary>The network on which hosts, database and gateways meet; null for loopback.</summary>
    public HostNetwork? Network { get; init; }

    /// <summary>The database's place on it.</summary>
    public NetworkPlace? DatabasePlace { get; init; }

    /// <summary>The folder of a build of another version, of which the first hosts are; null if they are of this one.</summary>
    public string? OtherVersion { get; init; }

    /// <summary>How long to wait for anything at most.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>What the audits and the record of a host may hold in memory, in megabytes; null for the usual.</summary>
    public long? Memory { get; init; }

    /// <summary>How many gateways a host asks at once, at most; null for the usual.</summary>
    public int? InFlight { get; init; }

    public TimeSpan Interval => interval;

    /// <summary>The present in microseconds since 1970.</summary>
    public long Now => (clock.Now.Steady + clock.Correction).Micros;

    /// <summary>Starts one more, which joins by itself.</summary>
    /// <param name="wall">Its wall clock; null for the machine's.</param>
    /// <param name="build">The folder of its build; null for this one.</param>
    public async Task<FleetHost> AddAsync(SteppedClock? wall = null, string? build = null)
    {
        var name = $"host-{++started}";
        var place = Network is null ? null : await Network.AddAsync();
        var port = DemoProcess.FreePort();
        var own = Path.Combine(folder, name);
        var cdrs = Path.Combine(Directory.CreateDirectory(own).FullName, "cdr.ndjson");
        var more = new Dictionary<string, object>
        {
            ["mode"] = "fleet",
            ["store"] = address,
            ["fleet"] = new { listen = $"{place?.Address ?? "127.0.0.1"}:{port}", units },
        };
        var polling = new Dictionary<string, object>
        {
            ["interval"] = Durations.Format(interval),
            ["timeout"] = Durations.Format(Timeout),
        };
        if (Memory is { } memory)
            polling["memory"] = FormattableString.Invariant($"{memory}MB");
        if (InFlight is { } most)
            polling["gatewaysInFlight"] = most;
        more["polling"] = polling;
        var host = new FleetHost(
            name,
            port,
            new ServerUnderTest(
                own,
                interval,
                Timeout,
                gateways.Uris,
                name,
                new { file = cdrs },
                place is null
                    ? null
                    : FormattableString.Invariant($"http://{place.Address}:{DemoProcess.FreePort()}"),
                more: more
            )
            {
                Environment = wall?.Environment ?? new Dictionary<string, string>(),
                Around = place?.Around ?? [],
                Build = build,
                Program = folder => gateways.Program(name, folder),
            },
            place
        );
        host.Server.Start();
        hosts.Add(host);
        return host;
    }

    /// <summary>Starts so many at once. Returns how long it took, in seconds, until they shared everything and every gateway had been heard.</summary>
    public async Task<double> StartAsync(int count, CancellationToken cancel)
    {
        for (var number = 0; number < count; number++)
            await AddAsync(build: OtherVersion);
        var begun = Now;
        await EvenAsync(cancel);
        return (await HeardSinceAsync(begun, cancel) - begun) / 1e6;
    }

    /// <summary>Ends one without a word.</summary>
    public async Task KillAsync(FleetHost host)
    {
        hosts.Remove(host);
        await host.Server.DisposeAsync();
    }

    /// <summary>Ends one in order, and returns when it has handed over everything.</summary>
    public async Task LeaveAsync(FleetHost host, CancellationToken cancel)
    {
        await host.Server.Process.SignalAsync("TERM", cancel);
        await host.Server.Process.EndAsync(cancel);
        await KillAsync(host);
    }

    /// <summary>Ends one in order, and starts this version in its place.</summary>
    /// <returns>With which status it ended.</returns>
    public static async Task<int> ReplaceAsync(FleetHost host, CancellationToken cancel)
    {
        await host.Server.Process.SignalAsync("TERM", cancel);
        host.Server.Build = null;
        return await host.Server.StartAgainAsync(cancel);
    }

    /// <summary>Starts again whoever has ended by itself, as a supervisor does, until it is cancelled.</summary>
    /// <returns>Who ended, and with which status, in this order.</returns>
    public async Task<IReadOnlyList<(FleetHost Host, int Status)>> SuperviseAsync(CancellationToken until)
    {
        var ended = new List<(FleetHost, int)>();
        using var ticks = new PeriodicTimer(Rest);
        try
        {
            while (await ticks.WaitForNextTickAsync(until))
                foreach (var host in hosts.Where(host => host.Server.Process.Over).ToList())
                    ended.Add((host, await host.Server.StartAgainAsync(CancellationToken.None)));
        }
        catch (OperationCanceledException) when (until.IsCancellationRequested) { }
        return ended;
    }

    /// <summary>Throws if a host has ended by itself, with its last words.</summary>
    public void AllMustRun()
    {
        foreach (var host in hosts.Where(host => host.Server.Process.Over))
            throw new CommandFailedException(
                ExitCode.Fault,
                [
                    $"{host.Name} has ended by itself",
                    .. host.Server.Process.LastWords.Select(line => $"  {line}"),
                ]
            );
    }

    /// <summary>Who asked which gateway when.</summary>
    public Task<IReadOnlyList<Asking>> AskedAsync(CancellationToken cancel) => gateways.AskedAsync(cancel);

    /// <summary>The version of the record's schema.</summary>
    public async Task<string> SchemaAsync() =>
        (string)(await Database.AskAsync("SELECT value FROM meta WHERE key = 'schema_version'"))!;

    /// <summary>Waits until these hosts hold everything, none much more than another; returns that moment.</summary>
    public Task<long> EvenAsync(CancellationToken cancel) => EvenAsync(hosts, cancel);

    /// <summary>The same, without one that still runs.</summary>
    public Task<long> EvenWithoutAsync(FleetHost host, CancellationToken cancel) =>
        EvenAsync([.. hosts.Where(other => other != host)], cancel);

    private Task<long> EvenAsync(List<FleetHost> among, CancellationToken cancel)
    {
        var ports = string.Join(',', among.Select(host => host.Port));
        var most = Math.Ceiling((1 + Uneven) * units / among.Count);
        return UntilAsync(
            $"shared evenly by {string.Join(", ", among.Select(host => host.Name))}",
            FormattableString.Invariant(
                $"SELECT sum(n) = {units} AND max(n) <= {most} AND count(*) = {among.Count} FROM (SELECT count(*) n FROM unit WHERE owner_port IN ({ports}) GROUP BY owner_port) shares"
            ),
            cancel
        );
    }

    /// <summary>Waits until every gateway has answered since a moment, as the database has it; returns when that was so.</summary>
    public Task<long> HeardSinceAsync(long since, CancellationToken cancel) =>
        UntilAsync(
            "heard by all",
            FormattableString.Invariant(
                $"SELECT count(*) = {gateways.Uris.Count} FROM gateways WHERE last_asked >= {since}"
            ),
            cancel,
            () => UnheardAsync(since)
        );

    /// <summary>The gateways that nobody has heard since a moment, each with what the database has of its unit.</summary>
    private async Task<IEnumerable<string>> UnheardAsync(long since)
    {
        var heard = await RowsAsync(
            FormattableString.Invariant($"SELECT gateway FROM gateways WHERE last_asked >= {since}"),
            row => row.GetString(0)
        );
        var holders = await RowsAsync(
            "SELECT id, epoch, coalesce(owner_port, 0) FROM unit",
            row => (Unit: row.GetInt32(0), Epoch: row.GetInt64(1), Port: row.GetInt32(2))
        );
        var told = new List<string>();
        foreach (var gateway in gateways.Uris.Keys.Except(heard).Take(MostTold))
        {
            var unit = UnitMap.Of(gateway, units);
            var (_, epoch, port) = holders.SingleOrDefault(holder => holder.Unit == unit);
            var owner = hosts.Find(host => host.Port == port);
            told.Add(
                FormattableString.Invariant(
                    $"{gateway}: unit {unit}, epoch {epoch}, of {owner?.Name ?? "nobody that runs"}, which says: {await ToldByAsync(owner, gateway)}"
                )
            );
        }
        return told;
    }

    /// <summary>What a host itself has of a gateway, which may be newer than what is written.</summary>
    private static async Task<string> ToldByAsync(FleetHost? host, string gateway)
    {
        try
        {
            return host is null
                ? "nothing"
                : (
                    await host.Server.Client.GetAsync($"v1/gateways/{gateway}", CancellationToken.None)
                ).ToString();
        }
        catch (CommandFailedException failure)
        {
            return failure.Message;
        }
    }

    /// <summary>Waits until something is written that was heard since a moment; returns when that was so.</summary>
    public Task<long> WrittenSinceAsync(long since, CancellationToken cancel) =>
        UntilAsync(
            "written",
            FormattableString.Invariant($"SELECT max(last_asked) >= {since} FROM gateways"),
            cancel
        );

    /// <summary>How often units have changed hands so far.</summary>
    public async Task<long> MovesAsync() =>
        (long)(decimal)(await Database.AskAsync("SELECT sum(epoch) FROM unit"))!;

    /// <summary>The gateways that a host holds.</summary>
    public async Task<IReadOnlySet<string>> HeldByAsync(FleetHost host)
    {
        var held = await RowsAsync(
            FormattableString.Invariant($"SELECT id FROM unit WHERE owner_port = {host.Port}"),
            row => row.GetInt32(0)
        );
        var own = held.ToHashSet();
        var all = await RowsAsync("SELECT gateway FROM gateways", row => row.GetString(0));
        return all.Where(gateway => own.Contains(UnitMap.Of(gateway, units))).ToHashSet();
    }

    /// <summary>The audits that were the first ones of their gateways since a moment.</summary>
    public Task<List<FirstAudit>> FirstSinceAsync(long moment) =>
        RowsAsync(
            FormattableString.Invariant(
                $"""
                SELECT gateway,
                       min(asked) FILTER (WHERE asked >= {moment}) - {moment},
                       min(asked) FILTER (WHERE asked >= {moment}) - max(asked) FILTER (WHERE asked < {moment})
                FROM (SELECT gateway, (extract(epoch FROM (json::json ->> 'asked')::timestamptz) * 1000000)::bigint AS asked FROM every_audit) AS audit
                GROUP BY gateway
                """
            ),
            row => new FirstAudit(
                row.GetString(0),
                TimeSpan.FromMicroseconds(row.GetInt64(1)),
                TimeSpan.FromMicroseconds(row.GetInt64(2))
            )
        );

    /// <summary>Reports that contradicted the record so far.</summary>
    public async Task<double> ConflictsAsync(CancellationToken cancel) =>
        (await hosts[0].Server.Client.AllAsync("gateways", null, cancel)).Items.Sum(gateway =>
            gateway.Number("conflicts") ?? 0
        );

    /// <summary>What truly happened until now.</summary>
    /// <param name="among">On these gateways; null for all.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task<IReadOnlyList<TrueConnection>> TruthAsync(
        IReadOnlySet<string>? among,
        CancellationToken cancel
    )
    {
        await Task.Delay(TimeSpan.FromMilliseconds(300), cancel);
        return await gateways.TruthAsync(among, cancel);
    }

    /// <summary>The audits, as any host lists them.</summary>
    public async Task<IReadOnlyList<AuditTime>> AuditsAsync(CancellationToken cancel) =>
        [
            .. (await hosts[0].Server.Client.AllAsync("audits", null, cancel))
                .Items.Select(AuditTime.Of)
                .OfType<AuditTime>(),
        ];

    /// <summary>The whole record now.</summary>
    public async Task<DemoRecord> ReadAsync(CancellationToken cancel)
    {
        var audits = await AuditsAsync(cancel);
        var from = Now;
        var connections = new List<JsonElement>();
        foreach (var host in hosts)
            connections.AddRange((await host.Server.Client.AllAsync("connections", null, cancel)).Items);
        var to = Now;
        var cdrs = (await hosts[0].Server.Client.AllAsync("cdrs", null, cancel)).Items;
        return new DemoRecord(
            // A host that lists what others hold lists the same ones again.
            [.. connections.DistinctBy(row => (row.Text("gateway"), row.Text("id")))],
            cdrs,
            [],
            audits,
            from,
            to
        );
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in hosts.ToList())
            await KillAsync(host);
    }

    private async Task<List<T>> RowsAsync<T>(string sql, Func<NpgsqlDataReader, T> read)
    {
        await using var connection = await Database.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var rows = await command.ExecuteReaderAsync();
        var found = new List<T>();
        while (await rows.ReadAsync())
            found.Add(read(rows));
        return found;
    }

    private async Task<long> UntilAsync(
        string what,
        string sql,
        CancellationToken cancel,
        Func<Task<IEnumerable<string>>>? missing = null
    )
    {
        var late = Now + (long)Patience.TotalMicroseconds;
        while (true)
        {
            var looked = Now;
            try
            {
                if (await Database.AskAsync(sql) is true)
                    return Now;
            }
            catch (NpgsqlException)
            {
                // Not there yet, or not made yet.
            }
            if (Now > late || hosts.TrueForAll(host => host.Server.Process.Over))
                throw new CommandFailedException(
                    ExitCode.Fault,
                    [
                        FormattableString.Invariant($"not {what} within {Patience.TotalSeconds:0} s"),
                        .. missing is null ? [] : await missing(),
                        .. hosts.SelectMany(host =>
                            host.Server.Process.LastWords.Select(line => $"  {host.Name}: {line}")
                        ),
                    ]
                );
            var took = TimeSpan.FromMicroseconds(Now - looked) * MostLooking;
            await Task.Delay(took > Glance ? took : Glance, cancel);
        }
    }
}
