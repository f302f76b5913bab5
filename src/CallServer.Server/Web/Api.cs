using CallServer.Server.Measuring;
using CallServer.Server.Net;
using CallServer.Server.Roles;
using CallServer.Server.Web.Contract;
using CallServer.Server.Web.Reading;

namespace CallServer.Server.Web;

/// <summary>The HTTP side of a server.</summary>
internal static class Api
{
    /// <summary>Adds all paths and checks to the application.</summary>
    public static void Map(WebApplication app, ServerRuntime runtime, ILogger logger)
    {
        var refused = new RefusedTokens(runtime.Clock, SystemClock.Timers, logger);
        var reports = new CspReports(runtime.Clock, logger);
        if (runtime.Measures is { } measures)
            Instruments.Observe(measures, runtime, refused, reports);
        var oidc = runtime.Configuration.Oidc is { } issuer ? new Oidc(issuer, runtime.Clock, logger) : null;
        var guard = new Guard(new Tokens(runtime.Configuration), oidc, refused);
        var events = new EventStream(
            runtime,
            SystemClock.Timers,
            guard.WhyRefusedNowAsync,
            app.Lifetime.ApplicationStopping
        );

        app.Use(next => http => Manners.InvokeAsync(http, next));
        app.Use(next => http => AnswerEmptyAsync(http, next));
        app.Use(next => http => Reference.InvokeAsync(http, next));
        app.UseRouting();
        app.Use(next => http => ContentPolicy.InvokeAsync(http, next));
        app.Use(next => http => ControlNote.InvokeAsync(http, next, runtime.Controls));
        app.Use(next => http => guard.InvokeAsync(http, next));
        var controls = new Controls(runtime.Configuration, runtime.Clock);
        app.Use(next => http => controls.InvokeAsync(http, next));

        PageFiles.Map(app);
        Reads.Map(app, runtime, guard);
        app.MapGet("/v1/events", (Delegate)events.ServeAsync).Says(Operations.Events);
        var pair = new Pair(
            runtime.Trust,
            runtime.Roles,
            runtime.Ledger,
            runtime.Store,
            new RefusalLog(runtime.Clock, logger)
        );
        var recoveries = new Recoveries(runtime.Recovery);
        app.MapGet("/v1/recoveries/dry-run", recoveries.DryRun).Says(Operations.DryRun);
        app.MapPost("/v1/heartbeat", (Delegate)pair.HeartbeatAsync);
        app.MapPost("/v1/cdrs/settle", (Delegate)pair.SettleAsync);
        ControlPaths.Map(app, runtime, reports, logger);
        ApiDocument.Map(app);
    }

    /// <summary>Adds a problem body where routing finds no path or no method.</summary>
    private static async Task AnswerEmptyAsync(HttpContext http, RequestDelegate next)
    {
        await next(http);
        if (http.Response.HasStarted || http.Response.ContentLength is > 0)
            return;
        (string? Title, string? Detail) words = http.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => (
                $"There is nothing at {http.Request.Path}",
                $"{ApiDocument.Path} lists every path"
            ),
            StatusCodes.Status405MethodNotAllowed => (
                $"{http.Request.Path} does not know {http.Request.Method}",
                $"It knows {http.Response.Headers.Allow}"
            ),
            _ => (null, null),
        };
        if (words.Title is { } title)
            await Problems.Of(http.Response.StatusCode, title, words.Detail).ExecuteAsync(http);
    }
}
