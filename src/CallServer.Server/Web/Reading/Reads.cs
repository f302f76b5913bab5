using CallServer.Server.Web.Contract;
using Microsoft.AspNetCore.Routing;

namespace CallServer.Server.Web.Reading;

/// <summary>The paths that only read.</summary>
internal static class Reads
{
    /// <summary>Maps every one of them, with what the OpenAPI document says of it.</summary>
    public static void Map(WebApplication app, ServerRuntime runtime, Guard guard)
    {
        var answers = new Answers(runtime);
        var server = new ServerAnswers(answers);
        var gateways = new GatewayLists(answers);
        var connections = new ConnectionLists(answers);
        var calls = new CallLists(answers);
        var cdrs = new CdrLists(answers);
        var logs = new LogLists(answers);

        app.MapGet("/healthz", () => Answers.Json(new Liveness(true))).Says(Operations.Health);
        app.MapGet(
                "/readyz",
                (Delegate)(async (HttpContext http) => Readiness(runtime, await guard.TrustsAsync(http)))
            )
            .Says(Operations.Ready);
        app.MapPrometheusScrapingEndpoint("/metrics")
            // The document lists endpoints that have a method of C#; the exporter's own has none.
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Get]), ((Action)Scraped).Method)
            .Says(Operations.Metrics);

        app.MapGet("/v1/status", server.StatusAsync).Says(Operations.Status);
        app.MapGet("/v1/server", server.Server).Says(Operations.Server);
        app.MapGet("/v1/server/history", server.History).Says(Operations.History);
        app.MapGet("/v1/hosts", new HostLists(answers).ListAsync).Says(Operations.Hosts);
        app.MapGet("/v1/gateways", gateways.ListAsync).Says(Operations.Gateways);
        app.MapGet("/v1/gateways/{id}", gateways.OneAsync).Says(Operations.Gateway);
        app.MapGet("/v1/gateways/{id}/audits", gateways.AuditsOfOne).Says(Operations.GatewayAudits);
        app.MapGet("/v1/audits", gateways.Audits).Says(Operations.Audits);

        app.MapGet("/v1/connections", connections.ListAsync).Says(Operations.Connections);
        app.MapGet("/v1/connections/{gateway}/{**id:minlength(1)}", connections.OneAsync)
            .Says(Operations.Connection);
        // The path above serves it too, where the slashes of an id are not encoded.
        app.MapGet("/v1/connections/{gateway}/{id}/story", connections.OneAsync).Says(Operations.Story);

        app.MapGet("/v1/calls", calls.ListAsync).Says(Operations.Calls);
        app.MapGet("/v1/calls/{**id:minlength(1)}", calls.OneAsync).Says(Operations.Call);
        app.MapGet("/v1/findings", calls.FindingsAsync).Says(Operations.Findings);
        app.MapGet("/v1/count", calls.CountAsync).Says(Operations.Count);
        app.MapGet("/v1/cdrs", cdrs.List).Says(Operations.Cdrs);
        app.MapGet("/v1/releases", logs.Releases).Says(Operations.Releases);
        app.MapGet("/v1/recoveries", logs.Recoveries).Says(Operations.Recoveries);
        app.MapGet("/v1/control-log", logs.ControlsAsync).Says(Operations.ControlLog);
    }

    /// <summary>Says what the OpenAPI document tells of an endpoint.</summary>
    public static IEndpointConventionBuilder Says(
        this IEndpointConventionBuilder endpoint,
        Operation operation
    ) => endpoint.WithMetadata(operation);

    private static void Scraped() { }

    /// <summary>Reasons may name files: a caller without the token only learns that there is a reason.</summary>
    private static IResult Readiness(ServerRuntime runtime, bool isTrusted)
    {
        var health = runtime.Writer.Health;
        string? Told(string? reason) => reason is null || isTrusted ? reason : "told with the token";
        return Answers.Json(
            new Readiness(
                runtime.IsReady,
                // A server whose store fails goes on: it is ready, and says that the store is not.
                health.Healthy,
                new ReadinessStore(Told(health.Reason), health.PendingGateways, health.PendingCdrs),
                new ReadinessFile(Told(runtime.CdrFiles.Fault)),
                runtime.Radius?.Sink.Health,
                runtime.Push?.Sink.Health is { } push ? push with { Reason = Told(push.Reason) } : null
            ),
            runtime.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable
        );
    }
}
