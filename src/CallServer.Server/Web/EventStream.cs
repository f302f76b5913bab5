using System.Globalization;
using System.Text;
using CallServer.Storage;

namespace CallServer.Server.Web;

/// <summary>
/// <c>GET /v1/events</c>: server-sent events, one a change. A client that comes back with Last-Event-ID gets what it
/// missed; if the store no longer keeps that, an event <c>gap</c> tells the client to read the lists again.
/// </summary>
internal sealed class EventStream(ServerRuntime runtime, TimeProvider time, CancellationToken stopping)
{
    private const int PageSize = 200;

    /// <summary>A client that does not take what is sent within this time is dropped.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>When a refused client may try again, in seconds.</summary>
    private const string RetryAfter = "10";

    private readonly EventReaders readers = runtime.EventReaders;
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    /// <summary>Follows the events until the client leaves or the server stops.</summary>
    public async Task<IResult> ServeAsync(HttpContext http)
    {
        var query = new Query(http.Request, "gateway");
        var gateway = query.Gateway(new Lists(runtime).IsKnown);
        if (query.IsWrong)
            return query.Refusal();
        long? after = null;
        if (http.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last)
        {
            if (!long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
                return Problems.Of(
                    StatusCodes.Status400BadRequest,
                    "Last-Event-ID is none that this stream gave"
                );
            after = sequence;
        }

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
            return await ServeAsync(http, after, gateway);
        }
        finally
        {
            readers.Leave();
        }
    }

    private async Task<IResult> ServeAsync(HttpContext http, long? after, string? gateway)
    {
        long start;
        try
        {
            start = after ?? runtime.Events.Read(long.MaxValue, 1).Newest;
        }
        catch (StoreException fault)
        {
            return Problems.Of(
                StatusCodes.Status503ServiceUnavailable,
                "The store cannot be read now",
                fault.Message
            );
        }

        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
        try
        {
            await WriteAsync(http.Response, "retry: 1000\n\n"u8.ToArray(), ends.Token);
            await FollowAsync(http.Response, start, gateway, ends.Token);
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

    private async Task FollowAsync(
        HttpResponse response,
        long after,
        string? gateway,
        CancellationToken cancel
    )
    {
        while (true)
        {
            var news = runtime.Events.News;
            var (text, last, count) = await readers.InTurnAsync(() => Read(after, gateway), cancel);
            after = last;
            if (text.Length > 0)
                await WriteAsync(response, text, cancel);
            if (count > 0)
                continue;
            try
            {
                await news.WaitAsync(Heartbeat, time, cancel);
            }
            catch (TimeoutException)
            {
                // Proxies close connections that are quiet for long.
                await WriteAsync(response, ": alive\n\n"u8.ToArray(), cancel);
            }
        }
    }

    /// <summary>A page of events as text, the sequence it ends with, and its number of changes.</summary>
    private (byte[] Text, long Last, int Count) Read(long after, string? gateway)
    {
        var page = runtime.Events.Read(after, PageSize);
        var text = new StringBuilder();
        if (page.Missed)
            text.Append("event: gap\ndata: {}\n\n");
        foreach (var change in page.Items)
        {
            after = change.Sequence;
            if (gateway is null || change.Gateway == gateway)
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"id: {change.Sequence}\nevent: {change.Kind}\ndata: {change.Json}\n\n"
                );
        }

        return (Encoding.UTF8.GetBytes(text.ToString()), after, page.Items.Count);
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
