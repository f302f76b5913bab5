using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace CallServer.Fleet;

/// <summary>
/// Which host each unit belongs to, from the set of hosts alone (rendezvous hashing): every host weighs each unit, and the
/// highest weight has it. So all hosts that know the same set agree, and a host that leaves or joins moves its own units only.
/// </summary>
internal sealed class Rendezvous
{
    private readonly (FleetMember Member, ulong Seed)[] hosts;

    /// <param name="members">
    /// The hosts, in any order. Two starts at one address are one host: its latest one counts, and has the units that the
    /// earlier one had.
    /// </param>
    public Rendezvous(IEnumerable<FleetMember> members) =>
        hosts = [
            .. members
                .GroupBy(member => (member.Address, member.Port))
                .Select(starts => starts.MaxBy(start => start.Generation))
                .Select(member => (member, Seed(member)))
                .OrderBy(host => host.Item2),
        ];

    /// <summary>The host that this unit belongs to; null if there are no hosts.</summary>
    public FleetMember? OwnerOf(int unit)
    {
        FleetMember? owner = null;
        var highest = 0UL;
        foreach (var (member, seed) in hosts)
        {
            var weight = Mix(seed ^ Mix((ulong)unit));
            if (owner is null || weight > highest)
                (owner, highest) = (member, weight);
        }

        return owner;
    }

    /// <summary>The same in every process: no hash code of the runtime is.</summary>
    private static ulong Seed(FleetMember member) =>
        BinaryPrimitives.ReadUInt64BigEndian(
            SHA256.HashData(
                Encoding.UTF8.GetBytes(
                    string.Create(CultureInfo.InvariantCulture, $"{member.Address} {member.Port}")
                )
            )
        );

    /// <summary>Spreads all bits over all others (the finalizer of SplitMix64).</summary>
    private static ulong Mix(ulong value)
    {
        value = unchecked(value + 0x9E3779B97F4A7C15);
        value = unchecked((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9);
        value = unchecked((value ^ (value >> 27)) * 0x94D049BB133111EB);
        return value ^ (value >> 31);
    }
}
