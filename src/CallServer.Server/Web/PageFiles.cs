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
    private static readonly ContentPolicy Policy = new(
        ContentPolicy.Page.Directives + "; require-trusted-types-for 'script'; trusted-types 'none'"
    );

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
        Add("/", Front);
        foreach (var name in Files.Keys.Where(name => name != Front))
            Add("/" + name, name);

        // A RequestDelegate runs as it is; of any other one ASP.NET Core compiles a wrapper when it is first asked for.
        void Add(string path, string name) =>
            app.MapGet(path, (RequestDelegate)(http => Serve(http, name).ExecuteAsync(http)))
                .ExcludeFromDescription()
                .AsPage(Policy);
    }

    private static IResult Serve(HttpContext http, string name)
    {
        var (octets, contentType, tag) = Files[name];
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
