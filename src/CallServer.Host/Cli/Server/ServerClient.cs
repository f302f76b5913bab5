using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace CallServer.Host.Cli.Server;

/// <summary>One page of a list as a running server sends it.</summary>
/// <param name="AsOf">The moment that the list shows.</param>
/// <param name="Incomplete">Gateways whose last audit did not report everything.</param>
/// <param name="Items">The objects, unchanged.</param>
/// <param name="Cursor">The cursor that was used to fetch it; null for the first page.</param>
/// <param name="Next">The cursor of the next page; null after the last.</param>
public sealed record ListPage(
    string? AsOf,
    IReadOnlyList<string> Incomplete,
    IReadOnlyList<JsonElement> Items,
    string? Cursor,
    string? Next
);

/// <summary>
/// Reads a running server over HTTP. Failures become a <see cref="CommandFailedException"/> of one line.
/// </summary>
public sealed class ServerClient : IDisposable
{
    private const int PageSize = 1000;

    private readonly HttpClient http;

    /// <param name="server">The server's address.</param>
    /// <param name="token">Its bearer token; null if it needs none.</param>
    public ServerClient(Uri server, string? token)
    {
        ArgumentNullException.ThrowIfNull(server);
        // No proxy leads to this machine.
        var handler = new SocketsHttpHandler { UseProxy = !server.IsLoopback, AllowAutoRedirect = false };
        http = new HttpClient(handler)
        {
            BaseAddress = new Uri(server.AbsoluteUri.TrimEnd('/') + "/"),
            Timeout = TimeSpan.FromSeconds(30),
        };
        http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (token is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Fetches one object.</summary>
    public Task<JsonElement> GetAsync(string path, CancellationToken cancel) => FetchAsync(path, cancel);

    /// <summary>
    /// Asks the server to do something. Returns the answer, or the server's reason for refusing. A request that it
    /// does not understand, or does not accept from this caller, fails the command.
    /// </summary>
    public async Task<(HttpStatusCode Status, JsonElement Answer)> PostAsync(
        string path,
        object body,
        CancellationToken cancel
    )
    {
        using var content = JsonContent.Create(body, options: JsonText.Options);
        return await ExchangeAsync(
            () => http.PostAsync(new Uri(path, UriKind.Relative), content, cancel),
            status =>
                status
                    is HttpStatusCode.NotFound
                        or HttpStatusCode.Conflict
                        or HttpStatusCode.BadGateway
                        or HttpStatusCode.GatewayTimeout,
            cancel
        );
    }

    /// <summary>Every page of a list from a cursor to the end; the list's name may include a query.</summary>
    public async IAsyncEnumerable<ListPage> PagesAsync(
        string list,
        string? gateway,
        string? from,
        [EnumeratorCancellation] CancellationToken cancel
    )
    {
        var path = $"v1/{list}{(list.Contains('?', StringComparison.Ordinal) ? '&' : '?')}limit={PageSize}";
        if (gateway is not null)
            path += $"&gateway={Uri.EscapeDataString(gateway)}";

        var followed = new HashSet<string>(StringComparer.Ordinal);
        for (var cursor = from; ; )
        {
            var body = await FetchAsync(
                cursor is null ? path : $"{path}&cursor={Uri.EscapeDataString(cursor)}",
                cancel
            );
            var page = Page(body, cursor);
            yield return page;
            cursor = page.Next;
            if (cursor is null)
                yield break;
            if (!followed.Add(cursor))
                throw Failure($"goes round in its list of {list}: the cursor {cursor} came twice");
        }
    }

    /// <summary>The whole list.</summary>
    public async Task<ListPage> AllAsync(string list, string? gateway, CancellationToken cancel)
    {
        var items = new List<JsonElement>();
        ListPage? last = null;
        await foreach (var page in PagesAsync(list, gateway, null, cancel))
        {
            items.AddRange(page.Items);
            last = page;
        }
        return last! with { Items = items };
    }

    /// <summary>Objects that the server sends one a line, as they arrive; the caller disposes of each.</summary>
    public async IAsyncEnumerable<JsonDocument> LinesAsync(
        string path,
        [EnumeratorCancellation] CancellationToken cancel
    )
    {
        using var response = await AnsweredAsync(
            () =>
                http.GetAsync(
                    new Uri(path, UriKind.Relative),
                    HttpCompletionOption.ResponseHeadersRead,
                    cancel
                ),
            cancel
        );
        if (!response.IsSuccessStatusCode)
            throw await RefusedAsync(response, cancel);
        var reader = PipeReader.Create(
            await response.Content.ReadAsStreamAsync(cancel),
            new StreamPipeReaderOptions(bufferSize: 1 << 16)
        );
        try
        {
            while (true)
            {
                var read = await ReadAsync(reader, cancel);
                var buffer = read.Buffer;
                while (Line(ref buffer, read.IsCompleted) is { } line)
                {
                    if (!line.IsEmpty)
                        yield return Parsed(line);
                }
                reader.AdvanceTo(buffer.Start, buffer.End);
                if (read.IsCompleted)
                    yield break;
            }
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    private async Task<ReadResult> ReadAsync(PipeReader reader, CancellationToken cancel)
    {
        try
        {
            return await reader.ReadAsync(cancel);
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException)
        {
            throw Failure($"broke off its answer ({fault.Message})");
        }
    }

    /// <summary>Takes the next line off the front; null if it is not whole yet.</summary>
    private static ReadOnlySequence<byte>? Line(ref ReadOnlySequence<byte> buffer, bool isLast)
    {
        if (buffer.PositionOf((byte)'\n') is { } end)
        {
            var line = buffer.Slice(0, end);
            buffer = buffer.Slice(buffer.GetPosition(1, end));
            return line;
        }
        if (!isLast || buffer.IsEmpty)
            return null;
        var rest = buffer;
        buffer = buffer.Slice(buffer.End);
        return rest;
    }

    private JsonDocument Parsed(ReadOnlySequence<byte> line)
    {
        try
        {
            return JsonDocument.Parse(line);
        }
        catch (JsonException)
        {
            throw NotOurs();
        }
    }

    public void Dispose() => http.Dispose();

    private ListPage Page(JsonElement body, string? cursor)
    {
        var items = body.Member("items");
        if (items.ValueKind != JsonValueKind.Array)
            throw NotOurs();
        return new ListPage(
            body.Text("asOf"),
            body.Items("incomplete").Select(JsonText.AsText).OfType<string>().ToList(),
            items.EnumerateArray().ToList(),
            cursor,
            body.Text("next")
        );
    }

    private async Task<JsonElement> FetchAsync(string path, CancellationToken cancel) =>
        (
            await ExchangeAsync(
                () =>
                    http.GetAsync(
                        new Uri(path, UriKind.Relative),
                        HttpCompletionOption.ResponseHeadersRead,
                        cancel
                    ),
                _ => false,
                cancel
            )
        ).Answer;

    /// <summary>Sends one request; some answers that are not a success count as answers too.</summary>
    private async Task<(HttpStatusCode Status, JsonElement Answer)> ExchangeAsync(
        Func<Task<HttpResponseMessage>> send,
        Func<HttpStatusCode, bool> isAnswer,
        CancellationToken cancel
    )
    {
        using var response = await AnsweredAsync(send, cancel);
        try
        {
            if (!response.IsSuccessStatusCode && !isAnswer(response.StatusCode))
                throw await RefusedAsync(response, cancel);
            await using var body = await response.Content.ReadAsStreamAsync(cancel);
            using var document = await JsonDocument.ParseAsync(body, cancellationToken: cancel);
            return (response.StatusCode, document.RootElement.Clone());
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException)
        {
            throw Failure($"broke off its answer ({fault.Message})");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw TooLate();
        }
        catch (JsonException)
        {
            throw NotOurs();
        }
    }

    /// <summary>Sends one request, and waits for the head of the answer.</summary>
    private async Task<HttpResponseMessage> AnsweredAsync(
        Func<Task<HttpResponseMessage>> send,
        CancellationToken cancel
    )
    {
        try
        {
            return await send();
        }
        catch (HttpRequestException fault)
        {
            throw Failure($"does not answer ({Cause(fault)}): is it running there? --server names another");
        }
        catch (IOException fault)
        {
            throw Failure($"broke off its answer ({fault.Message})");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw TooLate();
        }
    }

    private async Task<CommandFailedException> RefusedAsync(
        HttpResponseMessage response,
        CancellationToken cancel
    )
    {
        var said = await SaidAsync(response, cancel);
        var because = said is null ? "" : $": {said}";
        return response.StatusCode switch
        {
            HttpStatusCode.Unauthorized => Failure(
                "refuses the token: set CALLSERVER_TOKEN, or name its place with --token-from"
            ),
            HttpStatusCode.Forbidden => Failure($"refuses the request{because}"),
            HttpStatusCode.BadRequest => new CommandFailedException(
                ExitCode.Usage,
                $"{http.BaseAddress} refuses the request{because}"
            ),
            HttpStatusCode.NotFound => Failure("does not serve this list: its version does not have it"),
            var status => Failure($"answers {(int)status} {response.ReasonPhrase}{because}"),
        };
    }

    /// <summary>What a problem document (RFC 9457) says, on one line.</summary>
    private static async Task<string?> SaidAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        try
        {
            await using var body = await response.Content.ReadAsStreamAsync(cancel);
            using var document = await JsonDocument.ParseAsync(body, cancellationToken: cancel);
            var problem = document.RootElement;
            return problem.Text("detail") ?? problem.Text("error") ?? problem.Text("title");
        }
        catch (Exception fault) when (fault is JsonException or IOException)
        {
            return null;
        }
    }

    private CommandFailedException TooLate() =>
        Failure($"took the request, but did not answer within {http.Timeout.TotalSeconds:0} s");

    private CommandFailedException NotOurs() =>
        Failure("answers something that no call server says: is that its address?");

    private CommandFailedException Failure(string what) =>
        new(ExitCode.Unavailable, $"{http.BaseAddress} {what}");

    private static string Cause(HttpRequestException fault) =>
        fault.HttpRequestError switch
        {
            HttpRequestError.ConnectionError => "connection refused or no way there",
            HttpRequestError.NameResolutionError => "no such host name",
            HttpRequestError.SecureConnectionError => "no secure connection",
            _ => fault.Message,
        };
}
