using Microsoft.AspNetCore.Http.Features;

namespace CallServer.Server.Web;

/// <summary>
/// Reads ids from the path as the client wrote it. The path that routing sees has lost whether a slash was encoded, and ids
/// contain slashes: MGCP's are ENDPOINT/CONNECTIONID.
/// </summary>
internal static class PathParts
{
    /// <summary>The parts after the first <paramref name="skip"/>, each decoded by itself; empty if there are none.</summary>
    public static string[] Of(HttpRequest request, int skip)
    {
        var target = request.HttpContext.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        // RFC 9112 §3.2.2: a proxy may be asked with the whole URI.
        if (!target.StartsWith('/'))
            target = Uri.TryCreate(target, UriKind.Absolute, out var whole) ? whole.PathAndQuery : "";
        var end = target.IndexOf('?', StringComparison.Ordinal);
        var path = end < 0 ? target : target[..end];
        return [.. path.Split('/').Skip(1 + skip).Select(Uri.UnescapeDataString)];
    }

    /// <summary>All parts after the first <paramref name="skip"/> as one id: its slashes may be encoded or not.</summary>
    public static string Id(HttpRequest request, int skip) => string.Join('/', Of(request, skip));
}
