using System.Net;
using System.Text.Json;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>
/// Heartbeats over kept-alive HTTP. A heartbeat that is not answered in time does not delay a later one, which uses
/// another connection.
/// </summary>
public sealed class PeerLink : IPeerLink, IDisposable
{
    /// <summary>The path where a server accepts heartbeats.</summary>
    public const string Path = "v1/heartbeat";

    private const int LongestAnswer = 64 * 1024;

    private readonly PeerHttp http;
    private readonly CancellationTokenSource stop = new();
    private readonly ILogger logger;
    private bool complained;

    /// <param name="patience">When to give up a heartbeat.</param>
    /// <param name="trust">Proves heartbeats and judges answers.</param>
    /// <param name="logger">Reports why the other server is not believed.</param>
    public PeerLink(TimeSpan patience, PeerTrust trust, ILogger logger)
    {
        this.logger = logger;
        http = new PeerHttp(trust, patience, LongestAnswer);
    }

    /// <inheritdoc/>
    public void Ask(Uri peer, GreetingView greeting, Action<GreetingView> heard)
    {
        ArgumentNullException.ThrowIfNull(peer);
        _ = AskAsync(peer, greeting, heard);
    }

    /// <summary>Gives up whatever is under way.</summary>
    public void Dispose()
    {
        stop.Cancel();
        http.Dispose();
        stop.Dispose();
    }

    private async Task AskAsync(Uri peer, GreetingView greeting, Action<GreetingView> heard)
    {
        try
        {
            var content = JsonSerializer.SerializeToUtf8Bytes(greeting, RecordJson.Camel);
            var answer = await http.AskAsync(peer, Path, PairQuestion.Heartbeat, content, stop.Token);
            if (
                answer.IsGiven
                && JsonSerializer.Deserialize<GreetingView>(answer.Content, RecordJson.Camel) is { } told
            )
            {
                complained = false;
                heard(told);
                return;
            }

            // A heartbeat overtaken by a later one is a miss, and not worth a line.
            if (answer is not { Verdict: PairVerdict.Believed, Status: HttpStatusCode.Unauthorized })
                Complain(peer, Why(answer));
        }
        catch (JsonException)
        {
            Complain(peer, "answers a heartbeat with what is no greeting");
        }
        catch (Exception fault)
            when (fault
                    is HttpRequestException
                        or IOException
                        or OperationCanceledException
                        or ObjectDisposedException
            )
        {
            // No answer is a miss, and the role machine, which counts misses, reports it.
        }
    }

    private static string Why(PeerAnswer answer) =>
        answer.Verdict switch
        {
            PairVerdict.Believed =>
                $"answers {(int)answer.Status} to a heartbeat: do both servers run one version?",
            PairVerdict.NoProof =>
                $"answers {(int)answer.Status} to a heartbeat without the proof of a pair's server: has it a \"pair\"?",
            PairVerdict.OwnName =>
                "answers with this server's own name: two servers of a pair have two names, and pair.peer is the other one's address",
            _ => "answers with a wrong proof: both servers of a pair need the same pair.secret",
        };

    /// <summary>Logs once, until the other server is understood again.</summary>
    private void Complain(Uri peer, string what)
    {
        if (complained)
            return;
        complained = true;
        logger.LogError("{Peer} {What}. It counts as no answer", peer, what);
    }
}
