using System.Text;
using CallServer.Surface;

namespace CallServer.Host.Configuration;

/// <summary>The protocols that the core speaks.</summary>
public sealed class AuditTargetFactory : IAuditTargetFactory
{
    private readonly ProfileCatalog _catalog;

    private AuditTargetFactory(ProfileCatalog catalog) => _catalog = catalog;

    /// <summary>With the built-in profiles.</summary>
    public static AuditTargetFactory BuiltIn { get; } = new(ProfileCatalog.BuiltIn);

    /// <inheritdoc/>
    public IReadOnlyCollection<string> ProfileNames => _catalog.Names;

    /// <inheritdoc/>
    public IAuditTargetFactory WithProfiles(Document profiles, out IReadOnlyList<DocumentMistake> mistakes) =>
        new AuditTargetFactory(_catalog.With(profiles, out mistakes));

    /// <inheritdoc/>
    public AuditTarget Create(
        string gateway,
        GatewayUri uri,
        GatewaySecrets secrets,
        TimeSpan timeout,
        int attempts
    )
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(secrets);
        return uri.Scheme switch
        {
            "snmp" => Snmp(gateway, uri, secrets, timeout, attempts),
            "mgcp" => MgcpTarget.Create(
                gateway,
                uri.Host,
                uri.Endpoints,
                uri.VerifiesByModifying,
                uri.MgcpVersion,
                timeout,
                attempts
            ),
            "sip" => SipTarget.Create(
                gateway,
                uri.User,
                uri.Host,
                uri.Port,
                uri.Transport,
                uri.From,
                secrets.Auth,
                uri.Watch,
                timeout,
                attempts
            ),
            "ng" or "ng+tcp" or "ng+http" => NgTarget.Create(
                gateway,
                uri.Transport,
                uri.MediaAnswers,
                timeout,
                attempts
            ),
            _ => throw new ArgumentException($"no such protocol: {uri.Scheme}", nameof(uri)),
        };
    }

    private AuditTarget Snmp(
        string gateway,
        GatewayUri uri,
        GatewaySecrets secrets,
        TimeSpan timeout,
        int attempts
    ) =>
        uri.User is null
            ? AuditTargets.SnmpCommunity(
                gateway,
                secrets.Community ?? Encoding.UTF8.GetBytes("public"),
                uri.Profile,
                _catalog,
                timeout,
                attempts
            )
            : AuditTargets.SnmpUser(
                gateway,
                uri.User,
                uri.Auth,
                secrets.Auth,
                uri.Priv,
                secrets.Priv,
                uri.Context,
                uri.Profile,
                _catalog,
                timeout,
                attempts
            );
}
