using CallServer.Server.Measuring;
using CallServer.Server.Net;
using CallServer.Server.Polling;
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
        if (runtime.Measures is { } measures)
            Instruments.Observe(measures, runtime, refused);
        var guard = new Guard(runtime.Configuration.Token, refused);
        var releases = new Releases(runtime.Releaser);
        var events = new EventStream(runtime, SystemClock.Timers, app.Lifetime.ApplicationStopping);

        app.Use(next => http => Manners.InvokeAsync(http, next));
        app.Use(next => http => guard.InvokeAsync(http, next));
        app.Use(next => http => AnswerEmptyAsync(http, next));
        app.Use(next => http => Reference.InvokeAsync(http, next));
        app.UseRouting();
        var controls = new Controls(runtime.Configuration, runtime.Clock);
        app.Use(next => http => controls.InvokeAsync(http, next));

        PageFiles.Map(app);
        Reads.Map(app, runtime, guard);
        app.MapGet("/v1/events", (Delegate)events.ServeAsync).Says(Operations.Events);
        app.MapPost("/v1/audits", (HttpRequest request) => Trigger(request, runtime));
        app.MapPost("/v1/connections/release", (Delegate)releases.ServeAsync);
        var pair = new Pair(
            runtime.Trust,
            runtime.Roles,
            runtime.Ledger,
            runtime.Store,
            new RefusalLog(runtime.Clock, logger)
        );
        var orders = new RoleOrders(runtime.Roles);
        var recoveries = new Recoveries(runtime.Recovery);
        app.MapPost("/v1/recoveries/dry-run", recoveries.BeginDryRun);
        app.MapGet("/v1/recoveries/dry-run", recoveries.DryRun).Says(Operations.DryRun);
        app.MapPost("/v1/heartbeat", (Delegate)pair.HeartbeatAsync);
        app.MapPost("/v1/cdrs/settle", (Delegate)pair.SettleAsync);
        app.MapPost("/v1/takeover", (Delegate)orders.TakeOverAsync);
        app.MapPost("/v1/stepdown", (Delegate)orders.StepDownAsync);
        ApiDocument.Map(app);
    }

    private static IResult Trigger(HttpRequest request, ServerRuntime runtime)
    {
        var query = new Query(request, "gateway");
        var gateway = query.Gateway(_ => true, isRequired: true);
        if (query.IsWrong)
            return query.Refusal();
        return runtime.Polling.Trigger(gateway!, AuditCause.Operator)
            ? Answers.Json(new AuditOrder(gateway!, true), StatusCodes.Status202Accepted)
            : Problems.Of(
                StatusCodes.Status404NotFound,
                $"There is no gateway '{gateway}' that is asked",
                "/v1/gateways lists the ids; those with \"configured\": false are no longer asked"
            );
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
