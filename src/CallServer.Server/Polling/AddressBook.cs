using System.Collections.Immutable;
using System.Net;
using CallServer.Server.Configuration;
using CallServer.Server.Net;

namespace CallServer.Server.Polling;

/// <summary>A gateway and where it is asked.</summary>
/// <param name="Gateway">Which one.</param>
/// <param name="EndPoint">Where it is asked.</param>
/// <param name="RepliesFrom">The host that it speaks from besides, where it is said so.</param>
public sealed record GatewayAt(
    GatewayConfiguration Gateway,
    IPEndPoint EndPoint,
    IPAddress? RepliesFrom = null
);

/// <summary>
/// Which gateways are asked at an address: to know who speaks where something comes by itself. Names count as
/// soon as they were looked up for asking.
/// </summary>
public sealed class AddressBook
{
    private readonly Lock guard = new();
    private readonly Dictionary<GatewayConfiguration, GatewayAt> entries = new(
        ReferenceEqualityComparer.Instance
    );
    private ImmutableDictionary<IPAddress, ImmutableArray<GatewayAt>> addresses = ImmutableDictionary<
        IPAddress,
        ImmutableArray<GatewayAt>
    >.Empty;

    /// <summary>The gateways at this address, on whatever ports; none where it is a stranger's.</summary>
    public ImmutableArray<GatewayAt> At(IPAddress address) =>
        Volatile.Read(ref addresses).GetValueOrDefault(address, []);

    /// <summary>It is asked from now on, perhaps at a name that has no address yet.</summary>
    internal void Enter(GatewayConfiguration gateway, GatewayAddress? address)
    {
        lock (guard)
        {
            entries[gateway] = new GatewayAt(
                gateway,
                address?.EndPoint ?? new IPEndPoint(IPAddress.None, 0),
                address?.RepliesFrom
            );
            if (address is not null)
                Add(entries[gateway]);
        }
    }

    /// <summary>Its name was looked up; nothing where it is not asked any more.</summary>
    internal void Move(GatewayConfiguration gateway, GatewayAddress address)
    {
        lock (guard)
        {
            var now = new GatewayAt(gateway, address.EndPoint, address.RepliesFrom);
            if (!entries.TryGetValue(gateway, out var before) || before == now)
                return;
            Remove(before);
            entries[gateway] = now;
            Add(now);
        }
    }

    /// <summary>It is asked no longer.</summary>
    internal void Leave(GatewayConfiguration gateway)
    {
        lock (guard)
        {
            if (entries.Remove(gateway, out var before))
                Remove(before);
        }
    }

    private void Add(GatewayAt entry)
    {
        foreach (var address in Addresses(entry))
        {
            Volatile.Write(
                ref addresses,
                addresses.SetItem(address, addresses.GetValueOrDefault(address, []).Add(entry))
            );
        }
    }

    private void Remove(GatewayAt entry)
    {
        foreach (var address in Addresses(entry))
        {
            var left = addresses.GetValueOrDefault(address, []).Remove(entry);
            Volatile.Write(
                ref addresses,
                left.IsEmpty ? addresses.Remove(address) : addresses.SetItem(address, left)
            );
        }
    }

    private static IEnumerable<IPAddress> Addresses(GatewayAt entry) =>
        entry.RepliesFrom is { } other && !other.Equals(entry.EndPoint.Address)
            ? [entry.EndPoint.Address, other]
            : [entry.EndPoint.Address];
}
