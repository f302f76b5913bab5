using System.Text.Json;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Server.Roles;
using CallServer.Storage;

namespace CallServer.Server.Web;

/// <summary>The HTTP side of a server.</summary>
internal static class Api
{
    /// <summary>Adds all paths and checks to the application.</summary>
    public static void Map(WebApplication app, ServerRuntime runtime, ILogger logger)
    {
        var refused = new RefusedTokens(runtime.Clock, SystemClock.Timers, logger);
        var guard = new Guard(runtime.Configuration.Token, refused);
        var lists = new Lists(runtime);
        var releases = new Releases(runtime.Releaser);
        var events = new EventStream(runtime, SystemClock.Timers, app.Lifetime.ApplicationStopping);

        app.Use(next => http => Manners.InvokeAsync(http, next));
        app.Use(next => http => guard.InvokeAsync(http, next));
        app.Use(next => http => AnswerEmptyAsync(http, next));
        app.UseRouting();
        var controls = new Controls(runtime.Configuration, runtime.Clock);
        app.Use(next => http => controls.InvokeAsync(http, next));

        PageFiles.Map(app);
        app.MapGet("/healthz", () => Json(new { alive = true }));
        app.MapGet("/readyz", (HttpRequest request) => Readiness(runtime, guard.Trusts(request)));
        app.MapGet(
            "/metrics",
            () => Results.Text(MetricsText.Write(runtime, refused), MetricsText.ContentType)
        );
        app.MapGet("/v1/status", (HttpRequest request) => Plain(request, () => Json(runtime.Status())));
        app.MapGet("/v1/server/history", (HttpRequest request) => HistoryAnswer.Serve(request, runtime));
        app.MapGet("/v1/gateways", lists.Gateways);
        app.MapGet("/v1/audits", lists.Audits);
        app.MapPost("/v1/audits", (HttpRequest request) => Trigger(request, runtime));
        app.MapGet("/v1/connections", lists.Connections);
        app.MapPost("/v1/connections/release", (Delegate)releases.ServeAsync);
        app.MapGet("/v1/calls", lists.CallsAsync);
        app.MapGet("/v1/cdrs", lists.Cdrs);
        app.MapGet("/v1/releases", lists.Releases);
        var pair = new Pair(
            runtime.Trust,
            runtime.Roles,
            runtime.Ledger,
            runtime.Store,
            new RefusalLog(runtime.Clock, logger)
        );
        var orders = new RoleOrders(runtime.Roles);
        var recoveries = new Recoveries(runtime.Recovery);
        app.MapGet("/v1/recoveries", lists.Recoveries);
        app.MapPost("/v1/recoveries/dry-run", recoveries.BeginDryRun);
        app.MapGet("/v1/recoveries/dry-run", recoveries.DryRun);
        app.MapPost("/v1/heartbeat", (Delegate)pair.HeartbeatAsync);
        app.MapPost("/v1/cdrs/settle", (Delegate)pair.SettleAsync);
        app.MapPost("/v1/takeover", (Delegate)orders.TakeOverAsync);
        app.MapPost("/v1/stepdown", (Delegate)orders.StepDownAsync);
        app.MapGet("/v1/events", (Delegate)events.ServeAsync);
    }

    private static IResult Json<T>(T value, int status = StatusCodes.Status200OK) =>
        Results.Text(
            JsonSerializer.Serialize(value, RecordJson.Camel),
            "application/json",
            statusCode: status
        );

    private static IResult Plain(HttpRequest request, Func<IResult> answer)
    {
        var query = new Query(request);
        return query.IsWrong ? query.Refusal() : answer();
    }

    /// <summary>Reasons may name files: a caller without the token only learns that there is a reason.</summary>
    private static IResult Readiness(ServerRuntime runtime, bool isTrusted)
    {
        var health = runtime.Writer.Health;
        string? Told(string? reason) => reason is null || isTrusted ? reason : "told with the token";
        return Json(
            new
            {
                ready = runtime.IsReady,
                // A server whose store fails goes on: it is ready, and says that the store is not.
                storeHealthy = health.Healthy,
                store = new
                {
                    reason = Told(health.Reason),
                    pendingGateways = health.PendingGateways,
                    pendingCdrs = health.PendingCdrs,
                },
                cdrFile = new { reason = Told(runtime.CdrFiles.Fault) },
                radius = runtime.Radius?.Sink.Health,
            },
            runtime.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable
        );
    }

    private static IResult Trigger(HttpRequest request, ServerRuntime runtime)
    {
        var query = new Query(request, "gateway");
        var gateway = query.Gateway(_ => true, isRequired: true);
        if (query.IsWrong)
            return query.Refusal();
        return runtime.Polling.Trigger(gateway!, AuditCause.Operator)
            ? Json(new { gateway, asked = true }, StatusCodes.Status202Accepted)
            : Problems.Of(StatusCodes.Status404NotFound, $"There is no gateway '{gateway}' that is asked");
    }

    /// <summary>Adds a problem body where routing finds no path or no method.</summary>
    private static async Task AnswerEmptyAsync(HttpContext http, RequestDelegate next)
    {
        await next(http);
        if (http.Response.HasStarted || http.Response.ContentLength is > 0)
            return;
        var title = http.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => $"There is nothing at {http.Request.Path}",
            StatusCodes.Status405MethodNotAllowed =>
                $"{http.Request.Path} does not know {http.Request.Method}",
            _ => null,
        };
        if (title is not null)
            await Problems.Of(http.Response.StatusCode, title).ExecuteAsync(http);
    }
}
