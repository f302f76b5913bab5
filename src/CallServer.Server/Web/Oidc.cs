using System.Security.Claims;
using System.Text.Json;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace CallServer.Server.Web;

/// <summary>
/// Tokens of an issuer that is trusted (OpenID Connect; RFC 9068): the platform's handler checks signature, issuer, audience
/// and lifetime, and a claim says what the caller may do.
/// </summary>
internal sealed class Oidc(OidcConfiguration oidc, IClock clock, ILogger logger)
{
    private const int LongestSubject = 200;
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(60);

    // Public keys alone: with a shared secret, the key set of the issuer would be the secret.
    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256,
        SecurityAlgorithms.RsaSha384,
        SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256,
        SecurityAlgorithms.RsaSsaPssSha384,
        SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256,
        SecurityAlgorithms.EcdsaSha384,
        SecurityAlgorithms.EcdsaSha512,
    ];

    private readonly Seldom<string> seldom = new(clock, 1);

    /// <summary>Adds what the handler needs to the services.</summary>
    public static void Register(
        IServiceCollection services,
        OidcConfiguration oidc,
        Func<IServiceProvider, ILogger> logger,
        TimeProvider time
    )
    {
        services.AddWebEncoders();
        services.AddSingleton(time);
        services.AddSingleton<IAuthenticationConfigurationProvider, Unconfigured>();
        // Without a default the host asks nobody by itself: a token of the server's own needs no issuer.
        services.AddAuthenticationCore(options => options.DefaultAuthenticateScheme = "none");
        new AuthenticationBuilder(services).AddJwtBearer();
        services
            .AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme)
            .Configure<IServiceProvider>((options, all) => Configure(options, oidc, logger(all), time));
    }

    /// <summary>Who brings this token; if nobody, why. IsDown if the issuer could not be asked for its keys.</summary>
    public async Task<(Caller Caller, string? Why, bool IsDown)> WhoAsync(HttpContext http, string presented)
    {
        // Three parts or more; what looks different is no such token, and needs no issuer.
        if (presented.Count(c => c == '.') < 2)
            return (Caller.Wrong, null, false);
        AuthenticateResult result;
        try
        {
            result = await http.AuthenticateAsync(JwtBearerDefaults.AuthenticationScheme);
        }
        catch (Exception fault)
            when (fault is InvalidOperationException or IOException or HttpRequestException)
        {
            if (seldom.Tells(oidc.Issuer, out _))
                logger.LogWarning(
                    "the keys of {Issuer} cannot be read: {Reason}",
                    oidc.Issuer,
                    fault.Message
                );
            return (Caller.Wrong, $"The keys of {oidc.Issuer} cannot be read", true);
        }

        if (result.Principal is not { } principal)
            return (Caller.Wrong, Why(result.Failure), false);
        var subject = principal.FindFirst("sub")?.Value ?? "without a subject";
        var name = $"oidc:{(subject.Length <= LongestSubject ? subject : subject[..LongestSubject])}";
        var roles = Roles(principal).ToHashSet(StringComparer.Ordinal);
        var access =
            roles.Contains(oidc.ControlRole) ? Access.Control
            : roles.Contains(oidc.ReadRole) ? Access.Read
            : Access.None;
        return (
            new Caller(name, access) { Until = result.Properties?.ExpiresUtc + Skew },
            access == Access.None
                ? $"Its claim {oidc.RoleClaim} holds neither {oidc.ReadRole} nor {oidc.ControlRole}"
                : null,
            false
        );
    }

    private static void Configure(
        JwtBearerOptions options,
        OidcConfiguration oidc,
        ILogger logger,
        TimeProvider time
    )
    {
        options.MapInboundClaims = false;
        options.SaveToken = false;
        options.TokenValidationParameters = new TokenValidationParameters
        {
            ValidIssuer = oidc.Issuer,
            ValidAudience = oidc.Audience,
            ValidAlgorithms = Algorithms,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ClockSkew = Skew,
        };
        if (oidc.Keys is not { } file)
        {
            options.Authority = oidc.Issuer;
            options.RequireHttpsMetadata = !new Uri(oidc.Issuer).IsLoopback;
            return;
        }

        var first = OidcReader.KeySet(file, out _) ?? [];
        var keys = new FreshFile<IReadOnlyList<SecurityKey>>(
            [file],
            first,
            () => (OidcReader.KeySet(file, out var why), why),
            time,
            logger
        );
        options.Configuration = new OpenIdConnectConfiguration { Issuer = oidc.Issuer };
        options.TokenValidationParameters.IssuerSigningKeyResolver = (_, _, id, _) =>
            keys.Value.Where(key => string.IsNullOrEmpty(id) || key.KeyId is null || key.KeyId == id);
    }

    private static string Why(Exception? failure) =>
        failure switch
        {
            SecurityTokenExpiredException => "It has expired",
            SecurityTokenNotYetValidException => "It is not valid yet",
            SecurityTokenInvalidAudienceException => "It is for another audience",
            SecurityTokenInvalidIssuerException => "It is of another issuer",
            SecurityTokenSignatureKeyNotFoundException =>
                "No key of the issuer fits its signature, or the issuer does not tell its keys",
            SecurityTokenInvalidSignatureException or SecurityTokenInvalidAlgorithmException =>
                "Its signature is wrong or missing",
            SecurityTokenNoExpirationException => "It never expires",
            _ => "It is no valid token of the issuer",
        };

    /// <summary>The values of the role claim. A text may hold several, separated by spaces, as <c>scope</c> does.</summary>
    private IEnumerable<string> Roles(ClaimsPrincipal principal)
    {
        var plain = principal.FindAll(oidc.RoleClaim).Select(claim => claim.Value);
        return plain.Concat(Inside(principal)).SelectMany(value => value.Split(' '));
    }

    /// <summary>Where the claim's name leads into an object, such as <c>realm_access.roles</c>.</summary>
    private IEnumerable<string> Inside(ClaimsPrincipal principal)
    {
        var path = oidc.RoleClaim.Split('.');
        if (path.Length < 2 || principal.FindFirst(path[0])?.Value is not { } json)
            return [];
        try
        {
            using var document = JsonDocument.Parse(json);
            var at = document.RootElement;
            foreach (var name in path.Skip(1))
            {
                if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at))
                    return [];
            }

            return at.ValueKind switch
            {
                JsonValueKind.String => [at.GetString()!],
                JsonValueKind.Array =>
                [
                    .. at.EnumerateArray()
                        .Where(role => role.ValueKind == JsonValueKind.String)
                        .Select(role => role.GetString()!),
                ],
                _ => [],
            };
        }
        catch (JsonException)
        {
            return [];
        }
    }

    /// <summary>The handler's options come from the server's own configuration alone.</summary>
    private sealed class Unconfigured : IAuthenticationConfigurationProvider
    {
        public IConfiguration AuthenticationConfiguration { get; } = new ConfigurationManager();
    }
}
