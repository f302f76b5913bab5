using System.Net;
using Orleans.Runtime;

namespace CallServer.Fleet;

/// <summary>Orleans calls a host a silo.</summary>
internal static class Silos
{
    public static FleetMember Member(SiloAddress silo) =>
        new(silo.Endpoint.Address.ToString(), silo.Endpoint.Port, silo.Generation);

    public static SiloAddress Silo(FleetMember member) =>
        SiloAddress.New(IPAddress.Parse(member.Address), member.Port, member.Generation);
}
