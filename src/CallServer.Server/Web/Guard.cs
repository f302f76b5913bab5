using System.Net;
using System.Security.Cryptography;
using System.Text;
using CallServer.Server.Roles;

namespace CallServer.Server.Web;

/// <summary>
/// Who may ask: whoever presents the token; if there is none, whoever asks on this machine by a loopback name.
/// </summary>
internal sealed class Guard(byte[]? token, RefusedTokens refused)
{
    private readonly byte[]? expected = token is null ? null : SHA256.HashData(token);

    public async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        // A probe needs no secret, and learns none. The other server brings a proof, which is stronger than a token.
        if (http.Request.Path.Value is "/healthz" or "/readyz" || IsOfPair(http.Request.Path))
        {
            await next(http);
            return;
        }

        if (expected is not null && !PageFiles.Has(http.Request.Path) && !Presents(http.Request))
        {
            await refused.AddAsync(http.Connection.RemoteIpAddress, http.RequestAborted);
            http.Response.Headers.WWWAuthenticate = "Bearer";
            await Problems
                .Of(
                    StatusCodes.Status401Unauthorized,
                    "The token is missing or wrong",
                    "Send it as: Authorization: Bearer TOKEN"
                )
                .ExecuteAsync(http);
            return;
        }

        // Without a token, a page in this machine's browser must not reach us by a name that its owner pointed here
        // (DNS rebinding).
        if (expected is null && !IsLoopback(http.Request.Host.Host))
        {
            await Problems
                .Of(StatusCodes.Status403Forbidden, "Without a token only localhost is answered")
                .ExecuteAsync(http);
            return;
        }

        await next(http);
    }

    /// <summary>Whether the caller may see details meant only for those who may ask anything.</summary>
    public bool Trusts(HttpRequest request) =>
        expected is null ? IsLoopback(request.Host.Host) : Presents(request);

    /// <summary>Whether the path is one of those that the servers of a pair ask each other.</summary>
    public static bool IsOfPair(PathString path) =>
        path.Value is $"/{PeerLink.Path}" or $"/{Settlement.Path}";

    // Digests have equal length, so comparing them takes constant time.
    private bool Presents(HttpRequest request)
    {
        const string Scheme = "Bearer ";
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(
                SHA256.HashData(Encoding.UTF8.GetBytes(header[Scheme.Length..].Trim())),
                expected
            );
    }

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
