namespace CallServer.Fleet;

/// <summary>
/// Whether this host may ask gateways and which member it is: the gate after a stall, and the rule for a host that sees
/// neither peers nor database.
/// </summary>
public interface IFleetGate
{
    /// <summary>This host; null until it has joined.</summary>
    FleetMember? Self { get; }

    /// <summary>Whether it may ask gateways now. Cheap: whoever asks a gateway looks here each time.</summary>
    bool MayAsk { get; }
}
