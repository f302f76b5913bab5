namespace CallServer.Server.Configuration;

/// <summary>Whose tokens (OpenID Connect, RFC 9068) are accepted, and what they allow.</summary>
public sealed record OidcConfiguration
{
    /// <summary>The issuer, exactly as its tokens name it.</summary>
    public required string Issuer { get; init; }

    /// <summary>The audience that its tokens for this server name.</summary>
    public required string Audience { get; init; }

    /// <summary>The claim that holds the caller's roles; a dot leads into an object.</summary>
    public string RoleClaim { get; init; } = "roles";

    /// <summary>The role that may read.</summary>
    public string ReadRole { get; init; } = "callserver-read";

    /// <summary>The role that may read and control.</summary>
    public string ControlRole { get; init; } = "callserver-control";

    /// <summary>A file with the issuer's keys (JWK set, RFC 7517); null asks the issuer.</summary>
    public string? Keys { get; init; }
}
