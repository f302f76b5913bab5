using System.Collections.Immutable;
using System.Reactive.Concurrency;
using CallServer.Server.Configuration;
using CallServer.Server.Polling;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Storage.Postgres;
using CallServer.Surface;
using Microsoft.Extensions.Logging;

namespace CallServer.Fleet;

/// <summary>
/// Holds units over this host's pollers, shards and writer. Each unit is a machine of the core (<see cref="FleetUnit"/>), and
/// all of them run on one loop; claims and hand-overs that come together go to the database together.
/// </summary>
public sealed class UnitHost : IUnitHost, IDisposable
{
    private const int Most = 256;
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(500);

    private readonly UnitTable table;
    private readonly int count;
    private readonly LedgerShards ledger;
    private readonly StoreWriter writer;
    private readonly PollingService polling;
    private readonly Func<ServerConfiguration> configuration;
    private readonly IFleetGate gate;
    private readonly IScheduler loop;
    private readonly ILogger logger;
    private readonly CancellationTokenSource stop = new();
    private readonly IDisposable refusals;
    private readonly Together<int> claims;
    private readonly Together<UnitFence> handOvers;

    // Owned by the loop.
    private readonly Dictionary<int, OneUnit> units = [];
    private readonly HashSet<int> asked = [];
    private bool follows;
    private ImmutableDictionary<int, long> held = ImmutableDictionary<int, long>.Empty;

    /// <param name="table">The ownership of units.</param>
    /// <param name="count">How many units the record has.</param>
    /// <param name="ledger">The record of what this host holds; it takes in only that.</param>
    /// <param name="writer">Writes it.</param>
    /// <param name="polling">Asks the gateways; from now on this host alone says which.</param>
    /// <param name="configuration">The present configuration, with the gateways of all hosts.</param>
    /// <param name="gate">Who this host is.</param>
    /// <param name="loop">Runs one action at a time.</param>
    /// <param name="logger">Reports what is taken, handed over and refused.</param>
    public UnitHost(
        UnitTable table,
        int count,
        LedgerShards ledger,
        StoreWriter writer,
        PollingService polling,
        Func<ServerConfiguration> configuration,
        IFleetGate gate,
        IScheduler loop,
        ILogger logger
    )
    {
        ArgumentNullException.ThrowIfNull(writer);
        this.table = table;
        this.count = count;
        this.ledger = ledger;
        this.writer = writer;
        this.polling = polling;
        this.configuration = configuration;
        this.gate = gate;
        this.loop = loop;
        this.logger = logger;
        claims = new(loop, Most, ClaimAsync);
        handOvers = new(loop, Most, HandOverAsync);
        refusals = writer.Refused.Subscribe(fence => Tell(fence.Unit, unit => unit.Refused(fence.Epoch)));
    }

    /// <inheritdoc/>
    public event Action<int>? Refused;

    /// <inheritdoc/>
    public IReadOnlyDictionary<int, long> Held => Volatile.Read(ref held);

    /// <inheritdoc/>
    public void Hold(int unit) => Tell(unit, known => known.Want());

    /// <inheritdoc/>
    public async Task GiveUpAsync(int unit, CancellationToken cancellation)
    {
        var free = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Schedule(() =>
        {
            Unit(unit).Free.Add(free);
            Unit(unit).Take(known => known.GiveUp());
        });
        try
        {
            await free.Task.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            logger.LogWarning("unit {Unit} is not handed over yet", unit);
        }
    }

    /// <summary>
    /// The configuration is another one. A unit whose gateways are not the same ones goes through a new claim, which reads what the
    /// record has of those that came; the others are asked as they are configured now.
    /// </summary>
    public void Reconfigure() =>
        loop.Schedule(() =>
        {
            var all = UnitMap.ByUnit(configuration(), count);
            foreach (var (number, unit) in units)
                unit.Reconfigure([.. all[number].Select(gateway => gateway.Id)]);
            Follow();
        });

    /// <summary>Claims nothing more. What is held stays so until the membership calls this host dead.</summary>
    public void Dispose()
    {
        refusals.Dispose();
        stop.Cancel();
        stop.Dispose();
    }

    private void Tell(int unit, Func<FleetUnit, FleetUnit> happens) =>
        loop.Schedule(() => Unit(unit).Take(happens));

    private OneUnit Unit(int unit)
    {
        if (!units.TryGetValue(unit, out var known))
            units.Add(unit, known = new OneUnit(this, unit));
        return known;
    }

    private async Task ClaimAsync(IReadOnlyList<int> wanted)
    {
        var all = UnitMap.ByUnit(configuration(), count);
        var gateways = wanted.ToDictionary(
            unit => unit,
            unit => (IReadOnlyList<string>)[.. all[unit].Select(gateway => gateway.Id)]
        );
        var taken = new Dictionary<int, ClaimedUnit>();
        var answered = false;
        try
        {
            if (gate.Self is { } self)
            {
                var me = new UnitOwner(self.Address, self.Port, self.Generation);
                var claimed = await table.ClaimAsync(me, gateways, stop.Token);
                taken = claimed.Units.ToDictionary(unit => unit.Fence.Unit);
            }
            answered = true;
        }
        catch (Exception fault) when (fault is StoreException or OperationCanceledException)
        {
            logger.LogWarning("{Count} units cannot be claimed now: {Reason}", wanted.Count, fault.Message);
        }
#pragma warning disable CA1031 // whatever it is: all units wait for the answer
        catch (Exception fault)
#pragma warning restore CA1031
        {
            logger.LogError(fault, "{Count} units cannot be claimed by a fault of our own", wanted.Count);
        }
        foreach (var unit in wanted)
            if (taken.TryGetValue(unit, out var claim))
                loop.Schedule(() => Unit(unit).Claimed(claim, gateways[unit]));
            else
                Tell(unit, known => answered ? known.NotTaken() : known.Unanswered());
    }

