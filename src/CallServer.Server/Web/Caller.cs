namespace CallServer.Server.Web;

/// <summary>What a caller may do; each includes the ones before.</summary>
internal enum Access
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Read the record.</summary>
    Read,

    /// <summary>Change something as well: audits, releases, takeovers, gateways.</summary>
    Control,
}

/// <summary>Who sent a request, as far as it is proven.</summary>
/// <param name="Name">A word for the kind of proof, or <c>oidc:SUBJECT</c>; never the proof itself.</param>
/// <param name="Access">What the caller may do.</param>
internal sealed record Caller(string Name, Access Access)
{
    /// <summary>When the proof ends to be one, UTC; null if it does not end by itself.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Brought no proof where one is needed.</summary>
    public static Caller Nobody { get; } = new("nobody", Access.None);

    /// <summary>Brought a token that is none.</summary>
    public static Caller Wrong { get; } = new("wrong token", Access.None);

    /// <summary>Asks on this machine, where no token is needed.</summary>
    public static Caller Loopback { get; } = new("loopback", Access.Control);

    /// <summary>Who sent this request; nobody until <see cref="Guard"/> knows.</summary>
    public static Caller Of(HttpContext http) => http.Features.Get<Caller>() ?? Nobody;
}
