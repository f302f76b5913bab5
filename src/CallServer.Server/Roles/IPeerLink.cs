using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>The path to the other server of a pair.</summary>
public interface IPeerLink
{
    /// <summary>
    /// Sends a heartbeat and reports the answer, on any thread. If there is no answer, <paramref name="heard"/> is
    /// never called.
    /// </summary>
    void Ask(Uri peer, GreetingView greeting, Action<GreetingView> heard);
}
