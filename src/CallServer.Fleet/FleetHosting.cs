using CallServer.Server.Net;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

namespace CallServer.Fleet;

/// <summary>Makes a process a host of a fleet: Orleans on the database's table of members, and what this project adds to it.</summary>
internal static class FleetHosting
{
    /// <summary>The name of the cluster, and of what it serves. One schema holds one fleet, so that they distinguish nothing.</summary>
    private const string Cluster = "callserver";

    /// <summary>Adds it to a process; it joins when the process starts, and leaves when that stops in order.</summary>
    public static void AddFleet(this IHostApplicationBuilder builder, FleetOptions options)
    {
        foreach (var talkative in (string[])["Orleans", "Polly", typeof(PeerService).FullName!])
            builder.Logging.AddFilter(talkative, LogLevel.Warning);
        // Every call to a host that has just ended, with its stack; every probe that it misses; advice on the collection of
        // memory. UnitKeeper says who is a member.
        foreach (
            var chatty in (string[])
                [
                    "Orleans.Runtime.CallbackData",
                    "Orleans.Runtime.MembershipService",
                    "Orleans.Runtime.Messaging",
                    "Orleans.Runtime.Silo",
                ]
        )
            builder.Logging.AddFilter(chatty, LogLevel.Error);
        var services = builder.Services;
        services.TryAddSingleton(SystemClock.Timers);
        services.AddSingleton(options.OpenUnits);
        if (options.Orders is { } orders)
            services.AddSingleton(orders);
        if (options.Record is { } record)
            services.AddSingleton(record);
        services.AddSingleton<FleetGate>();
        services.AddSingleton<IFleetGate>(given => given.GetRequiredService<FleetGate>());
        services.AddSingleton<FleetView>();
        services.AddSingleton<UnitGrains>();
        services.AddSingleton<Peers>();
        services.AddSingleton<FleetEnd>();
        builder.UseOrleans(silo => Configure(silo, options));
        services.AddSingleton<IFatalErrorHandler>(given => given.GetRequiredService<FleetEnd>());
        // Started after Orleans and stopped before it.
        services.AddHostedService<FleetWatch>();
        services.AddHostedService(given =>
            ActivatorUtilities.CreateInstance<UnitKeeper>(given, options.Units)
        );
        if (options.OpenImports is { } imports)
            services.AddHostedService(given => new CallImportService(imports(given)));
    }

    private static void Configure(ISiloBuilder silo, FleetOptions options)
    {
        silo.UseAdoNetClustering(table =>
        {
            table.Invariant = "Npgsql";
            table.ConnectionString = options.Members;
        });
        silo.Configure<ClusterOptions>(cluster => cluster.ClusterId = cluster.ServiceId = Cluster);
        silo.Configure<SiloOptions>(self => self.SiloName = options.Name);
        // No port for clients of Orleans: there are none.
        silo.ConfigureEndpoints(options.Listen.Address, options.Listen.Port, gatewayPort: 0);
        silo.Configure<ClusterMembershipOptions>(FindDeadHosts);
        // A unit stays where it is, however seldom its grain is called.
        silo.Configure<GrainCollectionOptions>(collection =>
            collection.CollectionAge = TimeSpan.FromDays(300)
        );
        silo.Configure<SiloMessagingOptions>(messages => messages.ResponseTimeout = TimeSpan.FromSeconds(10));
        silo.AddPlacementDirector<RendezvousPlacement, RendezvousDirector>();
        silo.AddGrainService<PeerService>();
    }

    /// <summary>So that a host that ends without a word is missed after 3 to 7 s.</summary>
    private static void FindDeadHosts(ClusterMembershipOptions members)
    {
        members.ProbeTimeout = TimeSpan.FromSeconds(1);
        members.MinProbeTimeout = TimeSpan.FromMilliseconds(500);
        members.MaxProbeTimeout = TimeSpan.FromSeconds(2);
        members.NumMissedProbesLimit = 3;
        members.NumVotesForDeathDeclaration = 2;
        members.TableRefreshTimeout = TimeSpan.FromSeconds(5);
        members.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(5);
        members.DeathVoteExpirationTimeout = TimeSpan.FromSeconds(30);
    }
}
