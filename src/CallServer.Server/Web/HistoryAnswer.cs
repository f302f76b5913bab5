using System.Text.Json;
using CallServer.Model;
using CallServer.Server.Web.Contract;
using CallServer.Storage;

namespace CallServer.Server.Web;

/// <summary>A sample of the server's figures.</summary>
/// <param name="Time">When it was taken, UTC with microseconds.</param>
/// <param name="Connections">Active connections in the record.</param>
/// <param name="Unconfirmed">Those that the newest audit of their gateway did not confirm.</param>
/// <param name="Cdrs">CDRs of connections that ended since the server started.</param>
/// <param name="Waiting">Records that wait in the outbox for the slowest of its readers; null if the store could not be
/// read.</param>
internal sealed record HistorySample(string Time, int Connections, int Unconfirmed, long Cdrs, long? Waiting);

/// <summary>The server's figures over the last hour, since its start at most.</summary>
/// <param name="AsOf">When this was answered, UTC with microseconds.</param>
/// <param name="EverySeconds">The seconds between two samples.</param>
/// <param name="Samples">The samples, oldest first.</param>
internal sealed record HistoryAnswer(string AsOf, int EverySeconds, IReadOnlyList<HistorySample> Samples)
{
    /// <summary><c>GET /v1/server/history</c>.</summary>
    public static IResult Serve(HttpRequest request, ServerRuntime runtime)
    {
        var query = new Query(request, Operations.History);
        if (query.IsWrong)
            return query.Refusal();
        var answer = Of(runtime.History, runtime.Clock.Now.Steady, runtime.Clock.Correction);
        return Results.Text(JsonSerializer.Serialize(answer, RecordJson.Camel), "application/json");
    }

    /// <summary>The samples as they are shown. The correction is added to every time.</summary>
    public static HistoryAnswer Of(IReadOnlyList<ServerSample> samples, Instant now, TimeSpan correction) =>
        new(
            (now + correction).ToString(),
            (int)ServerHistory.Step.TotalSeconds,
            [
                .. samples.Select(sample => new HistorySample(
                    (sample.At + correction).ToString(),
                    sample.Connections,
                    sample.Unconfirmed,
                    sample.Cdrs,
                    sample.Waiting
                )),
            ]
        );
}
