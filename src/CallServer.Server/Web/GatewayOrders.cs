using System.Text.Json;
using CallServer.Server.Polling;
using CallServer.Server.Web.Contract;
using CallServer.Server.Web.Reading;
using CallServer.Storage;

namespace CallServer.Server.Web;

/// <summary>Adds, removes and asks gateways on an operator's order.</summary>
internal sealed class GatewayOrders(ServerRuntime runtime, GatewayKeeper keeper)
{
    /// <summary>
    /// <c>POST /v1/gateways</c> with a gateway as the configuration file has it: asks it from now on, and adds it to the
    /// file. 201; 400 if it has mistakes; 409 if there is one of this id, or the file cannot be edited now; 503 if the file
    /// cannot be written. Unless it is 201, nothing has changed.
    /// </summary>
    public async Task<IResult> AddAsync(HttpContext http)
    {
        var query = new Query(http.Request);
        if (await JsonBody.MembersAsync(http.Request.Body, http.RequestAborted) is not { } members)
        {
            query.Fail("body", "is no JSON object");
            return query.Refusal();
        }

        if (query.IsWrong)
            return query.Refusal();
        var texts = members
            .Where(member => member.Value.ValueKind == JsonValueKind.String)
            .DistinctBy(member => member.Name)
            .ToDictionary(member => member.Name, member => member.Value.GetString()!, StringComparer.Ordinal);
        var id = texts.GetValueOrDefault("id");
        var change = keeper.Add(id, Item(members), texts);
        if (change.Outcome != GatewayOutcome.Done)
            return Refusal(query, change, StatusCodes.Status409Conflict);
        var gateway = runtime.Configuration.Gateways.Single(each => each.Id == id);
        ControlNote.Say(http, ("gateway", id), ("uri", gateway.Uri.Text));
        http.Response.Headers.Location = $"/v1/gateways/{Uri.EscapeDataString(id!)}";
        return Answers.Json(
            new GatewayAdded(id!, gateway.Uri.Text, Configuration.Durations.Format(gateway.Interval)),
            StatusCodes.Status201Created
        );
    }

    /// <summary>
    /// <c>DELETE /v1/gateways/{id}</c>: asks it no longer, and removes it from the file. 200; otherwise as for adding, and
    /// 404 if there is none. Its connections stay in the record, unconfirmed: that nobody asks is no evidence of an end.
    /// </summary>
    public IResult Remove(HttpContext http, string id)
    {
        var query = new Query(http.Request);
        if (query.IsWrong)
            return query.Refusal();
        var gateway = Named(id);
        ControlNote.Say(http, ("gateway", gateway));
        var change = keeper.Remove(gateway);
        return change.Outcome == GatewayOutcome.Done
            ? Answers.Json(
                new GatewayRemoved(gateway, true, runtime.Ledger.Find(gateway)?.Record.Count ?? 0),
                StatusCodes.Status200OK
            )
            : Refusal(query, change, StatusCodes.Status404NotFound);
    }

    /// <summary><c>POST /v1/gateways/{id}/audit</c>: 202, the gateway is asked as soon as possible; 404 if it is not polled; 503 if no
    /// host of the fleet holds it now.</summary>
    public async Task<IResult> AuditAsync(HttpContext http, string id)
    {
        var query = new Query(http.Request);
        return query.IsWrong ? query.Refusal() : await TriggerAsync(http, Named(id));
    }

    /// <summary><c>POST /v1/audits?gateway=</c>: the same.</summary>
    public async Task<IResult> AuditByQueryAsync(HttpContext http)
    {
        var query = new Query(http.Request, "gateway");
        var gateway = query.Gateway(_ => true, isRequired: true);
        return query.IsWrong ? query.Refusal() : await TriggerAsync(http, gateway!);
    }

    private async Task<IResult> TriggerAsync(HttpContext http, string gateway)
    {
        ControlNote.Say(http, ("gateway", gateway));
        bool? isAsked = runtime.Polling.Trigger(gateway, AuditCause.Operator);
        if (isAsked == false && runtime.Share is { } share && runtime.Configuration.Find(gateway) is not null)
            isAsked = await share.AuditAsync(gateway).WaitAsync(http.RequestAborted);
        return isAsked switch
        {
            true => Answers.Json(new AuditOrder(gateway, true), StatusCodes.Status202Accepted),
            false => Problems.Of(
                StatusCodes.Status404NotFound,
                $"There is no gateway '{gateway}' that is asked",
                "/v1/gateways lists the ids; those with \"configured\": false are no longer asked"
            ),
            null => Problems.Of(
                StatusCodes.Status503ServiceUnavailable,
                $"No host of the fleet holds '{gateway}' now",
                "Another host takes it within seconds and asks it then: try again"
            ),
        };
    }

    /// <summary>The server does not decode a slash in a path, and ids may hold one.</summary>
    private string Named(string id) =>
        runtime.Configuration.Gateways.Any(gateway => gateway.Id == id)
            ? id
            : id.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    private static IResult Refusal(Query query, GatewayChange change, int unfit)
    {
        var why = string.Join("; ", change.Reasons.Select(reason => reason.Message));
        switch (change.Outcome)
        {
            case GatewayOutcome.Wrong:
                foreach (var (member, message) in change.Reasons)
                    query.Fail(member, message);
                return query.Refusal();
            case GatewayOutcome.Unfit:
                return Problems.Of(unfit, "Nothing is changed", why);
            case GatewayOutcome.NotNow:
                return Problems.Of(StatusCodes.Status409Conflict, "Nothing is changed", why);
            default:
                return Problems.Of(StatusCodes.Status503ServiceUnavailable, "Nothing is changed", why);
        }
    }

    /// <summary>The gateway on one line, in the form in which people write it.</summary>
    private static string Item(IReadOnlyList<(string Name, JsonElement Value)> members) =>
        members.Count == 0
            ? "{}"
            : $"{{ {string.Join(", ", members.Select(member => $"{Text(member.Name)}: {Text(member.Value)}"))} }}";

    // Serialised anew: on one line, and with nothing that could hide.
    private static string Text<T>(T value) => JsonSerializer.Serialize(value, RecordJson.Camel);
}
