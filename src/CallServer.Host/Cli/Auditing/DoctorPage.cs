using CallServer.Server;
using CallServer.Surface;
using Spectre.Console;

namespace CallServer.Host.Cli.Auditing;

/// <summary>Shows a diagnosis to people: a line a step, and below one that does not hold what to mend.</summary>
internal static class DoctorPage
{
    private const int Widest = 14;
    private static readonly Style Good = new(Color.Green);
    private static readonly Style Bad = new(Color.Red, decoration: Decoration.Bold);
    private static readonly Style Bold = new(decoration: Decoration.Bold);

    public static void Write(Terminal terminal, GatewayUri uri, IReadOnlyList<DiagnosisStep> steps)
    {
        if (terminal.Screen is { } screen)
            Show(screen, uri, steps);
        else
            Print(terminal.Out, uri, steps);
    }

    private static void Print(TextWriter output, GatewayUri uri, IReadOnlyList<DiagnosisStep> steps)
    {
        output.WriteLine(Printable.Of($"# {uri.Text}"));
        foreach (var step in steps)
        {
            output.WriteLine($"{Mark(step), -4}{step.Step.PadRight(Widest)}{Printable.Of(step.Saw)}");
            if (step.Fix is { } fix)
                output.WriteLine($"{"", -4}{"".PadRight(Widest)}-> {Printable.Of(fix)}");
        }
    }

    private static void Show(IAnsiConsole screen, GatewayUri uri, IReadOnlyList<DiagnosisStep> steps)
    {
        screen.Write(new Text(Printable.Of(uri.Text), Bold));
        screen.WriteLine();
        var grid = new Grid()
            .AddColumn(new GridColumn().NoWrap().PadRight(2))
            .AddColumn(new GridColumn().NoWrap().PadRight(2))
            .AddColumn(new GridColumn().PadRight(0));
        foreach (var step in steps)
        {
            grid.AddRow(
                new Text(Mark(step), step.Ok ? Good : Bad),
                new Text(step.Step),
                new Text(Printable.Of(step.Saw))
            );
            if (step.Fix is { } fix)
                grid.AddRow(new Text(""), new Text(""), new Text($"→ {Printable.Of(fix)}", Bold));
        }
        screen.Write(grid);
    }

    private static string Mark(DiagnosisStep step) => step.Ok ? "ok" : "no";
}
