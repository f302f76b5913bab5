using System.Text.Json;
using CallServer.Server.Configuration;
using CallServer.Server.Releasing;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Web;

/// <summary>
/// <c>POST /v1/connections/release</c> with <c>{"gateway":…,"connection":…,"reason":…,"by":…}</c>; without a gateway
/// the connection is named GATEWAY/ID. 200 if the gateway ended it; 404 if nobody knows it; 409 if it may not be
/// released; 502 if the gateway refused; 504 if the gateway did not answer, and then nothing is closed; 503 if no
/// host of the fleet holds the gateway now.
/// </summary>
internal sealed class Releases(ServerRuntime runtime)
{
    private const int Longest = 500;
    private const int LongestName = 2048;
    private static readonly string[] Members = ["gateway", "connection", "reason", "by"];

    /// <summary>What was released, or why it was not; nulls are written.</summary>
    private sealed record Answer(
        string? Gateway,
        string Connection,
        bool Released,
        string By,
        string Reason,
        Surface.CountersView? Counters,
        string? Cdr
    );

    public async Task<IResult> ServeAsync(HttpContext http)
    {
        var query = new Query(http.Request);
        var given = await ReadAsync(http.Request, query);
        var gateway = Text(given, query, "gateway", LongestName, isRequired: false);
        var connection = Text(given, query, "connection", LongestName, isRequired: true);
        var reason = Text(given, query, "reason", Longest, isRequired: true);
        var by = Text(given, query, "by", Longest, isRequired: true);
        if (query.IsWrong)
            return query.Refusal();

        ControlNote.Say(
            http,
            ("gateway", gateway),
            ("connection", connection),
            ("by", by),
            ("reason", reason)
        );
        // Once requested, the release goes on whether the caller waits or not.
        var answer = await ReleaseAsync(gateway, connection!, by!, reason!).WaitAsync(http.RequestAborted);
        return answer.Status switch
        {
            ReleaseStatus.Released => Results.Text(
                JsonSerializer.Serialize(
                    new Answer(
                        answer.Gateway,
                        answer.Connection,
                        true,
                        by!,
                        reason!,
                        answer.Counters,
                        answer.Cdr
                    ),
                    RecordJson.Camel
                ),
                "application/json"
            ),
            ReleaseStatus.NotFound => Problem(StatusCodes.Status404NotFound, "There is no such connection"),
            ReleaseStatus.NotAllowed => Problem(StatusCodes.Status409Conflict, "It is not released"),
            ReleaseStatus.Refused => Problem(
                StatusCodes.Status502BadGateway,
                "The gateway did not release it"
            ),
            ReleaseStatus.Unknown => Problem(
                StatusCodes.Status504GatewayTimeout,
                "Nobody knows whether it ended: nothing is closed before an audit tells"
            ),
            ReleaseStatus.Unheld => Problem(
                StatusCodes.Status503ServiceUnavailable,
                "No host of the fleet holds the gateway now"
            ),
            var status => throw new InvalidOperationException($"a release ends in an unknown way: {status}"),
        };

        IResult Problem(int status, string title) => Problems.Of(status, title, answer.Detail);
    }

    /// <summary>A host of a fleet leaves to another one what that holds.</summary>
    private Task<ReleaseAnswer> ReleaseAsync(string? gateway, string connection, string by, string reason)
    {
        if (
            runtime.Share is { } share
            && (gateway is null ? Named(connection) : (gateway, connection)) is (var owner, var id)
            && runtime.Ledger.Find(owner) is null
            && runtime.Configuration.Find(owner) is not null
        )
            return share.ReleaseAsync(owner, id, by, reason);
        return runtime.Releaser.ReleaseAsync(gateway, connection, by, reason);
    }

    /// <summary>What GATEWAY/ID names; null if several gateways' ids begin it, or none.</summary>
    private (string Gateway, string Connection)? Named(string connection) =>
        runtime
            .Configuration.Gateways.Select(gateway => gateway.Id)
            .Where(id => connection.StartsWith($"{id}/", StringComparison.Ordinal))
            .Take(2)
            .ToList()
            is [var only]
            ? (only, connection[(only.Length + 1)..])
            : null;

    /// <summary>The body's members; empty if it has none.</summary>
    private static async Task<Dictionary<string, JsonElement>> ReadAsync(HttpRequest request, Query query)
    {
        var found = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (await JsonBody.MembersAsync(request.Body, request.HttpContext.RequestAborted) is not { } members)
        {
            query.Fail("body", "is no JSON object");
            return found;
        }

        foreach (var (name, value) in members)
        {
            if (!Members.Contains(name, StringComparer.Ordinal))
                query.Fail(name, $"is not known here{Nearest.Hint(name, Members)}");
            else if (!found.TryAdd(name, value))
                query.Fail(name, "is given more than once");
        }

        return found;
    }

    private static string? Text(
        Dictionary<string, JsonElement> given,
        Query query,
        string name,
        int longest,
        bool isRequired
    )
    {
        if (!given.TryGetValue(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            if (isRequired)
                query.Fail(name, "is needed");
            return null;
        }

        var text = value.ValueKind == JsonValueKind.String ? value.GetString()!.Trim() : "";
        if (text.Length > 0 && text.Length <= longest && !text.Any(char.IsControl))
            return text;
        query.Fail(name, $"is not a text of 1 to {longest} characters in one line");
        return null;
    }
}
