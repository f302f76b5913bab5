using CallServer.Server.Releasing;

namespace CallServer.Fleet;

/// <summary>Carries out what is ordered of gateways that this host holds.</summary>
public interface IUnitOrders
{
    /// <summary>Asks a gateway as soon as possible. Returns whether it is polled.</summary>
    bool Audit(string gateway);

    /// <summary>Releases a connection, as an operator ordered.</summary>
    Task<ReleaseAnswer> ReleaseAsync(string gateway, string connection, string by, string reason);
}
