using System.Text.Json;
using CallServer.Host.Cli.Live;
using CallServer.Server;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CallServer.Host.Cli.Server;

/// <summary>One list of a running server (or its status) on its way to the terminal, a pipe or a JSON reader.</summary>
public sealed class Reading(
    ServerClient client,
    string name,
    ServerView? view,
    string? gateway,
    string? filter = null
)
{
    private string List => filter is null ? name : $"{name}?{filter}";

    /// <summary>Writes each object on its own line, as it arrives.</summary>
    public async Task WriteLinesAsync(Terminal terminal, LineFormat format, CancellationToken cancel)
    {
        if (view is null)
        {
            await terminal.Out.WriteLineAsync(format.Line(await client.GetAsync($"v1/{name}", cancel)));
            return;
        }
        if (format.Header is { } header)
            await terminal.Out.WriteLineAsync(header);
        IReadOnlyList<string> incomplete = [];
        await foreach (var page in client.PagesAsync(List, gateway, null, cancel))
        {
            foreach (var item in page.Items)
                await terminal.Out.WriteLineAsync(format.Line(item));
            incomplete = page.Incomplete;
        }
        Warn(terminal, incomplete);
    }

    /// <summary>Writes for people: a table on a terminal, aligned lines in a pipe.</summary>
    public async Task WriteAsync(Terminal terminal, CancellationToken cancel)
    {
        if (view is null)
        {
            var facts = ServerView.StatusFacts(await client.GetAsync($"v1/{name}", cancel));
            if (terminal.Screen is { } wall)
                wall.Write(Facts(facts));
            else
                PlainList.WriteFacts(terminal.Out, facts);
            return;
        }
        var list = await ListAsync(cancel);
        if (terminal.Screen is { } screen)
            screen.Write(Table(list, screen.Profile.Width, list.Items.Count));
        else
            PlainList.Write(terminal.Out, view.Plain, list.Items);
        Warn(terminal, list.Incomplete);
    }

    /// <summary>
    /// Looks again and again. A terminal shows the latest state; a pipe gets a line for each object that is new or
    /// has changed. Waits for a server that goes away, if it has answered before.
    /// </summary>
    public async Task WatchAsync(
        Terminal terminal,
        LineFormat? format,
        Surroundings surroundings,
        CancellationToken cancel
    )
    {
        try
        {
            if (terminal.Screen is { Profile.Capabilities.Ansi: true } && format is null)
                await WatchScreenAsync(terminal, surroundings, cancel);
            else
                await WatchLinesAsync(terminal, format, surroundings.WatchEvery, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Ctrl-C is how watching ends.
        }
    }

    // What a growing list held before its last page, and where that page begins: it need not be read again.
    private readonly List<JsonElement> settled = [];
    private string? lastPage;

    /// <summary>Fetches the list as it is now.</summary>
    private async Task<ListPage> ListAsync(CancellationToken cancel)
    {
        if (!view!.Grows)
            return await client.AllAsync(List, gateway, cancel);
        ListPage? last = null;
        await foreach (var page in client.PagesAsync(List, gateway, lastPage, cancel))
        {
            if (last is not null)
                settled.AddRange(last.Items);
            last = page;
            lastPage = page.Cursor;
        }
        return last! with { Items = [.. settled, .. last.Items] };
    }

    private Task WatchScreenAsync(Terminal terminal, Surroundings surroundings, CancellationToken cancel) =>
        new LiveView(
            terminal,
            surroundings.Clock,
            surroundings.Keys?.Invoke(),
            surroundings.WatchEvery,
            FrameAsync
        ).RunAsync(cancel);

    private async Task<LiveFrame> FrameAsync(CancellationToken cancel)
    {
        if (view is null)
        {
            var facts = ServerView.StatusFacts(await client.GetAsync($"v1/{name}", cancel));
            return new LiveFrame([Facts(facts)], [], [], name, null);
        }

        var list = await ListAsync(cancel);
        var columns = view.Screen(Bounds.Micros(list.AsOf));
        return new LiveFrame([], columns, list.Items, name, list.AsOf) { Grows = view.Grows };
    }

    private async Task WatchLinesAsync(
        Terminal terminal,
        LineFormat? format,
        TimeSpan every,
        CancellationToken cancel
    )
    {
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        var headed = false;
        var away = false;
        using var timer = new PeriodicTimer(every);
        do
        {
            try
            {
                IReadOnlyList<JsonElement> items = view is null
                    ? [await client.GetAsync($"v1/{name}", cancel)]
                    : (await ListAsync(cancel)).Items;
                away = false;
                var changed = items.Where(item => IsNews(item, seen)).ToList();
                if (format is not null)
                {
                    if (!headed && format.Header is { } header)
                        await terminal.Out.WriteLineAsync(header);
                    foreach (var item in changed)
                        await terminal.Out.WriteLineAsync(format.Line(item));
                }
                else if (view is null)
                    PlainList.WriteFacts(terminal.Out, ServerView.StatusFacts(items[0]));
                else if (changed.Count > 0 || !headed)
                    PlainList.Write(terminal.Out, view.Plain, changed, headed);
                headed = true;
                await terminal.Out.FlushAsync(cancel);
            }
            catch (CommandFailedException failure) when (headed && failure.ExitCode == ExitCode.Unavailable)
            {
                if (!away)
                    terminal.Complain($"{failure.Message} (going on)");
                away = true;
            }
        } while (await timer.WaitForNextTickAsync(cancel));
    }

    /// <summary>Remembers the object; true if it differs from before in more than the passing of time.</summary>
    private static bool IsNews(JsonElement item, Dictionary<string, string> seen)
    {
        // A call without an id is identified by its connections.
        var key =
            $"{item.Text("gateway")} {item.Text("id") ?? item.Text("call") ?? item.Text("asked") ?? item.Text("connections") ?? $"{item.Text("time")} {item.Text("from")} {item.Text("verb")}"}";
        var says =
            item.ValueKind == JsonValueKind.Object
                ? string.Join(
                    ',',
                    item.EnumerateObject()
                        .Where(member =>
                            member.Name
                                is not ("ageSeconds" or "lastHeard" or "confirmedCount" or "uptimeSeconds")
                        )
                        .Select(member => $"{member.Name}:{member.Value.GetRawText()}")
                )
                : item.GetRawText();
        if (seen.TryGetValue(key, out var before) && before == says)
            return false;
        seen[key] = says;
        return true;
    }

    private Rows Table(ListPage list, int width, int room)
    {
        var rows =
            list.Items.Count <= room ? list.Items
            : view!.Grows ? list.Items.TakeLast(room).ToList()
            : list.Items.Take(room).ToList();
        var table = ScreenTable.Of(view!.Screen(Bounds.Micros(list.AsOf)), rows, width, out var hidden);
        var summary = $"{list.Items.Count} {name}, as of {Clock(list.AsOf)}";
        if (rows.Count < list.Items.Count)
            summary += $"; the {(view!.Grows ? "last" : "first")} {rows.Count} are shown";
        var below = new List<IRenderable>
        {
            table,
            new Text(summary, new Style(decoration: Decoration.Bold)),
        };
        if (hidden.Count > 0)
            below.Add(new Text($"In a wider terminal, or with --json: {string.Join(", ", hidden)}", Faint));
        return new Rows(below);
    }

    private static readonly Style Faint = new(Color.Grey);

    private static Rows Facts(IReadOnlyList<(string Name, string? Value)> facts)
    {
        var width = facts.Max(fact => fact.Name.Length);
        return new Rows(
            facts.Select(fact =>
            {
                var line = new Paragraph().Append(fact.Name.PadRight(width + 2), Faint);
                return (IRenderable)line.Append(Printable.Of(fact.Value), null);
            })
        );
    }

    private static string Clock(string? asOf) =>
        Bounds.Micros(asOf) is { } micros ? new Bounds(micros, micros).At() : "now";

    private void Warn(Terminal terminal, IReadOnlyList<string> incomplete)
    {
        if (view!.Warns && incomplete.Count > 0)
        {
            terminal.Complain(
                $"incomplete: the last audit did not tell everything of {string.Join(", ", incomplete)}"
            );
        }
    }
}
