using System.Globalization;
using Npgsql;

namespace CallServer.Interop.Peers;

/// <summary>Where a PostgreSQL server runs.</summary>
/// <param name="Address">Where it listens.</param>
/// <param name="Clients">From where it is used, as pg_hba.conf writes a network; null for this machine alone.</param>
/// <param name="Around">The words that run it, before its command.</param>
internal sealed record PostgresPlace(string Address, string? Clients, IReadOnlyList<string> Around)
{
    public static readonly PostgresPlace Loopback = new("127.0.0.1", null, []);
}

/// <summary>
/// A PostgreSQL server of the test's own: its data and its Unix socket in the test's folder, a free port, the user
/// cs with a password. It refuses to be root: root runs it as nobody.
/// </summary>
internal sealed class PostgresPeer
{
    private readonly Scope scope;
    private readonly PostgresPlace place;
    private readonly string folder;
    private ChildProcess server;

    private PostgresPeer(Scope scope, PostgresPlace place, string folder, int port, ChildProcess server) =>
        (this.scope, this.place, this.folder, Port, this.server) = (scope, place, folder, port, server);

    public const string Password = "a password of the interop tests";

    public int Port { get; }

    /// <summary>The id of its first process.</summary>
    public int Id => server.Id;

    /// <summary>The address of a database, in the schema callserver unless another one is named.</summary>
    public string Address(string query = "") => $"postgres://cs@{place.Address}:{Port}/postgres{query}";

    /// <summary>The address of a database that is at this server or at another one, whichever is the primary.</summary>
    public string AddressWith(PostgresPeer other) =>
        $"postgres://cs@{place.Address}:{Port},{other.place.Address}:{other.Port}/postgres";

    /// <summary>Starts one on a free port, and returns when it takes connections.</summary>
    /// <param name="scope">What owns it.</param>
    /// <param name="safe">Whether it waits for the disk, as a real one does.</param>
    /// <param name="at">Where it runs; null for 127.0.0.1.</param>
    public static async Task<PostgresPeer> StartAsync(
        Scope scope,
        bool safe = false,
        PostgresPlace? at = null
    )
    {
        var place = at ?? PostgresPlace.Loopback;
        var folder = await FolderAsync(scope, "postgres");
        string[] make = ["-U", "cs", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
        await scope.RunAsync(Programs.Find("env"), AsNobody("initdb", ["-D", Data(folder), .. make]));
        if (place.Clients is { } clients)
            await File.AppendAllLinesAsync(
                Path.Combine(Data(folder), "pg_hba.conf"),
                [$"host all,replication all {clients} trust"]
            );
        return await StartAsync(scope, place, folder, safe);
    }

    /// <summary>
    /// Starts a standby of this one on a free port, and returns when each commit waits until the standby has it.
    /// </summary>
    public async Task<PostgresPeer> StandbyAsync()
    {
        var own = await FolderAsync(scope, "standby");
        var port = Port.ToString(CultureInfo.InvariantCulture);
        string[] copy =
        [
            "-h",
            place.Address,
            "-p",
            port,
            "-U",
            "cs",
            "-D",
            Data(own),
            "-R",
            "-c",
            "fast",
            "--no-sync",
        ];
        await scope.RunAsync(Programs.Find("env"), AsNobody("pg_basebackup", copy));
        var standby = await StartAsync(scope, place, own, safe: true);
        await AskAsync("ALTER SYSTEM SET synchronous_standby_names = '*'");
        await AskAsync("SELECT pg_reload_conf()");
        await Eventually.GetAsync(
            async () =>
                await AskAsync("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") is 1L
                    ? "so"
                    : null,
            () => $"a standby that confirms commits: {standby.server}"
        );
        return standby;
    }

    /// <summary>Makes a standby the primary, and returns when it takes what is written.</summary>
    public Task<object?> PromoteAsync() => AskAsync("SELECT pg_promote()");

    /// <summary>Ends it at once, as a crash would: what it has confirmed is kept.</summary>
    public async Task StopAsync()
    {
        await server.SignalAsync("QUIT");
        await server.FinishAsync(TimeSpan.FromSeconds(20));
    }

    /// <summary>Starts it again on the same data and port.</summary>
    public async Task StartAgainAsync()
    {
        server = Run(scope, place, folder);
        if (!await TryReadyAsync())
            throw Trouble.Failed($"postgres does not start again: {server}");
    }

    /// <summary>Runs statements; returns the first column of the first row.</summary>
    public async Task<object?> AskAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    public async Task<NpgsqlConnection> OpenAsync(string schema = "callserver")
    {
        var connection = Connection(schema);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>A connection that is not open yet.</summary>
    public NpgsqlConnection Connection(string schema) =>
        new(
            $"Host={place.Address};Port={Port};Username=cs;Password={Password};Database=postgres;Pooling=false;Timeout=5;Search Path={schema}"
        );

    private static string Data(string folder) => Path.Combine(folder, "data");

    /// <summary>A folder in which the server's user may write.</summary>
    private static async Task<string> FolderAsync(Scope scope, string name)
    {
        var folder = scope.NewFolder(name);
        if (Environment.IsPrivilegedProcess)
        {
            // Others may pass through the test's folder, and see nothing in it.
            await scope.RunAsync(Programs.Find("chmod"), ["go+x", scope.Folder]);
            await scope.RunAsync(Programs.Find("chown"), ["nobody", folder]);
        }
        return folder;
    }

    private static async Task<PostgresPeer> StartAsync(
        Scope scope,
        PostgresPlace place,
        string folder,
        bool safe
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort.Tcp();
            string[] durable = safe ? [] : ["-c", "fsync=off"];
            await File.WriteAllLinesAsync(
                Path.Combine(folder, "arguments"),
                [
                    .. (string[])
                        ["-D", Data(folder), "-k", folder, "-p", port.ToString(CultureInfo.InvariantCulture)],
                    .. (string[])
                        ["-c", $"listen_addresses={place.Address}", "-c", "max_locks_per_transaction=256"],
                    .. durable,
                ]
            );
            var peer = new PostgresPeer(scope, place, folder, port, Run(scope, place, folder));
            if (await peer.TryReadyAsync())
                return peer;
            if (attempt == 3)
                throw Trouble.Failed($"postgres does not start: {peer.server}");
        }
    }

    private static ChildProcess Run(Scope scope, PostgresPlace place, string folder)
    {
        var arguments = File.ReadAllLines(Path.Combine(folder, "arguments"));
        string[] words = [.. place.Around, Programs.Find("env"), .. AsNobody("postgres", arguments)];
        var server = scope.Start(words[0], words[1..]);
        scope.Own(new FastShutdown(server));
        return server;
    }

    /// <summary>A usual shutdown would wait for those who are connected.</summary>
    private sealed class FastShutdown(ChildProcess server) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await server.SignalAsync("INT");
    }

    private static IEnumerable<string> AsNobody(string program, IEnumerable<string> arguments)
    {
        string[] before = Environment.IsPrivilegedProcess
            ? [Programs.Find("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            : [];
        return
        [
            "-C",
            "/",
            .. before,
            Programs.FindNewest("/usr/lib/postgresql", $"bin/{program}"),
            .. arguments,
        ];
    }

    private async Task<bool> TryReadyAsync()
    {
        var outcome = await Eventually.GetAsync(
            async () =>
                server.HasExited ? "ended"
                : await AnswersAsync() ? "answers"
                : null,
            () => $"an answer of {server}"
        );
        return outcome == "answers";
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await AskAsync("SELECT 1");
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
