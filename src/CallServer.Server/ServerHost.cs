using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Runtime.InteropServices;
using CallServer.Server.Configuration;
using CallServer.Server.Measuring;
using CallServer.Server.Net;
using CallServer.Server.Supervision;
using CallServer.Server.Web;
using CallServer.Server.Web.Contract;
using CallServer.Storage;
using CallServer.Surface;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;

namespace CallServer.Server;

/// <summary>Runs <c>callserver run</c>: the runtime and its HTTP side in a .NET generic host.</summary>
public static class ServerHost
{
    private const int Done = 0;
    private const int WrongUse = 64;
    private const int OwnFault = 70;

    // Includes event readers; each connection costs a few kilobytes.
    private const int MostConnections = 1_000;

    // Shutdown may take five seconds in all: two for HTTP, and two for saving.
    private static readonly TimeSpan HttpPatience = TimeSpan.FromSeconds(2);

    // A host of a fleet hands over its units besides, each when everything of it is written.
    private static readonly TimeSpan HandOverPatience = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Runs until SIGINT, SIGTERM or the token, and returns the exit status: 0; 64 if the configuration asks for
    /// something that is not available (reported on standard error); 70 for a fault of our own, and where the store's
    /// database is away at the start or has lost what it confirmed.
    /// </summary>
    public static async Task<int> RunAsync(
        ServerConfiguration configuration,
        CancellationToken cancel,
        ServerParts? parts = null
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        FileModes.Mask(configuration.Umask);
        RunningServer server;
        try
        {
            server = await StartAsync(configuration, cancel, parts);
        }
        catch (ConfigurationException mistakes)
        {
            foreach (var mistake in mistakes.Mistakes)
                await Console.Error.WriteLineAsync(mistake.ToString());
            return WrongUse;
        }
        catch (StoreUnavailableException away)
        {
            // Whoever started this process starts it again until the database is there.
            await Console.Error.WriteLineAsync(away.Message);
            return OwnFault;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return Done;
        }

        try
        {
            await using (server)
            {
                var stopped = server.WaitForShutdownAsync(cancel);
                var lost = server.Runtime.Writer.Lost;
                if (await Task.WhenAny(stopped, lost) == stopped)
                    return parts?.Share is { HasEnded: true } ? OwnFault : Done;
                await Console.Error.WriteLineAsync((await lost).Message);
                return OwnFault;
            }
        }
#pragma warning disable CA1031 // the last one to tell of it
        catch (Exception fault)
#pragma warning restore CA1031
        {
            await Console.Error.WriteLineAsync($"a fault of our own: {fault}");
            return OwnFault;
        }
    }