    private async Task HandOverAsync(IReadOnlyList<UnitFence> left)
    {
        var answered = false;
        try
        {
            await table.HandOverAsync(left, stop.Token);
            answered = true;
        }
        catch (Exception fault) when (fault is StoreException or OperationCanceledException)
        {
            logger.LogWarning("{Count} units cannot be handed over now: {Reason}", left.Count, fault.Message);
        }
#pragma warning disable CA1031 // whatever it is: all units wait for the answer
        catch (Exception fault)
#pragma warning restore CA1031
        {
            logger.LogError(fault, "{Count} units cannot be handed over by a fault of our own", left.Count);
        }
        foreach (var (unit, epoch) in left)
            Tell(unit, known => answered ? known.HandedOver(epoch) : known.NotHandedOver(epoch));
    }

    /// <summary>Asks the gateways of the units that are held, once for all changes of this turn.</summary>
    private void Follow()
    {
        if (follows)
            return;
        follows = true;
        loop.Schedule(() =>
        {
            follows = false;
            var all = configuration();
            polling.Follow(
                all with
                {
                    Gateways =
                    [
                        .. all.Gateways.Where(gateway => asked.Contains(UnitMap.Of(gateway.Id, count))),
                    ],
                }
            );
        });
    }

    /// <summary>One unit; everything happens on the loop.</summary>
    private sealed class OneUnit(UnitHost host, int number) : IUnitSink
    {
        private FleetUnit state = FleetUnit.Free;
        private (ClaimedUnit Unit, IReadOnlyList<string> Gateways)? claimed;
        private IReadOnlyList<string> gateways = [];

        /// <summary>Who waits until this host has nothing of the unit.</summary>
        public List<TaskCompletionSource> Free { get; } = [];

        public void Take(Func<FleetUnit, FleetUnit> happens)
        {
            state = happens(state);
            host.held = state.IsFree
                ? host.held.Remove(number)
                : host.held.SetItem(number, state.WritesUnder);
            state.Dispatch(this);
        }

        public void Claimed(ClaimedUnit claim, IReadOnlyList<string> gateways)
        {
            claimed = (claim, gateways);
            Take(known => known.Taken(claim.Fence.Epoch));
            claimed = null;
        }

        public void Reconfigure(IReadOnlyList<string> next)
        {
            if (state.AsksUnder == 0 || next.ToHashSet().SetEquals(gateways))
                return;
            ClaimAgain();
        }

        public void Claim() => host.claims.Add(number);

        public void Begin(long epoch)
        {
            if (claimed is not { } claim || claim.Unit.Fence.Epoch != epoch)
                return;
            gateways = claim.Gateways;
            _ = BeginAsync(claim.Unit, claim.Gateways);
        }

        public void Stop(long epoch)
        {
            host.asked.Remove(number);
            host.Follow();
        }

        public void Flush(long epoch) => _ = FlushAsync(new UnitFence(number, epoch));

        public void HandOver(long epoch) => host.handOvers.Add(new UnitFence(number, epoch));

        public void Forget(long epoch)
        {
            var fence = new UnitFence(number, epoch);
            _ = host.ledger.LetAsync(fence);
            host.writer.Drop(fence);
        }

        public void WakeLater() => host.loop.Schedule(Rest, () => Take(known => known.Wake()));

        public void TellRefused()
        {
            host.logger.LogWarning(
                "unit {Unit} is another host's now: its gateways are not asked any more",
                number
            );
            // When it is told, the gateways are not asked any more.
            host.loop.Schedule(() => host.Refused?.Invoke(number));
        }

        public void TellFree()
        {
            Free.ForEach(waiting => waiting.TrySetResult());
            Free.Clear();
        }

        private async Task BeginAsync(ClaimedUnit claim, IReadOnlyList<string> gateways)
        {
            try
            {
                await host.ledger.HoldAsync(claim.Fence, gateways, claim.Gateways);
            }
            // Whatever it is: a unit that is held and not asked would stay so.
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                host.logger.LogError(
                    fault,
                    "unit {Unit} cannot be begun by a fault of our own, and is claimed again",
                    number
                );
                host.loop.Schedule(Rest, () => IfHeld(ClaimAgain));
                return;
            }
            host.loop.Schedule(() =>
                IfHeld(() =>
                {
                    host.asked.Add(number);
                    host.Follow();
                })
            );

            // It may have been given up meanwhile.
            void IfHeld(Action act)
            {
                if (state.AsksUnder == claim.Fence.Epoch)
                    act();
            }
        }

        private void ClaimAgain()
        {
            Take(known => known.GiveUp());
            Take(known => known.Want());
        }

        private async Task FlushAsync(UnitFence fence)
        {
            try
            {
                await host.ledger.PassAsync();
                await host.writer.WrittenAsync(fence);
                host.Tell(number, known => known.Flushed(fence.Epoch));
            }
            // Whatever it is: a unit that is never flushed would never be handed over.
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                host.logger.LogError(
                    fault,
                    "unit {Unit} cannot be written by a fault of our own, and is tried again",
                    number
                );
                host.loop.Schedule(Rest, () => Flush(fence.Epoch));
            }
        }
    }
}
