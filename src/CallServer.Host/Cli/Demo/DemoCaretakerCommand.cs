using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace CallServer.Host.Cli.Demo;

/// <summary>
/// The caretaker's side: creates a folder, names it on standard output, and reads process ids line by line until
/// standard input ends. Then it waits for those processes, kills those that take too long, and deletes the folder.
/// </summary>
internal sealed class DemoCaretakerCommand(Terminal terminal, Surroundings surroundings)
{
    public const string Verb = "demo-caretaker";
    public const string KeepName = "--keep";

    // A server ends within five seconds of being asked.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(6);

    private readonly Option<bool> keep = new(KeepName);

    public Command Build()
    {
        var command = new Command(Verb, "Tidies up behind the demonstration.") { keep };
        command.Hidden = true;
        command.SetAction((parsed, _) => RunAsync(parsed.GetValue(keep)));
        return command;
    }

    private async Task<int> RunAsync(bool keeps)
    {
        // A terminal sends these signals to the whole demonstration at once, but the caretaker's work begins only
        // then.
        using var interrupt = Outlive(PosixSignal.SIGINT);
        using var terminate = Outlive(PosixSignal.SIGTERM);
        using var hangUp = Outlive(PosixSignal.SIGHUP);

        var folder = Directory.CreateTempSubdirectory("callserver-demo-");
        var children = new List<Process>();
        try
        {
            await terminal.Out.WriteLineAsync(folder.FullName);
            await terminal.Out.FlushAsync();
            using var told = new StreamReader(surroundings.Input());
            while (await told.ReadLineAsync() is { } line)
            {
                if (Find(int.Parse(line, CultureInfo.InvariantCulture)) is { } child)
                    children.Add(child);
            }
        }
        finally
        {
            using var late = new CancellationTokenSource(Patience);
            foreach (var child in children)
                await EndAsync(child, late.Token);
            if (!keeps)
                folder.Delete(recursive: true);
        }
        return ExitCode.Complete;
    }

    private static PosixSignalRegistration Outlive(PosixSignal signal) =>
        PosixSignalRegistration.Create(signal, context => context.Cancel = true);

    private static Process? Find(int id)
    {
        try
        {
            return Process.GetProcessById(id);
        }
        catch (ArgumentException)
        {
            // The process has already ended.
            return null;
        }
    }

    private static async Task EndAsync(Process child, CancellationToken late)
    {
        using (child)
        {
            try
            {
                await child.WaitForExitAsync(late);
            }
            catch (OperationCanceledException)
            {
                child.Kill();
            }
        }
    }
}
