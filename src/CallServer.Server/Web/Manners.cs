namespace CallServer.Server.Web;

/// <summary>
/// The headers that every answer gives to browsers and caches, and the answer to a request that cannot be read. The
/// record must not end up in a cache, a frame or another site's script.
/// </summary>
internal static class Manners
{
    /// <summary>The longest body of a control request, in octets.</summary>
    public const int MostOctetsOfBody = 64 * 1024;

    // If a request has two lengths, Kestrel believes one and puts the other here.
    private const string OtherLength = "X-Content-Length";

    public static async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        var headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy = ContentPolicy.Data.Header;
        headers["Reporting-Endpoints"] = ContentPolicy.Endpoints;
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (HasTwoLengths(http.Request))
        {
            headers.Connection = "close";
            await Problems
                .Of(
                    StatusCodes.Status400BadRequest,
                    "A request has a Content-Length or a Transfer-Encoding, not both"
                )
                .ExecuteAsync(http);
            return;
        }

        try
        {
            await next(http);
        }
        catch (BadHttpRequestException fault) when (!http.Response.HasStarted)
        {
            var title =
                fault.StatusCode == StatusCodes.Status413PayloadTooLarge
                    ? $"A body has at most {MostOctetsOfBody} octets"
                    : "The request cannot be read";
            await Problems.Of(fault.StatusCode, title).ExecuteAsync(http);
        }
    }

    /// <summary>RFC 9112 §6.3: a proxy in front may have read this as another request (request smuggling).</summary>
    private static bool HasTwoLengths(HttpRequest request) =>
        request.Headers.TransferEncoding.Count > 0
        && (request.ContentLength is not null || request.Headers.ContainsKey(OtherLength));
}
