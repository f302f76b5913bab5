using System.Collections.Immutable;
using System.Net;
using CallServer.Server.Configuration;
using CallServer.Server.Net;

namespace CallServer.Server.Polling;

/// <summary>A gateway and the address where it is asked.</summary>
/// <param name="Gateway">The gateway.</param>
/// <param name="EndPoint">The address where it is asked.</param>
/// <param name="RepliesFrom">Another host that it answers from, if so configured.</param>
public sealed record GatewayAt(
    GatewayConfiguration Gateway,
    IPEndPoint EndPoint,
    IPAddress? RepliesFrom = null
);

/// <summary>
/// Which gateways are asked at an address, so that the sender of an unasked message can be identified. A host name
/// counts as soon as it has been resolved for asking.
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

    /// <summary>The gateways at this address, on any port; empty if the address is unknown.</summary>
    public ImmutableArray<GatewayAt> At(IPAddress address) =>
        Volatile.Read(ref addresses).GetValueOrDefault(address, []);

    /// <summary>
    /// The gateway is asked from now on; a null address means that its name has not been resolved yet.
    /// </summary>
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

    /// <summary>Its name was resolved. Does nothing if the gateway is not asked any more.</summary>
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

    /// <summary>The gateway is no longer asked.</summary>
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