    /// <summary>
    /// Starts a server and returns when it listens and asks. Throws ConfigurationException if the data file or the
    /// address is not available, and StoreUnavailableException if the store's database is away.
    /// </summary>
    public static async Task<RunningServer> StartAsync(
        ServerConfiguration configuration,
        CancellationToken cancel,
        ServerParts? parts = null
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        parts ??= new ServerParts();
        ServerRuntime? opened = null;
        var app = Build(configuration, parts, () => opened!);
        try
        {
            var loggers = app.Services.GetRequiredService<ILoggerFactory>();
            var logger = loggers.CreateLogger("CallServer");
            foreach (var warning in configuration.Warnings)
                logger.LogWarning("{Warning}", warning);

            var measures = new Measures(app.Services.GetRequiredService<IMeterFactory>());
            var runtime = opened = Open(configuration, parts, loggers, measures);
            try
            {
                Api.Map(app, runtime, loggers.CreateLogger("CallServer.Pair"));
                await ListenAsync(app, configuration, cancel);
                await runtime.ListenAsync();
                await runtime.StartAsync();
                var server = new RunningServer(
                    app,
                    runtime,
                    logger,
                    parts.Reload ?? Reread(configuration, parts.Protocols),
                    parts.Manager is { } manager ? Supervise(manager, runtime, loggers) : null
                );
                logger.LogInformation(
                    "{Name} listens on {Address}, keeps its record in {Store}, and asks {Count} gateways",
                    configuration.Name,
                    server.Address,
                    configuration.StorePlace,
                    configuration.Gateways.Count
                );
                return server;
            }
            catch
            {
                await runtime.DisposeAsync();
                throw;
            }
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    private static Supervisor Supervise(
        ServiceManager manager,
        ServerRuntime runtime,
        ILoggerFactory loggers
    ) =>
        new(
            manager,
            runtime.Loops,
            () => runtime.IsReady,
            () => InWords(runtime.Status()),
            TaskPoolScheduler.Default,
            SystemClock.Timers,
            loggers.CreateLogger("CallServer.Supervision")
        );

    /// <summary>The line that <c>systemctl status</c> shows.</summary>
    private static string InWords(ServerStatus status) =>
        $"{status.Role}, epoch {status.Epoch}: {status.Connections} connections, "
        + $"{status.Gateways.Complete} of {status.Gateways.Total} gateways complete";

    /// <summary>Reads the same file and this process's environment again; null if there is no file.</summary>
    private static Func<ServerConfiguration>? Reread(
        ServerConfiguration configuration,
        GatewayProtocols protocols
    ) =>
        configuration.Source is { } file && File.Exists(file)
            ? () => ServerConfiguration.Load(file, ServerConfiguration.ProcessEnvironment(), protocols)
            : null;

    private static WebApplication Build(
        ServerConfiguration configuration,
        ServerParts parts,
        Func<ServerRuntime> runtime
    )
    {
        var builder = WebApplication.CreateEmptyBuilder(
            new WebApplicationOptions { ApplicationName = "callserver" }
        );
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = Manners.MostOctetsOfBody;
            kestrel.Limits.MaxConcurrentConnections = MostConnections;
            var port = configuration.Listen.Port;
            var secure = Secure(configuration, kestrel.ApplicationServices);
            if (IPAddress.TryParse(configuration.Listen.Host.Trim('[', ']'), out var address))
                kestrel.Listen(address, port, secure);
            else if (port == 0)
                kestrel.Listen(IPAddress.Loopback, port, secure);
            else
                kestrel.ListenLocalhost(port, secure);
        });
        if (configuration.Oidc is { } oidc)
            Oidc.Register(
                builder.Services,
                oidc,
                services => services.GetRequiredService<ILoggerFactory>().CreateLogger("CallServer.Oidc"),
                SystemClock.Timers
            );
        builder.Services.AddRoutingCore();
        Telemetry.Add(builder, configuration);
        ApiDocument.Add(builder.Services);
        builder.Services.Configure<HostOptions>(options =>
            options.ShutdownTimeout = parts.Share is null ? HttpPatience : HandOverPatience
        );
        builder.Services.Configure<ConsoleLifetimeOptions>(options => options.SuppressStatusMessages = true);
        builder.Logging.SetMinimumLevel(LogLevel.Information);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        // What is wrong with a caller's token is answered to the caller; a line for each would let strangers fill the log.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Authentication", LogLevel.None);
        // A failure to start is thrown, and whoever starts the server reports it in one line.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        (parts.Logging ?? LogToStandardError)(builder.Logging);
        parts.Share?.Join(builder, runtime);
        return builder.Build();
    }

    private static Action<ListenOptions> Secure(ServerConfiguration configuration, IServiceProvider services)
    {
        if (configuration.Tls is not { } tls)
            return _ => { };
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("CallServer.Tls");
        var certificate = HttpsListener.Open(configuration, tls, SystemClock.Timers, logger);
        return listen => HttpsListener.Use(listen, certificate);
    }

