using System.Globalization;
using System.Net;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using Microsoft.AspNetCore.Routing;

namespace CallServer.Server.Web;

/// <summary>
/// Guards every request that changes something. It must be JSON (415), must name this server by one of its own names
/// (403), must not come from a page of another origin (403), and is limited to so many a second (429). A foreign page
/// in a browser can make the user's browser send anything but that.
/// </summary>
internal sealed class Controls(ServerConfiguration configuration, IClock clock)
{
    private readonly RateLimit rate = new(configuration.ControlsPerSecond, clock);

    public async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        if (!IsControl(http) || Refuse(http) is not { } refusal)
            await next(http);
        else
            await refusal.ExecuteAsync(http);
    }

    /// <summary>The answer 415.</summary>
    public static IResult WantsJson() =>
        Problems.Of(
            StatusCodes.Status415UnsupportedMediaType,
            "This is asked for with JSON: Content-Type: application/json"
        );

    /// <summary>
    /// Whether the request is mapped and more than a read. Requests of the other server are proven in their own way.
    /// </summary>
    public static bool IsControl(HttpContext http) =>
        http.GetEndpoint() is { } endpoint
        && endpoint.Metadata.GetMetadata<IHttpMethodMetadata>() is { HttpMethods.Count: > 0 }
        && endpoint.Metadata.GetMetadata<ForAll>() is null
        && !HttpMethods.IsGet(http.Request.Method)
        && !HttpMethods.IsHead(http.Request.Method)
        && !Guard.IsOfPair(http.Request.Path);

    private IResult? Refuse(HttpContext http)
    {
        // No page of another origin can send DELETE: a browser asks first, and is not allowed to.
        if (!HttpMethods.IsDelete(http.Request.Method) && !http.Request.HasJsonContentType())
            return WantsJson();
        if (!IsOwn(http.Request.Host.Host, http))
            return Problems.Of(
                StatusCodes.Status403Forbidden,
                $"This server is not called '{http.Request.Host.Host}'",
                "Ask it by its address, or name it in server.hosts of its configuration"
            );
        if (!IsSameOrigin(http.Request))
            return Problems.Of(
                StatusCodes.Status403Forbidden,
                "A page of another origin orders nothing here"
            );
        if (rate.TryTake(out var wait))
            return null;
        http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds)
            .ToString(CultureInfo.InvariantCulture);
        return Problems.Of(
            StatusCodes.Status429TooManyRequests,
            $"More than {configuration.ControlsPerSecond} orders a second are not taken"
        );
    }

    /// <summary>
    /// Whether the host is localhost, the address that the caller reached, the configured address or a configured
    /// name.
    /// </summary>
    private bool IsOwn(string host, HttpContext http)
    {
        if (
            host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || configuration.Hosts.Contains(host, StringComparer.OrdinalIgnoreCase)
        )
            return true;
        return IPAddress.TryParse(host.Trim('[', ']'), out var address)
            && (IPAddress.IsLoopback(address) || address.Equals(Plain(http.Connection.LocalIpAddress)));
    }

    private static IPAddress? Plain(IPAddress? address) =>
        address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;

    /// <summary>
    /// Whether the request comes from no page, or from one that this server served. The scheme may differ behind a
    /// proxy.
    /// </summary>
    private static bool IsSameOrigin(HttpRequest request)
    {
        if (request.Headers.Origin is not [{ } origin])
            return request.Headers.Origin.Count == 0;
        return Uri.TryCreate(origin, UriKind.Absolute, out var from)
            && from.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase);
    }
}
