using CallServer.Server.Web.Contract;
using CallServer.Server.Web.Reading;
using CallServer.Storage;

namespace CallServer.Server.Web;

/// <summary>The paths that change something, and what was asked of them.</summary>
internal static class ControlPaths
{
    /// <summary>Adds the paths.</summary>
    public static void Map(WebApplication app, ServerRuntime runtime, ILogger logger)
    {
        var gateways = new GatewayOrders(
            runtime,
            new GatewayKeeper(runtime, runtime.ProtocolCatalog, logger)
        );
        var releases = new Releases(runtime.Releaser);
        var orders = new RoleOrders(runtime.Roles);
        var recoveries = new Recoveries(runtime.Recovery);
        var reports = new CspReports(runtime.Clock, logger);

        app.MapPost("/v1/audits", gateways.AuditByQuery);
        app.MapPost("/v1/gateways", (Delegate)gateways.AddAsync);
        app.MapDelete("/v1/gateways/{id}", gateways.Remove);
        app.MapPost("/v1/gateways/{id}/audit", gateways.Audit);
        app.MapPost("/v1/connections/release", (Delegate)releases.ServeAsync);
        app.MapPost("/v1/recoveries/dry-run", recoveries.BeginDryRun);
        app.MapPost("/v1/takeover", (Delegate)orders.TakeOverAsync);
        app.MapPost("/v1/stepdown", (Delegate)orders.StepDownAsync);
        app.MapGet("/v1/control-log", (Delegate)((HttpContext http) => LogAsync(http, runtime)))
            .Says(Operations.ControlLog);
        app.MapPost($"/{CspReports.Path}", (Delegate)reports.ServeAsync)
            .WithMetadata(ForAll.Mark)
            .ExcludeFromDescription();
    }

    /// <summary>
    /// <c>GET /v1/control-log</c>: the control log, newest first, with everything that was answered before.
    /// </summary>
    private static async Task<IResult> LogAsync(HttpContext http, ServerRuntime runtime)
    {
        var query = new Query(http.Request, Operations.ControlLog);
        var limit = query.Limit();
        var cursor = query.NumberCursor(long.MaxValue);
        if (query.IsWrong)
            return query.Refusal();
        await runtime.Controls.PassAsync().WaitAsync(http.RequestAborted);
        try
        {
            var page = runtime.Store.ReadControls(cursor, limit);
            return new ListAnswer(
                (runtime.Clock.Now.Steady + runtime.Clock.Correction).ToString(),
                [],
                page.Items.Select(item =>
                    (Action<System.Text.Json.Utf8JsonWriter>)(json => json.WriteRawValue(item.Json, true))
                ),
                page.Next?.ToString(System.Globalization.CultureInfo.InvariantCulture)
            );
        }
        catch (StoreException fault)
        {
            return Problems.Of(
                StatusCodes.Status503ServiceUnavailable,
                "The store cannot be read now",
                fault.Message
            );
        }
    }
}
