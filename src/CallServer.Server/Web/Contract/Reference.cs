using Scalar.AspNetCore;

namespace CallServer.Server.Web.Contract;

/// <summary>
/// The reference page at <c>/docs</c>. It is made of files of this server alone: no font, script, proxy or service of
/// anybody else, and a policy under which a browser would refuse them.
/// </summary>
internal static class Reference
{
    private const string Path = "/docs";

    public static void Map(WebApplication app) =>
        app.MapScalarApiReference(
            Path,
            page =>
                page.WithTitle("CallServer API")
                    .WithOpenApiRoutePattern("/openapi/{documentName}.json")
                    .AddDocument("v1")
                    .WithNonce()
                    .DisableDefaultFonts()
                    .DisableTelemetry()
                    .DisableAgent()
                    .DisableMcp()
                    .HideClientButton()
                    .HideDeveloperTools()
        );

    /// <summary>Gives the page its policy, which names the one script that stands in the page itself.</summary>
    public static Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        if (http.Request.Path.StartsWithSegments(Path, StringComparison.Ordinal))
            http.Response.OnStarting(() =>
            {
                var nonce = http.Items[ScalarOptions.NonceHttpContextItemKey] as string;
                http.Response.Headers.ContentSecurityPolicy =
                    $"default-src 'none'; script-src 'self'{(nonce is null ? "" : $" 'nonce-{nonce}'")}; "
                    // The page's program makes its styles while it runs.
                    + "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
                    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
                return Task.CompletedTask;
            });
        return next(http);
    }
}
