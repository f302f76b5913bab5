using CallServer.Server;
using CallServer.Server.Polling;
using CallServer.Server.Releasing;

namespace CallServer.Fleet;

/// <summary>Orders about gateways: those that other hosts gave, and those that other hosts are to carry out.</summary>
/// <param name="units">How many units the record has.</param>
/// <param name="runtime">What asks the gateways of this host.</param>
internal sealed partial class FleetOrders(int units, Func<ServerRuntime> runtime) : IUnitOrders
{
    private IGrainFactory? grains;
    private ILogger? logger;

    /// <summary>From now on orders are passed on.</summary>
    public void Open(IServiceProvider services)
    {
        logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("CallServer.Units");
        grains = services.GetRequiredService<IGrainFactory>();
    }

    /// <inheritdoc/>
    public bool Audit(string gateway) => runtime().Polling.Trigger(gateway, AuditCause.Operator);

    /// <inheritdoc/>
    public Task<ReleaseAnswer> ReleaseAsync(string gateway, string connection, string by, string reason) =>
        runtime().Releaser.ReleaseAsync(gateway, connection, by, reason);

    /// <summary>As <see cref="IGatewayShare.AuditAsync"/>.</summary>
    public async Task<bool?> PassAuditAsync(string gateway)
    {
        try
        {
            return grains is null ? null : await Grain(gateway).AuditAsync(gateway);
        }
#pragma warning disable CA1031 // however it fails, nobody answered
        catch (Exception fault)
#pragma warning restore CA1031
        {
            LogUnanswered(gateway, fault.Message);
            return null;
        }
    }

    /// <summary>As <see cref="IGatewayShare.ReleaseAsync"/>.</summary>
    public async Task<ReleaseAnswer> PassReleaseAsync(
        string gateway,
        string connection,
        string by,
        string reason
    )
    {
        ReleaseAnswer Not(ReleaseStatus status, string detail) => new(status, gateway, connection, detail);
        try
        {
            var reply = grains is null
                ? null
                : await Grain(gateway).ReleaseAsync(new ReleaseMessage(gateway, connection, by, reason));
            return reply?.Answer
                ?? Not(
                    ReleaseStatus.Unheld,
                    "another host takes it within seconds: try again when an audit has confirmed the connection"
                );
        }
#pragma warning disable CA1031 // however it fails, nobody knows how far it came
        catch (Exception fault)
#pragma warning restore CA1031
        {
            LogUnanswered(gateway, fault.Message);
            return Not(ReleaseStatus.Unknown, $"the host that holds {gateway} did not answer");
        }
    }

    private IUnitGrain Grain(string gateway) => grains!.GetGrain<IUnitGrain>(UnitMap.Of(gateway, units));

    private void LogUnanswered(string gateway, string why)
    {
        if (logger is not null)
            LogUnanswered(logger, gateway, why);
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Gateway}: the host that holds it did not answer to an order: {Why}"
    )]
    private static partial void LogUnanswered(ILogger logger, string gateway, string why);
}
