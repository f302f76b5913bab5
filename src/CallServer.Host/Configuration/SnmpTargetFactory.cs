using System.Text;
using CallServer.Surface;

namespace CallServer.Host.Configuration;

/// <summary>The protocols that the core speaks.</summary>
public sealed class SnmpTargetFactory : IAuditTargetFactory
{
    private readonly ProfileCatalog _catalog;

    private SnmpTargetFactory(ProfileCatalog catalog) => _catalog = catalog;

    /// <summary>With the built-in profiles.</summary>
    public static SnmpTargetFactory BuiltIn { get; } = new(ProfileCatalog.BuiltIn);

    /// <inheritdoc/>
    public IReadOnlyCollection<string> ProfileNames => _catalog.Names;

    /// <inheritdoc/>
    public IAuditTargetFactory WithProfiles(Document profiles, out IReadOnlyList<DocumentMistake> mistakes) =>
        new SnmpTargetFactory(_catalog.With(profiles, out mistakes));

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
        return uri.User is null
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
}
