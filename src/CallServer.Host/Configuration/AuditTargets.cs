using CallServer.Surface;

namespace CallServer.Host.Configuration;

/// <summary>The protocols that the core speaks.</summary>
public sealed class AuditTargets : IAuditTargetFactory
{
    /// <summary>With the built-in profiles.</summary>
    public static AuditTargets BuiltIn { get; } = new();

    private AuditTargets() { }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> ProfileNames =>
        [
            "cisco-voice",
            "cisco-xgcp",
            "avaya-rtp",
            "adtran-vqm",
            "freeswitch",
            "asterisk",
            "rtp-mib",
            "dial-control",
        ];

    /// <inheritdoc/>
    public IAuditTargetFactory WithProfiles(Document profiles, out IReadOnlyList<DocumentMistake> mistakes)
    {
        mistakes = [];
        return this;
    }

    /// <inheritdoc/>
    public AuditTarget Create(
        string gateway,
        GatewayUri uri,
        GatewaySecrets secrets,
        TimeSpan timeout,
        int attempts
    ) => throw new NotSupportedException("the SNMP audit is not part of this build");
}
