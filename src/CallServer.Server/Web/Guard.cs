using System.Net;
using CallServer.Server.Roles;

namespace CallServer.Server.Web;

/// <summary>
/// Who may ask: whoever presents a token that is configured, or one of the issuer that is trusted (OpenID Connect); if
/// there is neither, whoever asks on this machine by a loopback name.
/// </summary>
internal sealed class Guard(Tokens tokens, Oidc? oidc, RefusedTokens refused)
{
    private const string Scheme = "Bearer ";

    // Then a loopback address is proof enough.
    private readonly bool isOpen = tokens.IsEmpty && oidc is null;

    public async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        // A probe needs no secret, and learns none. The other server brings a proof, which is stronger than a token.
        if (IsForAll(http))
        {
            await next(http);
            return;
        }

        // Without a token, a page in this machine's browser must not reach us by a name that its owner pointed here
        // (DNS rebinding).
        if (isOpen && !IsLoopback(http.Request.Host.Host))
        {
            await Problems
                .Of(StatusCodes.Status403Forbidden, "Without a token only localhost is answered")
                .ExecuteAsync(http);
            return;
        }

        if (http.GetEndpoint()?.Metadata.GetMetadata<ForAll>() is not null)
        {
            await next(http);
            return;
        }

        var (caller, why, isDown) = await WhoAsync(http);
        http.Features.Set(caller);
        if (isDown)
            await Problems
                .Of(StatusCodes.Status503ServiceUnavailable, "The token cannot be checked now", why)
                .ExecuteAsync(http);
        else if (caller.Access == Access.None)
            await RefuseAsync(http, why);
        else if (caller.Access == Access.Read && Controls.IsControl(http))
            await ForbidAsync(http);
        else
            await next(http);
    }

    /// <summary>Whether the caller may see details meant only for those who may ask anything.</summary>
    public async Task<bool> TrustsAsync(HttpContext http) =>
        isOpen ? IsLoopback(http.Request.Host.Host) : (await WhoAsync(http)).Caller.Access != Access.None;

    /// <summary>
    /// Why what a request brought would be refused by now; null if it would not. While an issuer cannot be asked for its
    /// keys, what it proved before stands.
    /// </summary>
    public async Task<string?> WhyRefusedNowAsync(HttpContext http)
    {
        if (isOpen)
            return null;
        await using var scope = http.RequestServices.CreateAsyncScope();
        // The handler of tokens checks once a request and remembers, so this is another request.
        var again = new DefaultHttpContext { RequestServices = scope.ServiceProvider };
        again.Request.Headers.Authorization = http.Request.Headers.Authorization;
        var (caller, why, isDown) = await WhoAsync(again);
        return isDown || caller.Access != Access.None ? null : why ?? "It is none of this server";
    }

    /// <summary>Whether the path is one of those that the servers of a pair ask each other.</summary>
    public static bool IsOfPair(PathString path) =>
        path.Value is $"/{PeerLink.Path}" or $"/{Settlement.Path}";

    private static bool IsForAll(HttpContext http) =>
        http.Request.Path.Value is "/healthz" or "/readyz" || IsOfPair(http.Request.Path);

    private async Task<(Caller Caller, string? Why, bool IsDown)> WhoAsync(HttpContext http)
    {
        if (isOpen)
            return (Caller.Loopback, null, false);
        var header = http.Request.Headers.Authorization.ToString();
        if (header.Length == 0)
            return (Caller.Nobody, null, false);
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return (Caller.Wrong, null, false);
        var presented = header[Scheme.Length..].Trim();
        if (tokens.Find(presented) is { } caller)
            return (caller, null, false);
        return oidc is null ? (Caller.Wrong, null, false) : await oidc.WhoAsync(http, presented);
    }

    private async Task RefuseAsync(HttpContext http, string? why)
    {
        await refused.AddAsync(http.Connection.RemoteIpAddress, http.RequestAborted);
        http.Response.Headers.WWWAuthenticate =
            Caller.Of(http) == Caller.Nobody ? "Bearer" : "Bearer error=\"invalid_token\"";
        await Problems
            .Of(
                StatusCodes.Status401Unauthorized,
                "The token is missing or wrong",
                why ?? "Send it as: Authorization: Bearer TOKEN"
            )
            .ExecuteAsync(http);
    }

    private static Task ForbidAsync(HttpContext http)
    {
        http.Response.Headers.WWWAuthenticate = "Bearer error=\"insufficient_scope\"";
        return Problems
            .Of(
                StatusCodes.Status403Forbidden,
                "This token may read, and nothing else",
                "To change something, send the control token (server.controlToken), or one with the control role"
            )
            .ExecuteAsync(http);
    }

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}

/// <summary>Marks an endpoint that needs no token, because it tells nothing that is not public.</summary>
internal sealed record ForAll
{
    /// <summary>The only instance.</summary>
    public static ForAll Mark { get; } = new();
}
