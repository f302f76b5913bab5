using System.Globalization;
using System.Text.Json;
using CallServer.Host.Cli.Server;
using CallServer.Server;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CallServer.Host.Cli.Demo;

/// <summary>
/// The demonstration's output: headings, lines and tables, plain in a pipe; nothing if only JSON is wanted.
/// </summary>
public sealed class DemoPage(Terminal terminal, bool quiet)
{
    private static readonly Style Bold = new(decoration: Decoration.Bold);
    private static readonly Style Faint = new(Color.Grey);

    private int steps;

    public void Title(string text) => Write(text, Bold);

    public void Step(string text)
    {
        steps++;
        Write("", null);
        Write(string.Create(CultureInfo.InvariantCulture, $"{steps}. {text}"), Bold);
    }

    public void Say(string text) => Write(text.Length == 0 ? "" : $"   {text}", null);

    public void Aside(string text) => Write($"   {text}", Faint);

    public void Good(string text) => Write(text, new Style(Color.Green, decoration: Decoration.Bold));

    public void Bad(string text) => Write(text, new Style(Color.Red, decoration: Decoration.Bold));

    /// <summary>A list as the verbs show it, indented.</summary>
    public void Table(IReadOnlyList<Column> columns, IReadOnlyList<JsonElement> rows)
    {
        if (quiet)
            return;
        if (terminal.Screen is { } screen)
            screen.Write(Indented(ScreenTable.Of(columns, rows, screen.Profile.Width - 3, out _)));
        else
        {
            using var lines = new StringWriter { NewLine = "\n" };
            PlainList.Write(lines, columns, rows);
            foreach (var line in lines.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries))
                Say(line.TrimEnd());
        }
    }

    /// <summary>Waits and says what for; with a spinner on a terminal.</summary>
    public async Task WaitAsync(string what, Task task)
    {
        if (!quiet && terminal.Screen is { } screen && !task.IsCompleted)
            await screen.Status().StartAsync($"   {Markup.Escape(what)}", _ => task);
        else
            await task;
    }

    private void Write(string text, Style? style)
    {
        if (quiet)
            return;
        if (terminal.Screen is { } screen)
        {
            screen.Write(new Text(Printable.Of(text), style));
            screen.WriteLine();
        }
        else
        {
            terminal.Out.WriteLine(Printable.Of(text));
            terminal.Out.Flush();
        }
    }

    private static Padder Indented(IRenderable inner) => new(inner, new Padding(3, 0, 0, 0));
}

/// <summary>How the demonstration lists its gateways: what the record knows of each, and how exactly.</summary>
public static class DemoColumns
{
    public static IReadOnlyList<Column> Gateways { get; } =
    [
        Column.Of("gateway", "gateway"),
        Column.Of("protocol", "protocol"),
        Column.Of("audit", "status"),
        Column.Of("connections", "connections") with
        {
            Right = true,
        },
        Column.Of("confirmed", "confirmed") with
        {
            Right = true,
        },
        Column.Of("start known to", "typical"),
        Column.Of("at worst", "worst"),
        Column.Of("told by gateway", "reported") with
        {
            Right = true,
            Rank = 1,
        },
        Column.Of("no lower bound", "open") with
        {
            Right = true,
            Rank = 2,
        },
    ];

    /// <summary>One row for each gateway, from what the server serves.</summary>
    public static IReadOnlyList<JsonElement> Rows(ListPage gateways, ListPage connections)
    {
        ArgumentNullException.ThrowIfNull(gateways);
        ArgumentNullException.ThrowIfNull(connections);
        var byGateway = connections.Items.ToLookup(row => row.Text("gateway"));
        return [.. gateways.Items.Select(gateway => Row(gateway, [.. byGateway[gateway.Text("gateway")]]))];
    }

    private static JsonElement Row(JsonElement gateway, List<JsonElement> connections)
    {
        var halves = connections
            .Select(row => Bounds.Of(row.Member("start")).HalfWidth)
            .OfType<long>()
            .Order()
            .ToList();
        return JsonSerializer.SerializeToElement(
            new
            {
                gateway = gateway.Text("gateway"),
                protocol = gateway.Text("protocol"),
                status = gateway.Text("status"),
                connections = connections.Count,
                confirmed = connections.Count(row => row.Text("status") == "confirmed"),
                reported = connections.Count(row => row.Member("start").Text("evidence") == "reported"),
                typical = halves.Count > 0 ? Width(halves[halves.Count / 2]) : null,
                worst = halves.Count > 0 ? Width(halves[^1]) : null,
                open = connections.Count - halves.Count,
            },
            JsonText.Options
        );
    }

    private static string Width(long half) => new Bounds(-half, half).Exactness();
}
