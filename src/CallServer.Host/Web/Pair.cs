using System.Net;
using System.Text.Json;
using CallServer.Host.Roles;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Host.Web;

/// <summary>What the other server of a pair and its operator ask: heartbeats, takeover, stepping down.</summary>
internal sealed class Pair(RoleKeeper roles, Recording.LedgerShards ledger, ILedgerStore store)
{
    /// <summary>
    /// <c>POST /v1/heartbeat</c>: the caller's greeting, answered by this server's. 400 where it is none.
    /// </summary>
    public async Task<IResult> HeartbeatAsync(HttpContext http)
    {
        if (Refuse(http) is { } refusal)
            return refusal;
        try
        {
            var greeting = await JsonSerializer.DeserializeAsync<GreetingView>(
                http.Request.Body,
                RecordJson.Camel,
                http.RequestAborted
            );
            if (greeting is not null && await roles.MeetAsync(Reachable(greeting, http)) is { } answer)
                return Results.Text(JsonSerializer.Serialize(answer, RecordJson.Camel), "application/json");
        }
        catch (JsonException)
        {
            // Said below.
        }

        return Problems.Of(StatusCodes.Status400BadRequest, "That is no heartbeat");
    }

    /// <summary><c>POST /v1/takeover</c>: this server acts from now on; 409 where it does already.</summary>
    public Task<IResult> TakeOverAsync(HttpContext http) => OrderAsync(http, roles.TakeOverAsync);

    /// <summary>
    /// <c>POST /v1/stepdown</c>: 202, the other server is asked to act; 409 where there is none that could.
    /// </summary>
    public Task<IResult> StepDownAsync(HttpContext http) => OrderAsync(http, roles.StepDownAsync);

    /// <summary>
    /// <c>POST /v1/cdrs/settle</c>: which of the CDRs that a standby holds are written here, and which are of
    /// connections that are active here. 409 where this server does not act.
    /// </summary>
    public async Task<IResult> SettleAsync(HttpContext http)
    {
        if (Refuse(http) is { } refusal)
            return refusal;
        HeldCdr[]? held = null;
        try
        {
            held = await JsonSerializer.DeserializeAsync<HeldCdr[]>(
                http.Request.Body,
                RecordJson.Camel,
                http.RequestAborted
            );
        }
        catch (JsonException)
        {
            // Said below.
        }

        if (held is null || held.Length > Settlement.Most || held.Any(IsWrong))
            return Problems.Of(
                StatusCodes.Status400BadRequest,
                $"That is no list of at most {Settlement.Most} held CDRs"
            );
        if (roles.Role is not { Acts: true } role)
            return Problems.Of(StatusCodes.Status409Conflict, "This server does not act");
        // What is active is looked up first: a connection that ends in between is then in both, never in neither.
        var active = held.Where(cdr => ledger.Find(cdr.Gateway)?.Record.StatusOf(cdr.Connection) is not null)
            .Select(cdr => cdr.Id)
            .ToList();
        var written = store.FindCdrs([.. held.Select(cdr => cdr.Id)]);
        return Results.Text(
            JsonSerializer.Serialize(new Settled(role.Epoch, [.. written], active), RecordJson.Camel),
            "application/json"
        );

        static bool IsWrong(HeldCdr? cdr) =>
            cdr is null || cdr.Id is null || cdr.Gateway is null || cdr.Connection is null;
    }

    private async Task<IResult> OrderAsync(HttpContext http, Func<Task<string?>> order)
    {
        if (Refuse(http) is { } refusal)
            return refusal;
        var query = new Query(http.Request);
        if (query.IsWrong)
            return query.Refusal();
        return await order() is { } reason
            ? Problems.Of(StatusCodes.Status409Conflict, "Nothing is changed", reason)
            : Results.Text(
                JsonSerializer.Serialize(roles.Role!.Greeting, RecordJson.Camel),
                "application/json",
                statusCode: StatusCodes.Status202Accepted
            );
    }

    /// <summary>A page in a browser can send anything but this to us without asking first.</summary>
    public static IResult? Refuse(HttpContext http) =>
        http.Request.HasJsonContentType()
            ? null
            : Problems.Of(
                StatusCodes.Status415UnsupportedMediaType,
                "This is asked for with JSON: Content-Type: application/json"
            );

    /// <summary>A server that listens on every address does not know by which one it is reached: we do.</summary>
    private static GreetingView Reachable(GreetingView greeting, HttpContext http)
    {
        if (
            !Uri.TryCreate(greeting.Url, UriKind.Absolute, out var url)
            || !IPAddress.TryParse(url.Host.Trim('[', ']'), out var host)
            || !(host.Equals(IPAddress.Any) || host.Equals(IPAddress.IPv6Any))
            || http.Connection.RemoteIpAddress is not { } remote
        )
            return greeting;
        var address = remote.IsIPv4MappedToIPv6 ? remote.MapToIPv4() : remote;
        return new GreetingView(
            greeting.Server,
            greeting.Epoch,
            greeting.Role,
            greeting.HandsOver,
            new UriBuilder(url) { Host = address.ToString() }.Uri.ToString(),
            greeting.HeartbeatMs,
            greeting.Misses
        );
    }
}
