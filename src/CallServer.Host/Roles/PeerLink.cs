using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Host.Roles;

/// <summary>
/// Heartbeats over one kept-alive HTTP connection. One that is not answered in time holds up no later one: that
/// takes another connection.
/// </summary>
public sealed class PeerLink : IPeerLink, IDisposable
{
    /// <summary>Where a server takes heartbeats.</summary>
    public const string Path = "v1/heartbeat";

    private const int LongestAnswer = 64 * 1024;

    private readonly HttpClient http;
    private readonly CancellationTokenSource stop = new();
    private readonly ILogger logger;
    private bool complained;

    /// <param name="patience">After this a heartbeat is given up.</param>
    /// <param name="token">What the other server asks for; null where it asks for nothing.</param>
    /// <param name="logger">Says why the other server cannot be understood.</param>
    public PeerLink(TimeSpan patience, byte[]? token, ILogger logger)
    {
        this.logger = logger;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = patience,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5),
        };
        http = new HttpClient(handler) { Timeout = patience, MaxResponseContentBufferSize = LongestAnswer };
        if (token is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                "Bearer",
                Encoding.UTF8.GetString(token)
            );
    }

    /// <inheritdoc/>
    public void Ask(Uri peer, GreetingView greeting, Action<GreetingView> heard)
    {
        ArgumentNullException.ThrowIfNull(peer);
        _ = AskAsync(peer, greeting, heard);
    }

    /// <summary>Gives up what is under way.</summary>
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
            using var content = new StringContent(
                JsonSerializer.Serialize(greeting, RecordJson.Camel),
                Encoding.UTF8,
                "application/json"
            );
            using var response = await http.PostAsync(new Uri(peer, Path), content, stop.Token);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                var text = await response.Content.ReadAsStringAsync(stop.Token);
                if (JsonSerializer.Deserialize<GreetingView>(text, RecordJson.Camel) is { } answer)
                {
                    complained = false;
                    heard(answer);
                    return;
                }
            }

            Complain(peer, $"answers {(int)response.StatusCode} to a heartbeat");
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
            // No answer is a miss, and whoever counts them says so.
        }
    }

    /// <summary>Once, until it is understood again.</summary>
    private void Complain(Uri peer, string what)
    {
        if (complained)
            return;
        complained = true;
        logger.LogError(
            "{Peer} {What}: it counts as no answer. Both servers of a pair need the same server.token",
            peer,
            what
        );
    }
}
