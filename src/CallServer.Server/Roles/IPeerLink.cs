using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>The way to the other server of a pair.</summary>
public interface IPeerLink
{
    /// <summary>
    /// Sends a heartbeat, and tells what is answered, on any thread. No answer is told by telling nothing.
    /// </summary>
    void Ask(Uri peer, GreetingView greeting, Action<GreetingView> heard);
}
