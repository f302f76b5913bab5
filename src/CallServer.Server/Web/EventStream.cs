using System.Globalization;
using CallServer.Server.Web.Contract;
using CallServer.Server.Web.Reading;
using CallServer.Storage;

namespace CallServer.Server.Web;

/// <summary>
/// <c>GET /v1/events</c>: server-sent events, one a change. A client that comes back with Last-Event-ID gets what it
/// missed; if the store no longer keeps that, an event <c>gap</c> tells the client to read the lists again. When the token that
/// it brought is good no longer, <c>ended</c> says so, and the stream ends.
/// </summary>
/// <param name="runtime">The server.</param>
/// <param name="time">The clock of heartbeats, of patience, and of tokens that expire.</param>
/// <param name="refusedNow">Why what a request brought would be refused by now; null if it would not.</param>
/// <param name="stopping">The server stops.</param>
internal sealed class EventStream(
    ServerRuntime runtime,
    TimeProvider time,
    Func<HttpContext, Task<string?>> refusedNow,
    CancellationToken stopping
)
{
    /// <summary>A client that does not take what is sent within this time is dropped.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>A client's token is checked again after this time, with the next event or sign of life.</summary>
    public static readonly TimeSpan Trust = TimeSpan.FromSeconds(1);

    /// <summary>When a refused client may try again, in seconds.</summary>
    private const string RetryAfter = "10";

    private readonly EventReaders readers = runtime.EventReaders;
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    /// <summary>Follows the events until the client leaves, its token is good no longer, or the server stops.</summary>
    public async Task<IResult> ServeAsync(HttpContext http)
    {
        var query = new Query(http.Request, Operations.Events);
        var gateway = query.Gateway(new Answers(runtime).IsKnown);
        var withRecord = query.Flag("record") == true;
        var after = query.Number(Parameters.After);
        if (http.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last)
        {
            if (long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
                after = sequence;
            else
                query.Fail(
                    "Last-Event-ID",
                    $"'{last}' is none that this stream gave: send it as it was, or not at all"
                );
        }

        if (query.IsWrong)
            return query.Refusal();
        if (!readers.TryEnter())
        {
            http.Response.Headers.RetryAfter = RetryAfter;
            return Problems.Of(
                StatusCodes.Status503ServiceUnavailable,
                "As many clients follow the events as may",
                $"server.eventReaders allows {readers.Most}"
            );
        }

        try
        {
            return await ServeAsync(http, after, new EventPages(runtime, gateway, withRecord));
        }
        finally
        {
            readers.Leave();
        }
    }

    private async Task<IResult> ServeAsync(HttpContext http, long? after, EventPages pages)
    {
        try
        {
            pages.Begin(after);
        }
        catch (StoreException fault)
        {
            return Answers.StoreIsDown(fault);
        }

        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
        try
        {
            await WriteAsync(http.Response, "retry: 1000\n\n"u8.ToArray(), ends.Token);
            await FollowAsync(http, pages, ends.Token);
        }
        catch (StalledException)
        {
            readers.Drop();
            http.Abort();
        }
        catch (OperationCanceledException) { }
        catch (StoreException)
        {
            // The client will come back with its Last-Event-ID.
        }

        return Results.Empty;
    }

    private async Task FollowAsync(HttpContext http, EventPages pages, CancellationToken cancel)
    {
        var response = http.Response;
        var until = Caller.Of(http).Until ?? DateTimeOffset.MaxValue;
        var looked = time.GetUtcNow();
        while (true)
        {
            var news = runtime.Events.News;
            if (await WhyOverAsync() is { } why)
            {
                await WriteAsync(response, EventPages.Ended(why), cancel);
                return;
            }

            var (text, isLast) = await readers.InTurnAsync(pages.Next, cancel);
            if (text.Length > 0)
                await WriteAsync(response, text, cancel);
            if (!isLast)
                continue;
            var rest = until - time.GetUtcNow();
            try
            {
                if (rest > TimeSpan.Zero)
                    await news.WaitAsync(rest < Heartbeat ? rest : Heartbeat, time, cancel);
            }
            catch (TimeoutException)
            {
                // Proxies close connections that are quiet for long.
                await WriteAsync(response, ": alive\n\n"u8.ToArray(), cancel);
            }
        }

        async Task<string?> WhyOverAsync()
        {
            var now = time.GetUtcNow();
            if (now >= until)
                return "It has expired";
            if (now - looked < Trust)
                return null;
            looked = now;
            return await refusedNow(http);
        }
    }

    private async Task WriteAsync(HttpResponse response, byte[] octets, CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        try
        {
            await response.Body.WriteAsync(octets, either.Token);
            await response.Body.FlushAsync(either.Token);
        }
        catch (OperationCanceledException)
            when (late.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            throw new StalledException();
        }
    }

    private sealed class StalledException : Exception;
}
