using System.Net;
using CallServer.Model;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Storage.Postgres;
using Orleans.Runtime;

namespace CallServer.Fleet;

/// <summary>What this host tells of gateways that others hold.</summary>
/// <param name="whole">The record of all hosts.</param>
/// <param name="units">How many units it has.</param>
/// <param name="configuration">The present configuration.</param>
/// <param name="clock">This host's timeline.</param>
internal sealed class FleetRecord(
    WholeRecord whole,
    int units,
    Func<ServerConfiguration> configuration,
    IClock clock
)
{
    // A gateway is asked at each interval, and what is heard is written within seconds.
    private const int Intervals = 3;
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(10);

    // A dead host stays in the table of members for days.
    private static readonly TimeSpan Remembered = TimeSpan.FromHours(1);

    // Each list says which gateways are incomplete, and reading all of them for each would be most of its work.
    private static readonly TimeSpan Age = TimeSpan.FromSeconds(1);

    private readonly Lock reading = new();
    private Task<IReadOnlyDictionary<string, SharedAudit>>? audits;
    private Instant began;

    /// <summary>As <see cref="IGatewayShare.ReadAsync"/>.</summary>
    public async Task<IReadOnlyDictionary<string, GatewayState>> ReadAsync(
        IReadOnlyCollection<string> gateways,
        CancellationToken cancellation
    )
    {
        var known = await AuditsAsync(cancellation);
        return (await whole.ReadAsync(gateways, cancellation)).ToDictionary(
            stored => stored.Gateway,
            stored => State(stored, known.GetValueOrDefault(stored.Gateway).IsRecent),
            StringComparer.Ordinal
        );
    }

    /// <summary>As <see cref="IGatewayShare.AuditsAsync"/>.</summary>
    public Task<IReadOnlyDictionary<string, SharedAudit>> AuditsAsync(CancellationToken cancellation)
    {
        lock (reading)
        {
            var now = clock.Now.Steady;
            if (
                audits is null or { IsFaulted: true } or { IsCanceled: true }
                || (audits.IsCompleted && now - began > Age)
            )
                (began, audits) = (now, ReadAuditsAsync());
            return audits.WaitAsync(cancellation);
        }
    }

    /// <summary>As <see cref="IGatewayShare.CountConnectionsAsync"/>.</summary>
    public Task<long> CountConnectionsAsync(
        IReadOnlyCollection<string> gateways,
        CancellationToken cancellation
    ) => whole.CountConnectionsAsync(gateways, cancellation);

    /// <summary>As <see cref="IGatewayShare.HostsAsync"/>.</summary>
    public async Task<SharedHosts> HostsAsync(FleetMember? self, CancellationToken cancellation)
    {
        var gateways = UnitMap.ByUnit(configuration(), units);
        var now = InstantModule.toDateTime(clock.Now.Steady + clock.Correction).UtcDateTime;
        return new SharedHosts(
            units,
            [
                .. (await whole.HostsAsync(cancellation))
                    .Where(member =>
                        member.Status != (int)SiloStatus.Dead
                        || member.Units.Count > 0
                        || now - member.Alive < Remembered
                    )
                    .Select(member => new SharedHost(
                        member.Name,
                        $"{new IPEndPoint(IPAddress.Parse(member.Host.Address), member.Host.Port)}",
                        self
                            == new FleetMember(member.Host.Address, member.Host.Port, member.Host.Generation),
                        StateOf((SiloStatus)member.Status),
                        member.Started,
                        member.Alive,
                        member.Units.Count,
                        member.Units.Sum(unit => gateways[unit].Count()),
                        member.Took
                    )),
            ]
        );
    }

    private static HostState StateOf(SiloStatus status) =>
        status switch
        {
            SiloStatus.Active => HostState.Active,
            SiloStatus.ShuttingDown or SiloStatus.Stopping => HostState.Leaving,
            SiloStatus.Dead => HostState.Dead,
            _ => HostState.Joining,
        };

    private static GatewayState State(StoredGateway stored, bool isRecent) =>
        new(
            stored.Gateway,
            isRecent ? stored.Record : stored.Record.Unheard,
            stored.LastAudit,
            isRecent,
            stored.Record.LastComplete
        );

    /// <summary>For everybody who waits; nobody's patience ends it.</summary>
    private async Task<IReadOnlyDictionary<string, SharedAudit>> ReadAuditsAsync()
    {
        var found = await whole.AuditsAsync(gateway => UnitMap.Of(gateway, units), CancellationToken.None);
        var now = clock.Now.Steady;
        var shared = new Dictionary<string, SharedAudit>(StringComparer.Ordinal);
        foreach (var gateway in configuration().Gateways)
            if (found.TryGetValue(gateway.Id, out var audit))
                shared[gateway.Id] = new SharedAudit(
                    audit.IsHeard && now - audit.Answered <= Intervals * gateway.Interval + Slack,
                    audit.Complete,
                    audit.Silent
                );
        return shared;
    }
}
