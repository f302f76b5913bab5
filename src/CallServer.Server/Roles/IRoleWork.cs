using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>What a role means for the rest of the server. Called on the role loop's thread.</summary>
public interface IRoleWork
{
    /// <summary>
    /// Stores the epoch and the role so that they survive a restart. A failing disk is logged and delays nothing.
    /// </summary>
    void Keep(int epoch, bool acts);

    /// <summary>Audits and writes CDRs this way from now on.</summary>
    /// <param name="pace">How often the gateways are asked.</param>
    /// <param name="writesCdrs">Whether CDRs are written; if not, they are held.</param>
    /// <param name="recovers">Whether a takeover, which asks everybody, follows at once.</param>
    void Assume(AuditPace pace, bool writesCdrs, bool recovers);

    /// <summary>Tells followers of the event stream what the role changed to, and why.</summary>
    void Say(string what);

    /// <summary>Asks the gateways that can tell who controls them, and logs the answers. Returns at once.</summary>
    void LookAround();

    /// <summary>Asks every gateway at once, and reports what came of it.</summary>
    void Recover(TakeoverDecision takeover);
}
