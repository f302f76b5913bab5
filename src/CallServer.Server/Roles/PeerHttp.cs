using System.Net;
using System.Net.Http.Headers;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>What came back from the other server's address.</summary>
/// <param name="Verdict">Whether the other server really sent it; if not, it counts as no answer.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Content">The body.</param>
public sealed record PeerAnswer(PairVerdict Verdict, HttpStatusCode Status, byte[] Content)
{
    /// <summary>Whether the other server answered the question.</summary>
    public bool IsGiven => Verdict == PairVerdict.Believed && Status == HttpStatusCode.OK;
}

/// <summary>
/// Sends questions to the other server over kept-alive HTTP, each with its proof, and judges each answer.
/// </summary>
public sealed class PeerHttp : IDisposable
{
    private readonly PeerTrust trust;
    private readonly HttpClient http;

    /// <param name="trust">Proves questions and judges answers.</param>
    /// <param name="patience">When to give up a question.</param>
    /// <param name="longestAnswer">The longest answer, in octets.</param>
    public PeerHttp(PeerTrust trust, TimeSpan patience, int longestAnswer)
    {
        this.trust = trust;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = patience,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5),
        };
        http = new HttpClient(handler) { Timeout = patience, MaxResponseContentBufferSize = longestAnswer };
    }

    /// <summary>
    /// Asks, and asks once more with the challenge that a refusal brings: the first time, and after a silence, this
    /// server has no valid challenge. Throws what HttpClient throws if nothing comes back.
    /// </summary>
    public async Task<PeerAnswer> AskAsync(
        Uri peer,
        string path,
        PairQuestion question,
        byte[] content,
        CancellationToken cancel
    )
    {
        var answer = await OnceAsync(peer, path, question, content, cancel);
        return answer is { Verdict: PairVerdict.Believed, Status: HttpStatusCode.Unauthorized }
            ? await OnceAsync(peer, path, question, content, cancel)
            : answer;
    }

    /// <summary>Gives up whatever is under way.</summary>
    public void Dispose() => http.Dispose();

    private async Task<PeerAnswer> OnceAsync(
        Uri peer,
        string path,
        PairQuestion question,
        byte[] content,
        CancellationToken cancel
    )
    {
        var (nonce, header) = trust.Ask(question, content);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(peer, path));
        request.Content = new ByteArrayContent(content);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json", "utf-8");
        request.Headers.Add(PeerTrust.Header, header);
        using var response = await http.SendAsync(request, cancel);
        var body = await response.Content.ReadAsByteArrayAsync(cancel);
        var proof = response.Headers.TryGetValues(PeerTrust.Header, out var values)
            ? string.Join(',', values)
            : null;
        return new PeerAnswer(
            trust.Hear(question, nonce, (int)response.StatusCode, proof, body),
            response.StatusCode,
            body
        );
    }
}
