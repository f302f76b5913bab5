namespace CallServer.Server.Web;

/// <summary>
/// What every answer says to browsers and caches, and what is answered to a request that cannot be read: the record is in no
/// cache, no frame and no script of another's.
/// </summary>
internal static class Manners
{
    /// <summary>No order is longer.</summary>
    public const int MostOctetsOfBody = 64 * 1024;

    // Where a request has two lengths Kestrel believes one, and puts the other one here.
    private const string OtherLength = "X-Content-Length";

    public static async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        var headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy = "frame-ancestors 'none'";
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

    /// <summary>RFC 9112 §6.3: whoever stands in front may have read another request (smuggling).</summary>
    private static bool HasTwoLengths(HttpRequest request) =>
        request.Headers.TransferEncoding.Count > 0
        && (request.ContentLength is not null || request.Headers.ContainsKey(OtherLength));
}
