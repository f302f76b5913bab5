using System.Runtime.InteropServices;
using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CallServer.Host.Cli.Live;

/// <summary>
/// The whole terminal for a live view: its second screen, without a cursor. A frame is written at once, over the last
/// one, so that nothing flickers. Disposing gives the terminal back as it was.
/// </summary>
internal sealed class LiveScreen : IDisposable
{
    // xterm's private modes: 1049 is the second screen, 25 the cursor, 2026 holds drawing back until a frame is whole,
    // 7 the wrapping of long lines.
    private const string Enter = "\u001b[?1049h\u001b[?25l\u001b[?7l";
    private const string Leave = "\u001b[?7h\u001b[?25h\u001b[?1049l";
    private const string Begin = "\u001b[?2026h\u001b[H";
    private const string End = "\u001b[J\u001b[?2026l";
    private const string EmptyLine = "\u001b[2K";

    private readonly Lock gate = new();
    private readonly TextWriter output;
    private readonly IAnsiConsole screen;
    private readonly List<IDisposable> signals = [];
    private string shown = "";
    private bool left;

    public LiveScreen(Terminal terminal)
    {
        output = terminal.Out;
        screen = terminal.Screen!;
        output.Write(Enter);
        output.Flush();
        if (OperatingSystem.IsWindows())
            return;
        // A shell would get the second screen, with its cursor hidden: Ctrl-Z does nothing here. Whoever stops the process
        // otherwise finds the view again when it goes on.
        signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGTSTP, context => context.Cancel = true));
        signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGCONT, _ => Write(Enter)));
    }

    /// <summary>The terminal's size just now.</summary>
    public (int Width, int Height) Size => (screen.Profile.Width, screen.Profile.Height);

    /// <summary>Draws a frame, unless it is the one that is shown.</summary>
    public void Draw(IRenderable frame)
    {
        var (width, height) = Size;
        var lines = Rendered(frame, width).Take(height - 1).ToList();
        // Each line is emptied first: behind a full one the cursor still stands on its last character.
        var text = new StringBuilder(Begin)
            .AppendJoin("\r\n", lines.Select(line => EmptyLine + line))
            .Append("\r\n")
            .Append(End)
            .ToString();
        lock (gate)
        {
            if (left || text == shown)
                return;
            shown = text;
            output.Write(text);
            output.Flush();
        }
    }

    public void Dispose()
    {
        foreach (var signal in signals)
            signal.Dispose();
        Write(Leave);
        left = true;
    }

    private void Write(string sequence)
    {
        lock (gate)
        {
            if (left)
                return;
            shown = "";
            output.Write(sequence);
            output.Flush();
        }
    }

    private string[] Rendered(IRenderable frame, int width)
    {
        using var text = new StringWriter { NewLine = "\n" };
        var capabilities = screen.Profile.Capabilities;
        var paper = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = capabilities.Ansi ? AnsiSupport.Yes : AnsiSupport.No,
                ColorSystem = capabilities.ColorSystem switch
                {
                    ColorSystem.NoColors => ColorSystemSupport.NoColors,
                    ColorSystem.Legacy => ColorSystemSupport.Legacy,
                    ColorSystem.Standard => ColorSystemSupport.Standard,
                    ColorSystem.EightBit => ColorSystemSupport.EightBit,
                    _ => ColorSystemSupport.TrueColor,
                },
                Interactive = InteractionSupport.No,
                Out = new AnsiConsoleOutput(text),
                EnvironmentVariables = [],
            }
        );
        paper.Profile.Width = width;
        paper.Profile.Capabilities.Unicode = capabilities.Unicode;
        paper.Write(new Cropped(frame, width));
        return text.ToString().TrimEnd('\n').Split('\n');
    }

    /// <summary>Lines that are cut where the terminal ends, and not wrapped.</summary>
    private sealed class Cropped(IRenderable frame, int width) : Renderable
    {
        private const int AnyWidth = 4096;

        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
        {
            foreach (var line in Segment.SplitLines(frame.Render(options, AnyWidth)))
            {
                foreach (var segment in Segment.Truncate(line, width))
                    yield return segment;
                yield return Segment.LineBreak;
            }
        }
    }
}
