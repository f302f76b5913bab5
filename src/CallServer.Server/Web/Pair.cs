using System.Net.Mime;
using System.Text;
using System.Text.Json;
using CallServer.Server.Roles;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Web;

/// <summary>
/// Answers the other server of a pair: heartbeats, and what became of held CDRs. Each question brings its proof in
/// the header <c>CallServer-Pair</c>, and each answer carries one too. A question without a valid proof is answered
/// 401 and changes nothing.
/// </summary>
internal sealed class Pair(
    PeerTrust? trust,
    RoleKeeper roles,
    Recording.LedgerShards ledger,
    ILedgerStore store,
    RefusalLog refusals
)
{
    /// <summary>An answer before it is proven and sent.</summary>
    private readonly record struct Said(int Status, string Text, string ContentType)
    {
        public static Said Of<T>(T value) =>
            new(
                StatusCodes.Status200OK,
                JsonSerializer.Serialize(value, RecordJson.Camel),
                MediaTypeNames.Application.Json
            );

        public static Said Problem(int status, string title, string? detail = null) =>
            new(status, Problems.Text(status, title, detail), Problems.ContentType);
    }

    /// <summary>
    /// <c>POST /v1/heartbeat</c>: answers the other server's greeting with this server's own; 400 if it is none.
    /// </summary>
    public Task<IResult> HeartbeatAsync(HttpContext http) =>
        ServeAsync(http, PairQuestion.Heartbeat, "heartbeat", MeetAsync);

    /// <summary>
    /// <c>POST /v1/cdrs/settle</c>: which of the CDRs that a standby holds are written here, and which belong to
    /// connections that are active here. 409 if this server does not act.
    /// </summary>
    public Task<IResult> SettleAsync(HttpContext http) =>
        ServeAsync(http, PairQuestion.Settle, "question about held CDRs", Settle);

    private async Task<IResult> ServeAsync(
        HttpContext http,
        PairQuestion question,
        string what,
        Func<byte[], Task<Said>> serve
    )
    {
        if (trust is null)
            return Problems.Of(
                StatusCodes.Status404NotFound,
                "This server is alone",
                "It has no \"pair\" in its configuration"
            );
        if (!http.Request.HasJsonContentType())
            return Controls.WantsJson();
        // Exactly one header counts; two are as good as none.
        var header = http.Request.Headers[PeerTrust.Header] is [{ } only] ? only : null;
        var content = await ReadAsync(http);
        var verdict = trust.Judge(question, header, content);
        refusals.Add(verdict, what, http.Connection.RemoteIpAddress?.ToString() ?? "an unknown address");
        var said =
            verdict == PairVerdict.Believed
                ? await serve(content)
                : Said.Problem(
                    StatusCodes.Status401Unauthorized,
                    "This is the other server's alone to ask",
                    Why(verdict)
                );
        if (trust.Answer(question, header, said.Status, Encoding.UTF8.GetBytes(said.Text)) is { } proof)
            http.Response.Headers[PeerTrust.Header] = proof;
        return Results.Text(said.Text, said.ContentType, statusCode: said.Status);
    }

    private static async Task<byte[]> ReadAsync(HttpContext http)
    {
        using var content = new MemoryStream();
        await http.Request.Body.CopyToAsync(content, http.RequestAborted);
        return content.ToArray();
    }

    private static string Why(PairVerdict verdict) =>
        verdict switch
        {
            PairVerdict.NoProof => $"The header {PeerTrust.Header} is missing or no proof",
            PairVerdict.OwnName => "It says that it comes from this server itself",
            PairVerdict.StaleChallenge => "Its challenge does not hold: ask again with that of this answer",
            PairVerdict.Replayed => "It was said before",
            _ => "Its proof is wrong",
        };

    private async Task<Said> MeetAsync(byte[] content)
    {
        try
        {
            var greeting = JsonSerializer.Deserialize<GreetingView>(content, RecordJson.Camel);
            if (greeting is not null && await roles.MeetAsync(greeting) is { } answer)
                return Said.Of(answer);
        }
        catch (JsonException)
        {
            // Answered as malformed below.
        }

        return Said.Problem(StatusCodes.Status400BadRequest, "That is no heartbeat");
    }

    private Task<Said> Settle(byte[] content)
    {
        HeldCdr[]? held = null;
        try
        {
            held = JsonSerializer.Deserialize<HeldCdr[]>(content, RecordJson.Camel);
        }
        catch (JsonException)
        {
            // Answered as malformed below.
        }

        if (held is null || held.Length > Settlement.Most || held.Any(IsWrong))
            return Task.FromResult(
                Said.Problem(
                    StatusCodes.Status400BadRequest,
                    $"That is no list of at most {Settlement.Most} held CDRs"
                )
            );
        if (roles.Role is not { Acts: true } role)
            return Task.FromResult(Said.Problem(StatusCodes.Status409Conflict, "This server does not act"));
        // Active connections are looked up first: one that ends in between is then in both lists, never in neither.
        var active = held.Where(cdr => ledger.Find(cdr.Gateway)?.Record.StatusOf(cdr.Connection) is not null)
            .Select(cdr => cdr.Id)
            .ToList();
        var written = store.FindCdrs([.. held.Select(cdr => cdr.Id)]);
        return Task.FromResult(Said.Of(new Settled(role.Epoch, [.. written], active)));

        static bool IsWrong(HeldCdr? cdr) =>
            cdr is null || cdr.Id is null || cdr.Gateway is null || cdr.Connection is null;
    }
}
