using CallServer.Server;
using Spectre.Console;

namespace CallServer.Host.Cli.Output;

/// <summary>Where a command prints: tables and colours on a terminal, plain lines in a pipe.</summary>
public sealed class Terminal
{
    public Terminal(TextWriter output, TextWriter error, IAnsiConsole? screen = null)
    {
        Out = output;
        Error = error;
        Screen = screen;
    }

    /// <summary>Standard output.</summary>
    public TextWriter Out { get; }

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; }

    /// <summary>The terminal behind standard output; null if that is a pipe or a file.</summary>
    public IAnsiConsole? Screen { get; }

    /// <summary>Uses the process's own streams.</summary>
    public static Terminal OfProcess()
    {
        var plain = Console.IsOutputRedirected || Environment.GetEnvironmentVariable("TERM") is "dumb";
        return new Terminal(Console.Out, Console.Error, plain ? null : AnsiConsole.Console);
    }

    /// <summary>Writes one line to standard error.</summary>
    public void Complain(string line) => Error.WriteLine(Printable.Of(line));
}
