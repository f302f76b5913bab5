using System.Net;
using System.Net.Http.Headers;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>What came back from the other server's address.</summary>
/// <param name="Verdict">Whether it is the other server's; what is not counts as no answer.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Content">The body.</param>
public sealed record PeerAnswer(PairVerdict Verdict, HttpStatusCode Status, byte[] Content)
{
    /// <summary>The other server has answered what it was asked.</summary>
    public bool IsGiven => Verdict == PairVerdict.Believed && Status == HttpStatusCode.OK;
}

/// <summary>Questions to the other server over kept-alive HTTP, each with its proof, each answer judged.</summary>
public sealed class PeerHttp : IDisposable
{
    private readonly PeerTrust trust;
    private readonly HttpClient http;

    /// <param name="trust">Proves and judges.</param>
    /// <param name="patience">After this a question is given up.</param>
    /// <param name="longestAnswer">In octets.</param>
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
    /// Asks, and once more with the challenge that a refusal brings: the first time, and after a silence, this server has none
    /// that holds. Throws what HttpClient does where nothing comes.
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

    /// <summary>Gives up what is under way.</summary>
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
