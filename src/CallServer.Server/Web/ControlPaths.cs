namespace CallServer.Server.Web;

/// <summary>The paths that change something, and what was asked of them.</summary>
internal static class ControlPaths
{
    /// <summary>Adds the paths.</summary>
    public static void Map(WebApplication app, ServerRuntime runtime, CspReports reports, ILogger logger)
    {
        var gateways = new GatewayOrders(runtime, new GatewayKeeper(runtime, runtime.Protocols, logger));
        var releases = new Releases(runtime);
        var orders = new RoleOrders(runtime.Roles);
        var recoveries = new Recoveries(runtime.Recovery);

        app.MapPost("/v1/audits", (Delegate)gateways.AuditByQueryAsync);
        app.MapPost("/v1/gateways", (Delegate)gateways.AddAsync);
        app.MapDelete("/v1/gateways/{id}", gateways.Remove);
        app.MapPost("/v1/gateways/{id}/audit", gateways.AuditAsync);
        app.MapPost("/v1/connections/release", (Delegate)releases.ServeAsync);
        app.MapPost("/v1/recoveries/dry-run", recoveries.BeginDryRun);
        app.MapPost("/v1/takeover", (Delegate)orders.TakeOverAsync);
        app.MapPost("/v1/stepdown", (Delegate)orders.StepDownAsync);
        app.MapPost($"/{CspReports.Path}", (Delegate)reports.ServeAsync)
            .WithMetadata(ForAll.Mark)
            .ExcludeFromDescription();
    }
}
