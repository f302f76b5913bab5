using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>What a role means for the rest of the server. Called on the roles' own thread.</summary>
public interface IRoleWork
{
    /// <summary>Keeps this over a restart; a disk that fails is told and holds nothing up.</summary>
    void Keep(int epoch, bool acts);

    /// <summary>Audits and writes CDRs like this from now on.</summary>
    /// <param name="pace">How often the gateways are asked.</param>
    /// <param name="writesCdrs">Otherwise they are held.</param>
    /// <param name="recovers">A takeover, which asks everybody, follows at once.</param>
    void Assume(AuditPace pace, bool writesCdrs, bool recovers);

    /// <summary>Tells whoever follows the record's events what the role changed to, and why.</summary>
    void Say(string what);

    /// <summary>Asks the gateways that can tell who controls them, and logs it; returns at once.</summary>
    void LookAround();

    /// <summary>Asks every gateway at once, and reports what came of it.</summary>
    void Recover(TakeoverDecision takeover);
}
