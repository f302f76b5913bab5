using System.Text.Json;
using CallServer.Storage;

namespace CallServer.Server.Web.Reading;

/// <summary>
/// Questions about calls and their answers as the hosts of a fleet write them to each other: JSON, so that hosts of two versions
/// understand each other as far as both go.
/// </summary>
internal static class HostQuestions
{
    /// <summary>A question as text.</summary>
    public static string Text(CallQuestion question) => JsonSerializer.Serialize(question, RecordJson.Camel);

    /// <summary>Another host's answer.</summary>
    public static CallAnswer Answer(string text) =>
        JsonSerializer.Deserialize<CallAnswer>(text, RecordJson.Camel)!;

    /// <summary>Answers another host. Throws JsonException for what is no question.</summary>
    public static async Task<string> AnswerAsync(
        ServerRuntime runtime,
        string question,
        CancellationToken cancellation
    ) =>
        JsonSerializer.Serialize(
            await new OwnCalls(runtime).AnswerAsync(
                JsonSerializer.Deserialize<CallQuestion>(question, RecordJson.Camel)!,
                cancellation
            ),
            RecordJson.Camel
        );
}
