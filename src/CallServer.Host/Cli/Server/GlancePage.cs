using CallServer.Host.Cli.Live;
using CallServer.Server;
using Spectre.Console;

namespace CallServer.Host.Cli.Server;

/// <summary>Shows a look at a server to people: four lines, its troubles, and below them the gateways.</summary>
internal static class GlancePage
{
    private const int NameWidth = 14;

    private static readonly Style Plain = Style.Plain;
    private static readonly Style Bold = new(decoration: Decoration.Bold);
    private static readonly Style Faint = new(Color.Grey);
    private static readonly Style Good = new(Color.Green);
    private static readonly Style Doubtful = new(Color.Yellow);
    private static readonly Style Bad = new(Color.Red, decoration: Decoration.Bold);

    public static LiveFrame Of(GlanceView look)
    {
        var columns = ServerView.Gateways.Screen(Bounds.Micros(look.Gateways.AsOf));
        return new LiveFrame(
            [
                Server(look),
                Connections(look),
                Line("findings", (look.FoundText(), look.Findings.Count == 0 ? Plain : Doubtful)),
                Line("last recovery", (look.RecoveryText(), Plain)),
                .. ServerView
                    .Troubles(look.Status)
                    .Select(trouble => Line(trouble.Name, (trouble.Value ?? "", Bad))),
                new Text(""),
            ],
            columns,
            look.Gateways.Items,
            "gateways",
            look.Gateways.AsOf
        );
    }

    private static Paragraph Server(GlanceView look)
    {
        var status = look.Status;
        var isReady = status.Flag("ready") == true;
        var peer = status.Text("peer") is { } with ? $"  peer {with}" : "";
        return Line(
            status.Text("name") ?? "?",
            ($"{status.Text("role")}, epoch {status.Text("epoch")}  ", Bold),
            (isReady ? "ready" : "NOT READY", isReady ? Good : Bad),
            ($"  up {ConnectionColumns.Length(status.Number("uptimeSeconds") ?? 0)}", Plain),
            ($"{peer}  {look.Server}", Faint)
        );
    }

    private static Paragraph Connections(GlanceView look)
    {
        var gateways = look.Status.Member("gateways");
        var total = gateways.Number("total") ?? 0;
        var complete = gateways.Number("complete") ?? 0;
        var partial = gateways.Number("partial") ?? 0;
        var silent = gateways.Number("silent") ?? 0;
        return Line(
            "connections",
            ($"{look.Status.Text("connections")}", Bold),
            ($"   CDRs {look.CdrsAMinute} in the last minute   gateways {total}: ", Plain),
            ($"{complete} complete", complete == total ? Good : Plain),
            (", ", Plain),
            ($"{partial} partial", partial > 0 ? Doubtful : Plain),
            (", ", Plain),
            ($"{silent} silent", silent > 0 ? Bad : Plain)
        );
    }

    private static Paragraph Line(string name, params (string Text, Style Style)[] parts)
    {
        var line = new Paragraph();
        line.Append(Printable.Of(name).PadRight(NameWidth), Faint);
        foreach (var (text, style) in parts)
            line.Append(Printable.Of(text), style);
        return line;
    }
}
