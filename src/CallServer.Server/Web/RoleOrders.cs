using System.Text.Json;
using CallServer.Server.Roles;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Web;

/// <summary>Operators' orders to a pair: takeover and step-down.</summary>
internal sealed class RoleOrders(RoleKeeper roles)
{
    private const string Epoch = "epoch";

    /// <summary>
    /// <c>POST /v1/takeover</c>: this server acts from now on; 409 if it already does. With <c>{"epoch":N}</c> it
    /// acts under that epoch, and the other server agrees on it.
    /// </summary>
    public async Task<IResult> TakeOverAsync(HttpContext http)
    {
        var query = new Query(http.Request);
        var epoch = await EpochAsync(http.Request, query);
        ControlNote.Say(http, ("epoch", epoch));
        return await OrderAsync(
            query,
            epoch is { } wanted ? () => roles.ActUnderAsync(wanted) : roles.TakeOverAsync
        );
    }

    /// <summary>
    /// <c>POST /v1/stepdown</c>: 202, the other server is asked to act; 409 if there is none that could.
    /// </summary>
    public Task<IResult> StepDownAsync(HttpContext http) =>
        OrderAsync(new Query(http.Request), roles.StepDownAsync);

    private async Task<IResult> OrderAsync(Query query, Func<Task<string?>> order)
    {
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

    /// <summary>The body's epoch; null if there is no epoch or no body.</summary>
    private static async Task<int?> EpochAsync(HttpRequest request, Query query)
    {
        using var content = new MemoryStream();
        await request.Body.CopyToAsync(content, request.HttpContext.RequestAborted);
        if (content.Length == 0)
            return null;
        content.Position = 0;
        if (await JsonBody.MembersAsync(content, request.HttpContext.RequestAborted) is not { } members)
        {
            query.Fail("body", "is no JSON object");
            return null;
        }

        int? epoch = null;
        foreach (var (name, value) in members)
        {
            if (name != Epoch)
                query.Fail(name, $"is not known here; known is {Epoch}");
            else if (
                value.ValueKind == JsonValueKind.Number
                && value.TryGetInt32(out var number)
                && number >= 1
                && number <= ServerRole.HighestEpoch
            )
                epoch = number;
            else if (value.ValueKind != JsonValueKind.Null)
                query.Fail(Epoch, $"is not a whole number from 1 to {ServerRole.HighestEpoch}");
        }

        return epoch;
    }
}