    /// <summary>Logs one line an event, in UTC; with the journal's levels under systemd.</summary>
    private static void LogToStandardError(ILoggingBuilder logging)
    {
        if (Environment.GetEnvironmentVariable("JOURNAL_STREAM") is { Length: > 0 })
            logging.AddSystemdConsole();
        else
            logging.AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.UseUtcTimestamp = true;
                console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
                console.ColorBehavior = LoggerColorBehavior.Default;
            });
        logging.Services.Configure<ConsoleLoggerOptions>(console =>
            console.LogToStandardErrorThreshold = LogLevel.Trace
        );
        LegibleLogs.Decorate<ConsoleLoggerProvider>(logging.Services);
    }

    private static ServerRuntime Open(
        ServerConfiguration configuration,
        ServerParts parts,
        ILoggerFactory loggers,
        Measures measures
    )
    {
        try
        {
            return ServerRuntime.Open(configuration, parts, loggers, measures);
        }
        catch (StoreException fault) when (!IsAway(configuration, fault))
        {
            throw Mistake(
                configuration,
                configuration.Store is null ? "server.data" : Keys.Store.Place.Name,
                fault.Message
            );
        }
    }

    /// <summary>Whether a database cannot be used now: it may come back by itself, unlike a file.</summary>
    private static bool IsAway(ServerConfiguration configuration, StoreException fault) =>
        configuration.Store is not null && fault is StoreUnavailableException and not StoreLockedException;

    private static async Task ListenAsync(
        WebApplication app,
        ServerConfiguration configuration,
        CancellationToken cancel
    )
    {
        try
        {
            await app.StartAsync(cancel);
        }
        catch (Exception fault) when (fault is IOException or SocketException)
        {
            throw Mistake(
                configuration,
                "server.listen",
                $"cannot listen on {configuration.Listen}: {fault.Message}"
            );
        }
    }

    private static ConfigurationException Mistake(
        ServerConfiguration configuration,
        string path,
        string message
    ) => new([new ConfigurationMistake(configuration.Source ?? "configuration", 0, path, message)]);
}

/// <summary>A running server; disposing it stops it cleanly.</summary>
public sealed class RunningServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly ILogger logger;
    private readonly Func<ServerConfiguration>? reload;
    private readonly Supervisor? supervisor;
    private readonly PosixSignalRegistration? hangUp;

    internal RunningServer(
        WebApplication app,
        ServerRuntime runtime,
        ILogger logger,
        Func<ServerConfiguration>? reload,
        Supervisor? supervisor
    )
    {
        this.app = app;
        this.logger = logger;
        this.reload = reload;
        this.supervisor = supervisor;
        if (supervisor is not null)
            app.Lifetime.ApplicationStopping.Register(supervisor.Stopping);
        Runtime = runtime;
        Address = new Uri(app.Urls.First());
        if (reload is not null && !OperatingSystem.IsWindows())
            hangUp = PosixSignalRegistration.Create(
                PosixSignal.SIGHUP,
                signal =>
                {
                    signal.Cancel = true;
                    Reload();
                }
            );
    }

    /// <summary>Where it listens, with the port that the system gave it.</summary>
    public Uri Address { get; }

    /// <summary>The runtime behind it.</summary>
    public ServerRuntime Runtime { get; }

    /// <summary>Everything that is mapped.</summary>
    internal IEnumerable<RouteEndpoint> Routes =>
        ((IEndpointRouteBuilder)app)
            .DataSources.SelectMany(source => source.Endpoints)
            .OfType<RouteEndpoint>();

    /// <summary>Completes at SIGINT, SIGTERM or the token.</summary>
    public Task WaitForShutdownAsync(CancellationToken cancel) => app.WaitForShutdownAsync(cancel);

    /// <summary>Reads the configuration again and takes it, all or nothing; false if it was refused.</summary>
    public bool Reload()
    {
        if (reload is null)
            return false;
        supervisor?.Reloading();
        try
        {
            var refused = Runtime.TryReload(reload);
            foreach (var reason in refused)
                logger.LogError("the changed configuration is not taken: {Reason}", reason);
            if (refused.Count > 0)
                return false;
            logger.LogInformation(
                "the changed configuration is taken: {Count} gateways",
                Runtime.Configuration.Gateways.Count
            );
            return true;
        }
        catch (ConfigurationException mistakes)
        {
            foreach (var mistake in mistakes.Mistakes)
                logger.LogError("the changed configuration is not taken: {Mistake}", mistake);
            return false;
        }
        finally
        {
            supervisor?.Reloaded();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        hangUp?.Dispose();
        await app.StopAsync();
        await Runtime.DisposeAsync();
        supervisor?.Dispose();
        await app.DisposeAsync();
    }
}
