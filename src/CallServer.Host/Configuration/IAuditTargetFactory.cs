using CallServer.Surface;

namespace CallServer.Host.Configuration;

/// <summary>From a gateway's URI and secrets to the audits of it.</summary>
public interface IAuditTargetFactory
{
    /// <summary>The SNMP profiles that a URI may name.</summary>
    IReadOnlyCollection<string> ProfileNames { get; }

    /// <summary>
    /// The same with a user's own profiles besides, and everything that is wrong with them.
    /// </summary>
    IAuditTargetFactory WithProfiles(Document profiles, out IReadOnlyList<DocumentMistake> mistakes);

    /// <summary>
    /// The URI's profile must be one of <see cref="ProfileNames"/> or null, and the secrets must have passed
    /// <see cref="GatewaySecrets.Check"/>.
    /// </summary>
    AuditTarget Create(
        string gateway,
        GatewayUri uri,
        GatewaySecrets secrets,
        TimeSpan timeout,
        int attempts
    );
}
