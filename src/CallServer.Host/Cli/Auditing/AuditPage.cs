using System.Globalization;
using System.Text.Json;
using CallServer.Server;
using Spectre.Console;

namespace CallServer.Host.Cli.Auditing;

/// <summary>Shows one audit to people: a line that says how far to trust it, and the connections.</summary>
public static class AuditPage
{
    private static readonly Style Faint = new(Color.Grey);

    public static void Write(Terminal terminal, JsonElement audit, int status, bool first)
    {
        ArgumentNullException.ThrowIfNull(terminal);
        if (terminal.Screen is { } screen)
            Show(screen, audit, status, first);
        else
            Print(terminal.Out, audit, status, first);
    }

    private static void Print(TextWriter output, JsonElement audit, int status, bool first)
    {
        if (!first)
            output.WriteLine();
        output.WriteLine(
            Printable.Of(
                $"# {audit.Text("gateway")}  {Kind(audit)}  {Verdict(status)}: {Because(audit)}  ({Effort(audit)})"
            )
        );
        if (Connections(audit) is { Count: > 0 } connections)
            PlainList.Write(output, ConnectionColumns.Plain(ofServer: false), connections);
    }

    private static void Show(IAnsiConsole screen, JsonElement audit, int status, bool first)
    {
        if (!first)
            screen.WriteLine();
        var colour = status switch
        {
            ExitCode.Complete => Color.Green,
            ExitCode.Partial => Color.Yellow,
            _ => Color.Red,
        };
        var line = new Paragraph()
            .Append(Printable.Of(audit.Text("gateway")), new Style(decoration: Decoration.Bold))
            .Append($"  {Printable.Of(Kind(audit))}  ", null)
            .Append(Verdict(status), new Style(colour, decoration: Decoration.Bold))
            .Append($"  {Printable.Of(Because(audit))}", null);
        screen.Write(line);
        screen.WriteLine();
        screen.Write(new Text(Printable.Of(Effort(audit)), Faint));
        screen.WriteLine();
        if (Connections(audit) is not { Count: > 0 } connections)
            return;

        var columns = ConnectionColumns.Screen(ofServer: false, Bounds.Micros(audit.Text("asked")));
        screen.Write(ScreenTable.Of(columns, connections, screen.Profile.Width, out var hidden));
        if (hidden.Count > 0)
        {
            screen.Write(
                new Text($"In a wider terminal, or with --json: {string.Join(", ", hidden)}", Faint)
            );
            screen.WriteLine();
        }
    }

    private static List<JsonElement> Connections(JsonElement audit) => audit.Items("connections").ToList();

    private static string Kind(JsonElement audit) =>
        audit.Text("profile") is { } profile
            ? $"{audit.Text("protocol")} {profile}"
            : audit.Text("protocol") ?? "";

    private static string Verdict(int status) =>
        status switch
        {
            ExitCode.Complete => "complete",
            ExitCode.Partial => "partial",
            _ => "nothing learnt",
        };

    /// <summary>The proof of completeness, or what is missing from it.</summary>
    private static string Because(JsonElement audit) =>
        audit.Text(audit.Flag("complete") == true ? "proof" : "reasons") ?? "";

    private static string Effort(JsonElement audit)
    {
        var count = audit.Items("connections").Count();
        var asked = Bounds.Micros(audit.Text("asked"));
        var took = Bounds.Micros(audit.Text("answered")) - asked;
        var at = new Bounds(asked, asked).At();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{count} {(count == 1 ? "connection" : "connections")}, {audit.Text("requests")} requests in {took / 1000.0:0.#} ms, asked {at}"
        );
    }
}
