using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace CallServer.Host.Tests.Web.Api;

/// <summary>
/// A client that keeps a copy of the record by what docs/api.md says of the events, and nothing else.
/// </summary>
internal sealed class EventClient(HttpClient http)
{
    /// <summary>Where the server is; it may be another one after a restart.</summary>
    public HttpClient Http { get; set; } = http;

    // What every audit moves; no event tells of it.
    private static readonly string[] moving = ["ageSeconds", "lastHeard", "confirmedCount"];

    private readonly SortedDictionary<string, string> record = new(StringComparer.Ordinal);

    /// <summary>The id of the last event; null before the first.</summary>
    public long? Last { get; private set; }

    /// <summary>Changes seen.</summary>
    public int Changes { get; private set; }

    /// <summary>Whether everything up to the newest event of its last connect was seen.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The copy, one line a connection.</summary>
    public IReadOnlyList<string> Record => [.. record.Values];

    /// <summary>A connection without what moves at every audit.</summary>
    public static string Line(JsonElement connection) =>
        string.Join(
            ' ',
            connection
                .EnumerateObject()
                .Where(member => !moving.Contains(member.Name))
                .Select(member => member.ToString())
        );

    public static string Key(JsonElement connection) =>
        $"{connection.GetProperty("gateway").GetString()}\n{connection.GetProperty("id").GetString()}";

    /// <summary>Begins after an event, or with what the lists hold if there is none.</summary>
    public async Task BeginAsync(long? after, CancellationToken cancel)
    {
        Last = after;
        if (after is not null)
            return;
        // The stream first, then the list: what changes in between comes again, and does no harm.
        await FollowAsync(_ => IsComplete, cancel);
        await ReadListAsync(cancel);
    }

    /// <summary>Takes the whole list.</summary>
    public async Task ReadListAsync(CancellationToken cancel)
    {
        record.Clear();
        string? cursor = null;
        do
        {
            var text = await Http.GetStringAsync(
                new Uri("v1/connections" + (cursor is null ? "" : "?cursor=" + cursor), UriKind.Relative),
                cancel
            );
            using var page = JsonDocument.Parse(text);
            foreach (var connection in page.RootElement.GetProperty("items").EnumerateArray())
                record[Key(connection)] = Line(connection);
            cursor = page.RootElement.GetProperty("next").GetString();
        } while (cursor is not null);
    }

    /// <summary>Connects once, and reads until it has seen enough; then it hangs up in the middle of whatever comes.</summary>
    public async Task FollowAsync(Func<EventClient, bool> isEnough, CancellationToken cancel)
    {
        IsComplete = false;
        using var request = new HttpRequestMessage(
            HttpMethod.Get,
            new Uri("v1/events?record=true", UriKind.Relative)
        );
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        if (Last is { } last)
            request.Headers.Add("Last-Event-ID", last.ToString(CultureInfo.InvariantCulture));
        using var response = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
        response.EnsureSuccessStatusCode();
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(cancel));
        var (id, kind) = (Last, "");
        while (await lines.ReadLineAsync(cancel) is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
                id = long.Parse(line[4..], CultureInfo.InvariantCulture);
            else if (line.StartsWith("event: ", StringComparison.Ordinal))
                kind = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                await TakeAsync(kind, JsonDocument.Parse(line[6..]).RootElement, cancel);
                Last = id;
                if (isEnough(this))
                    return;
            }
        }
    }

    private async Task TakeAsync(string kind, JsonElement data, CancellationToken cancel)
    {
        switch (kind)
        {
            case "complete":
                IsComplete = true;
                break;
            case "gap":
                await ReadListAsync(cancel);
                break;
            default:
                Changes++;
                Take(kind, data);
                break;
        }
    }

    private void Take(string kind, JsonElement data)
    {
        var gateway = data.GetProperty("gateway").GetString();
        if (data.TryGetProperty("record", out var now))
        {
            var key = $"{gateway}\n{data.GetProperty("connection").GetString()}";
            if (data.TryGetProperty("was", out var was))
                record.Remove($"{gateway}\n{was.GetString()}");
            if (now.ValueKind == JsonValueKind.Null)
                record.Remove(key);
            else
                record[key] = Line(now);
        }
        else if (kind == "unconfirmed")
        {
            foreach (
                var (key, line) in record
                    .ToList()
                    .Where(each => each.Key.StartsWith(gateway + "\n", StringComparison.Ordinal))
            )
                record[key] = line.Replace(
                    "\"status\":\"confirmed\"",
                    "\"status\":\"unconfirmed\"",
                    StringComparison.Ordinal
                );
        }
    }
}
