namespace CallServer.Server.Web;

/// <summary>
/// What a browser may do with an answer (Content Security Policy Level 3). The API's answers are data: nothing in them is
/// run, loaded or framed. Pages load scripts and styles from this server alone.
/// </summary>
/// <param name="Directives">The directives, without those that hold for every answer.</param>
internal sealed record ContentPolicy(string Directives)
{
    // Where browsers report what a policy has stopped.
    private const string Reports =
        $"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; report-uri /{CspReports.Path}; report-to csp";

    /// <summary>The header's value.</summary>
    public string Header { get; } = Directives + Reports;

    /// <summary>For data.</summary>
    public static ContentPolicy Data { get; } = new("default-src 'none'");

    /// <summary>For pages made of files of our own.</summary>
    public static ContentPolicy Page { get; } =
        new(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:"
        );

    /// <summary>The value of Reporting-Endpoints, which names the place of the reports.</summary>
    public static string Endpoints => $"csp=\"/{CspReports.Path}\"";

    /// <summary>Puts the policy of the request's endpoint in place of that of data, if it has one.</summary>
    public static Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<ContentPolicy>() is { } policy)
            http.Response.Headers.ContentSecurityPolicy = policy.Header;
        return next(http);
    }
}

/// <summary>Where pages hook in.</summary>
internal static class Pages
{
    /// <summary>
    /// Serves an endpoint as a page: without a token, since a browser cannot send one when it navigates, and with the
    /// policy of pages. The endpoint must tell nothing of the record; its script asks the API with the user's token.
    /// </summary>
    public static TBuilder AsPage<TBuilder>(this TBuilder endpoint, ContentPolicy? policy = null)
        where TBuilder : IEndpointConventionBuilder =>
        endpoint.WithMetadata(ForAll.Mark, policy ?? ContentPolicy.Page);
}
