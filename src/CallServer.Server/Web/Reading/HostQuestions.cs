using System.Text.Json;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>What one host of a fleet asks another: one of these.</summary>
internal sealed record HostQuestion
{
    public CallQuestion? Calls { get; init; }

    public ConnectionQuestion? Connections { get; init; }

    public ConnectionName? Connection { get; init; }

    public GatewayQuestion? Gateways { get; init; }

    /// <summary>How much it holds.</summary>
    public bool Totals { get; init; }
}

/// <summary>What it answers: to what was asked, and nothing else.</summary>
internal sealed record HostAnswer
{
    public CallAnswer? Calls { get; init; }

    public ConnectionAnswer? Connections { get; init; }

    /// <summary>The connection that was asked for; empty if this host does not have it.</summary>
    public IReadOnlyList<ConnectionView>? Found { get; init; }

    public IReadOnlyList<GatewayItem>? Gateways { get; init; }

    public HostTotals? Totals { get; init; }

    /// <summary>The gateways that this host holds, and of which it may not know everything.</summary>
    public IReadOnlyList<string> Incomplete { get; init; } = [];
}

/// <summary>What other hosts answered.</summary>
/// <param name="Answers">One for each that answered.</param>
/// <param name="Left">The gateways that none of these holds: this host's own, and those of which nobody tells.</param>
internal sealed record AskedHosts(IReadOnlyList<HostAnswer> Answers, IReadOnlyList<string> Left);

/// <summary>
/// Questions and their answers as the hosts of a fleet write them to each other: JSON, so that hosts of two versions understand
/// each other as far as both go.
/// </summary>
internal static class HostQuestions
{
    /// <summary>A question as text.</summary>
    public static string Text(HostQuestion question) => JsonSerializer.Serialize(question, RecordJson.Camel);

    /// <summary>Another host's answer; null if it does not answer this question, which a host of an older version may not know.</summary>
    public static HostAnswer? Answer(HostQuestion question, string text) =>
        JsonSerializer.Deserialize<HostAnswer>(text, RecordJson.Camel) is { } answer
        && (question.Calls is null || answer.Calls is not null)
        && (
            question.Connections is not { } connections
            || (answer.Connections is { } told && told.Gateway == connections.Gateway)
        )
        && (question.Connection is null || answer.Found is not null)
        && (question.Gateways is null || answer.Gateways is not null)
        && (!question.Totals || answer.Totals is not null)
            ? answer
            : null;

    /// <summary>Answers another host. Throws JsonException for what is no question.</summary>
    public static async Task<string> AnswerAsync(
        ServerRuntime runtime,
        string text,
        Func<string, bool> counts,
        CancellationToken cancellation
    )
    {
        var own = runtime.Share is { } share ? new SharedGateways(runtime, share) : null;
        var question = JsonSerializer.Deserialize<HostQuestion>(text, RecordJson.Camel)!;
        var answer = new HostAnswer
        {
            Calls = question.Calls is { } calls
                ? await new OwnCalls(runtime).AnswerAsync(calls, cancellation)
                : null,
            Connections = question.Connections is { } connections
                ? new OwnConnections(runtime).Answer(connections)
                : null,
            Found = question.Connection is { } connection
                ? new OwnConnections(runtime).Find(connection)
                : null,
            Gateways = question.Gateways is { } gateways ? new OwnGateways(runtime).Answer(gateways) : null,
            Totals = question.Totals ? own?.OwnTotals(counts) : null,
            Incomplete = [.. own?.OwnIncomplete ?? []],
        };
        return JsonSerializer.Serialize(answer, RecordJson.Camel);
    }
}
