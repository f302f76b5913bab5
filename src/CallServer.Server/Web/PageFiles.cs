using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace CallServer.Server.Web;

/// <summary>
/// <c>GET /</c> and <c>/page/…</c>: the live page. Its files are the same for everyone and tell nothing of the record, so
/// they need no token; its scripts ask the API with the user's.
/// </summary>
internal static class PageFiles
{
    // As CallServer.Server.csproj names the embedded files.
    private const string Prefix = "page/";
    private const string Front = Prefix + "index.html";

    /// <summary>
    /// Scripts and styles come from this server alone, and no text becomes markup (W3C Trusted Types).
    /// </summary>
    public const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        + "require-trusted-types-for 'script'; trusted-types 'none'";

    /// <summary>A file as it is sent.</summary>
    private sealed record PageFile(byte[] Octets, string ContentType, EntityTagHeaderValue Tag);

    private static readonly Dictionary<string, PageFile> Files = typeof(PageFiles)
        .Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
        .ToDictionary(name => name.Replace('\\', '/'), Read, StringComparer.Ordinal);

    // A browser learns of a module only from one that imports it; this names all of them at once.
    private static readonly string Modules = string.Join(
        ", ",
        Files
            .Keys.Where(name => name.EndsWith(".js", StringComparison.Ordinal))
            .Select(name => $"</{name}>; rel=modulepreload")
    );

    /// <summary>The names of all files, such as <c>page/main.js</c>.</summary>
    public static IReadOnlyCollection<string> Names => Files.Keys;

    /// <summary>Adds the paths.</summary>
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/", (HttpContext http) => Serve(http, Front)).ExcludeFromDescription();
        foreach (var name in Files.Keys.Where(name => name != Front))
            app.MapGet("/" + name, (HttpContext http) => Serve(http, name)).ExcludeFromDescription();
    }

    /// <summary>Whether a path is one of the page's.</summary>
    public static bool Has(PathString path) =>
        path.Value is "/"
        || (path.Value is { Length: > 1 } name && name[1..] != Front && Files.ContainsKey(name[1..]));

    private static IResult Serve(HttpContext http, string name)
    {
        var (octets, contentType, tag) = Files[name];
        http.Response.Headers.ContentSecurityPolicy = Policy;
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        if (name == Front)
            http.Response.Headers.Link = Modules;
        // A browser asks each time whether its copy is still right: the page changes with the server's version.
        http.Response.Headers.CacheControl = "no-cache";
        return Results.Bytes(octets, contentType, entityTag: tag);
    }

    private static PageFile Read(string name)
    {
        using var stream = typeof(PageFiles).Assembly.GetManifestResourceStream(name)!;
        var octets = new byte[stream.Length];
        stream.ReadExactly(octets);
        var tag = Convert.ToHexStringLower(SHA256.HashData(octets).AsSpan(0, 12));
        return new PageFile(octets, ContentTypeOf(name), new EntityTagHeaderValue($"\"{tag}\""));
    }

    private static string ContentTypeOf(string name) =>
        Path.GetExtension(name) switch
        {
            ".html" => "text/html; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            ".svg" => "image/svg+xml",
            var unknown => throw new InvalidOperationException(
                $"{name}: a page has no files of the kind {unknown}"
            ),
        };
}
