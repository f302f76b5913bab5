using System.Globalization;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>How connections to a record's database are made.</summary>
internal static class PostgresConnections
{
    // A machine that lost its power says no goodbye. The database notices after 25 s and ends the session, and with it the lock
    // that keeps other servers out. While an answer is under way no keep-alives are sent, and TCP itself would try for 15 minutes.
    private const string Noticing =
        "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=25000 -c client_min_messages=error";

    // Its statements are short, and its planner guesses from the lengths of arrays: it would compile them for longer than they run.
    private const string Interpreted = " -c jit=off";

    // A host that stands still, or is cut off, within a transaction holds rows that all others wait for, such as that of the
    // numbers; its machine may even answer keep-alives. Nothing it does between two statements takes as long.
    private const string MovingOn = " -c idle_in_transaction_session_timeout=5000";

    // Some lists at a time; whoever reads more waits.
    private const int Readers = 8;

    // One takes units, another one hands some over meanwhile.
    private const int Claimers = 2;

    /// <summary>For the one connection that writes: its session ends when it is closed.</summary>
    public static NpgsqlDataSource ToWrite(PostgresStoreOptions options) =>
        Source(
            options,
            settings =>
            {
                settings.Pooling = false;
                // What a commit of any size runs is parsed once.
                settings.MaxAutoPrepare = 50;
                settings.AutoPrepareMinUsages = 2;
            }
        );

    /// <summary>For reading, several at a time.</summary>
    public static NpgsqlDataSource ToRead(PostgresStoreOptions options) =>
        Source(
            options,
            settings =>
            {
                settings.MaxPoolSize = Readers;
                settings.Options += " -c default_transaction_read_only=on";
            }
        );

    /// <summary>For taking units and handing them over, beside what is written.</summary>
    public static NpgsqlDataSource ToClaim(PostgresStoreOptions options) =>
        Source(options, settings => settings.MaxPoolSize = Claimers);

    /// <summary>How the database is reached, whatever for.</summary>
    public static NpgsqlConnectionStringBuilder Settings(PostgresStoreOptions options)
    {
        var address = options.Address;
        var settings = new NpgsqlConnectionStringBuilder
        {
            Host = address.Hosts is [var (only, _)] ? only : string.Join(',', address.Hosts.Select(Written)),
            Port = address.Hosts[0].Port,
            Database = address.Database,
            Username = address.User ?? Environment.UserName,
            Password = options.Password,
            SearchPath = address.Schema,
            ApplicationName = options.Application,
            Options = Noticing + Interpreted,
            Timeout = (int)options.ConnectPatience.TotalSeconds,
            CommandTimeout = (int)options.CommandPatience.TotalSeconds,
            TcpKeepAlive = true,
            TcpKeepAliveTime = 10,
            TcpKeepAliveInterval = 5,
            PersistSecurityInfo = false,
            Enlist = false,
        };
        if (address.SslMode is { } mode)
            settings.SslMode = Enum.Parse<SslMode>(
                mode.Replace("-", "", StringComparison.Ordinal),
                ignoreCase: true
            );
        if (address.RootCertificate is { } root)
            settings.RootCertificate = root;
        if (address.Hosts.Count > 1)
            settings.HostRecheckSeconds = 1;
        return settings;
    }

    private static NpgsqlDataSource Source(
        PostgresStoreOptions options,
        Action<NpgsqlConnectionStringBuilder> more
    )
    {
        var settings = Settings(options);
        more(settings);
        if (options.Shared is not null)
            settings.Options += MovingOn;
        if (options.Address.Hosts.Count == 1)
            return NpgsqlDataSource.Create(settings);
        return new NpgsqlDataSourceBuilder(settings.ConnectionString)
            .BuildMultiHost()
            .WithTargetSession(TargetSessionAttributes.Primary);
    }

    private static string Written((string Host, int Port) one) =>
        one.Host.Contains(':', StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $"[{one.Host}]:{one.Port}")
            : string.Create(CultureInfo.InvariantCulture, $"{one.Host}:{one.Port}");
}
