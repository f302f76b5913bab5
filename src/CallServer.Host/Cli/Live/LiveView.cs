using System.Text.Json;
using System.Threading.Channels;
using CallServer.Server;
using CallServer.Server.Net;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CallServer.Host.Cli.Live;

/// <summary>
/// Shows what a server says just now, for as long as a person looks: sorted, filtered and scrolled by keys, and drawn
/// anew when the terminal's size changes. If the server is lost, it says so and goes on asking.
/// </summary>
/// <param name="terminal">A terminal that knows ANSI sequences.</param>
/// <param name="clock">For how long the server has been lost.</param>
/// <param name="keys">The keys that are typed; null if nobody types.</param>
/// <param name="every">How often the server is asked.</param>
/// <param name="look">Asks it.</param>
internal sealed class LiveView(
    Terminal terminal,
    IClock clock,
    ChannelReader<ConsoleKeyInfo>? keys,
    TimeSpan every,
    Func<CancellationToken, Task<LiveFrame>> look
)
{
    // How soon a new size of the terminal is noticed.
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(200);

    // An answer that takes longer is missed.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private static readonly Style Bold = new(decoration: Decoration.Bold);
    private static readonly Style Faint = new(Color.Grey);
    private static readonly Style Alarm = new(Color.White, Color.Red, Decoration.Bold);

    private LiveFrame frame = null!;
    private Browsing browsing = new();
    private IReadOnlyList<JsonElement> rows = [];
    private (LiveFrame? Frame, string Filter, int? Sort, bool Reverse) arranged;
    private string? lost;
    private Model.Instant lostSince;
    private Model.Instant asked;
    private Task<LiveFrame>? asking;
    private int page = 1;

    /// <summary>
    /// Looks until q or until cancelled. A server that does not even answer the first time is told to the caller.
    /// </summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        frame = await look(cancel);
        using var screen = new LiveScreen(terminal);
        using var tick = new PeriodicTimer(Glance);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        asked = clock.Now.Steady;
        var ticking = tick.WaitForNextTickAsync(stop.Token).AsTask();
        var typing = NextKeyAsync(stop.Token);
        try
        {
            while (!browsing.Over)
            {
                Draw(screen);
                if (asking is null && clock.Now.Steady - asked >= every)
                {
                    asked = clock.Now.Steady;
                    asking = look(stop.Token);
                }

                List<Task> awaited = [ticking, typing];
                if (asking is not null)
                    awaited.Add(asking);
                await Task.WhenAny(awaited);
                cancel.ThrowIfCancellationRequested();
                if (asking is { IsCompleted: true })
                {
                    await TakeAsync(asking);
                    asking = null;
                }

                if (typing.IsCompleted)
                {
                    if (await typing)
                        Take();
                    typing = NextKeyAsync(stop.Token);
                }

                if (ticking.IsCompleted)
                    ticking = tick.WaitForNextTickAsync(stop.Token).AsTask();
            }
        }
        finally
        {
            await stop.CancelAsync();
        }
    }

    private async Task<bool> NextKeyAsync(CancellationToken cancel)
    {
        if (keys is not null && await keys.WaitToReadAsync(cancel))
            return true;
        await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
        return false;
    }

    private void Take()
    {
        while (!browsing.Over && keys!.TryRead(out var key))
        {
            Arrange();
            browsing = browsing.After(key, frame.Columns.Count, rows.Count, page);
        }
    }

    private async Task TakeAsync(Task<LiveFrame> answer)
    {
        try
        {
            frame = await answer;
            lost = null;
        }
        catch (CommandFailedException failure) when (failure.ExitCode == ExitCode.Unavailable)
        {
            if (lost is null)
                lostSince = clock.Now.Steady;
            lost = failure.Message;
        }
    }

    private void Arrange()
    {
        var wanted = (frame, browsing.Filter, browsing.Sort, browsing.Reverse);
        if (arranged != wanted)
            rows = frame.Arranged(browsing);
        arranged = wanted;
    }

    private void Draw(LiveScreen screen)
    {
        var (width, height) = screen.Size;
        Arrange();
        var lines = new List<IRenderable>();
        if (Trouble() is { } trouble)
            lines.Add(Line(trouble, Alarm));
        lines.AddRange(frame.Head);
        if (frame.Columns.Count > 0)
        {
            // Besides the rows: the header, its rule, the summary, the line of keys, and one that stays empty.
            page = Math.Max(1, height - lines.Count - 5);
            browsing = browsing.Within(rows.Count, page);
            var shown = rows.Skip(browsing.First).Take(page).ToList();
            lines.Add(ScreenTable.Of(Marked(), shown, width, out _));
            lines.Add(Line(Summary(shown.Count), Bold));
        }

        lines.Add(Line(Keys(), browsing.Typing ? Style.Plain : Faint));
        screen.Draw(new Rows(lines));
    }

    /// <summary>The columns, with a mark at the one that the list is sorted by.</summary>
    private IReadOnlyList<Column> Marked() =>
        [
            .. frame.Columns.Select(
                (column, at) =>
                    at == browsing.Sort
                        ? column with
                        {
                            Header = column.Header + (browsing.Reverse ? " ▼" : " ▲"),
                            Rank = 0,
                        }
                        : column
            ),
        ];

    private string Summary(int shown)
    {
        var first = rows.Count == 0 ? 0 : browsing.First + 1;
        var some = shown < rows.Count ? $", {first} to {browsing.First + shown} are shown" : "";
        var of = rows.Count == frame.Rows.Count ? "" : $" of {frame.Rows.Count}";
        var name = frame.Rows.Count == 1 ? frame.Name.TrimEnd('s') : frame.Name;
        return $"{rows.Count}{of} {name}{some}, as of {Moment()}";
    }

    private string Keys() =>
        browsing.Typing ? $"/{browsing.Filter}_   Enter keeps this filter, Esc drops it"
        : keys is null ? "Ctrl-C quits"
        : browsing.Filter.Length > 0
            ? $"filter: {browsing.Filter} (Esc drops it)   s sort  r reverse  / filter  ↑↓ page keys  q quit"
        : frame.Columns.Count == 0 ? "q quit"
        : "s sort  r reverse  / filter  ↑↓ page keys  q quit";

    /// <summary>Why what is shown is old; null if it is not.</summary>
    private string? Trouble()
    {
        var now = clock.Now.Steady;
        if (lost is not null)
            return $"LOST {ConnectionColumns.Length((now - lostSince).TotalSeconds)} ago, still asking; shown is {Moment()}: {lost}";
        return asking is not null && now - asked > Patience
            ? $"NO ANSWER for {ConnectionColumns.Length((now - asked).TotalSeconds)}, still waiting; shown is {Moment()}"
            : null;
    }

    private string Moment() =>
        Bounds.Micros(frame.AsOf) is { } micros ? new Bounds(micros, micros).At() : "an unknown moment";

    private static Text Line(string text, Style style) => new(Printable.Of(text), style);
}
