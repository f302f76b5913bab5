using System.Text.Json;
using CallServer.Server.Roles;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Web;

/// <summary>What takeovers brought back, and what a takeover now would bring back.</summary>
internal sealed class Recoveries(Recovery recovery)
{
    /// <summary><c>POST /v1/recoveries/dry-run</c>: starts a dry run; 202 with its report so far.</summary>
    public IResult BeginDryRun(HttpContext http)
    {
        var query = new Query(http.Request);
        return query.IsWrong ? query.Refusal() : Json(recovery.BeginDryRun(), StatusCodes.Status202Accepted);
    }

    /// <summary><c>GET /v1/recoveries/dry-run</c>: the newest dry run, as far as it has come.</summary>
    public IResult DryRun(HttpRequest request)
    {
        var query = new Query(request);
        return query.IsWrong ? query.Refusal()
            : recovery.DryRun is { } report ? Json(report, StatusCodes.Status200OK)
            : Problems.Of(StatusCodes.Status404NotFound, "There was no dry run since the server was started");
    }

    private static IResult Json(RecoveryView report, int status) =>
        Results.Text(
            JsonSerializer.Serialize(report, RecordJson.Camel),
            "application/json",
            statusCode: status
        );
}
