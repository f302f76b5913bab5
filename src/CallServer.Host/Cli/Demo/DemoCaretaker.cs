using System.Globalization;

namespace CallServer.Host.Cli.Demo;

/// <summary>
/// Cleans up after the demonstration, however that ends. The caretaker is a process of its own that creates and
/// deletes the folder; it is told of every other child and makes sure that each of them ends.
/// </summary>
internal sealed class DemoCaretaker : IAsyncDisposable
{
    private readonly DemoProcess process;

    private DemoCaretaker(DemoProcess process, string folder)
    {
        this.process = process;
        Folder = folder;
    }

    /// <summary>The folder of the demonstration's files.</summary>
    public string Folder { get; }

    /// <summary>Starts the caretaker and waits for its folder.</summary>
    public static async Task<DemoCaretaker> HireAsync(bool keepsFolder, CancellationToken cancel)
    {
        var process = DemoProcess.Start([
            DemoCaretakerCommand.Verb,
            .. keepsFolder ? [DemoCaretakerCommand.KeepName] : Array.Empty<string>(),
        ]);
        try
        {
            var folder =
                await process.ReadLineAsync(cancel)
                ?? throw new CommandFailedException(
                    ExitCode.Fault,
                    ["callserver demo: its caretaker did not start", .. process.LastWords]
                );
            process.Ignore();
            return new DemoCaretaker(process, folder);
        }
        catch
        {
            await process.EndInputAsync();
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts this program with these arguments; it ends with the demonstration.</summary>
    public DemoProcess Start(params IEnumerable<string> words)
    {
        var child = DemoProcess.Start([.. words, CommandLine.EndWithInputName]);
        process.Tell(child.Id.ToString(CultureInfo.InvariantCulture));
        return child;
    }

    /// <summary>Returns when no child runs any more and the folder is deleted, unless it was to be kept.</summary>
    public async ValueTask DisposeAsync()
    {
        await process.EndInputAsync();
        await process.DisposeAsync();
    }
}
