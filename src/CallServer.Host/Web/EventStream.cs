using System.Globalization;
using CallServer.Storage;

namespace CallServer.Host.Web;

/// <summary>
/// <c>GET /v1/events</c>: server-sent events, one a change. A client that comes back with Last-Event-ID gets
/// what it missed; where the
/// store no longer keeps that, an event <c>gap</c> tells it to read the lists anew.
/// </summary>
internal sealed class EventStream(ServerRuntime runtime, CancellationToken stopping)
{
    private const int PageSize = 500;
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

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
            await http.Response.WriteAsync("retry: 1000\n\n", ends.Token);
            await http.Response.Body.FlushAsync(ends.Token);
            await FollowAsync(http.Response, start, gateway, ends.Token);
        }
        catch (OperationCanceledException) { }
        catch (StoreException)
        {
            // The client comes back with its Last-Event-ID.
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
            var page = runtime.Events.Read(after, PageSize);
            if (page.Missed)
                await response.WriteAsync("event: gap\ndata: {}\n\n", cancel);
            foreach (var change in page.Items)
            {
                after = change.Sequence;
                if (gateway is null || change.Gateway == gateway)
                    await response.WriteAsync(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"id: {change.Sequence}\nevent: {change.Kind}\ndata: {change.Json}\n\n"
                        ),
                        cancel
                    );
            }

            await response.Body.FlushAsync(cancel);
            if (page.Items.Count > 0)
                continue;
            try
            {
                await news.WaitAsync(Heartbeat, cancel);
            }
            catch (TimeoutException)
            {
                // Proxies close what is quiet for long.
                await response.WriteAsync(": alive\n\n", cancel);
            }
        }
    }
}
