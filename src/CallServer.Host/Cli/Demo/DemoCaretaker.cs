using System.Globalization;

namespace CallServer.Host.Cli.Demo;

/// <summary>
/// Outlives the demonstration, however that ends, and leaves nothing of it: the folder is made and deleted by a process of its
/// own, which is told of every other child and sees to the end of each.
/// </summary>
internal sealed class DemoCaretaker : IAsyncDisposable
{
    private readonly DemoProcess process;

    private DemoCaretaker(DemoProcess process, string folder)
    {
        this.process = process;
        Folder = folder;
    }

    /// <summary>Where the demonstration's files are.</summary>
    public string Folder { get; }

    /// <summary>Starts it and waits for its folder.</summary>
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

    /// <summary>Starts this program with these words, to end with the demonstration.</summary>
    public DemoProcess Start(params IEnumerable<string> words)
    {
        var child = DemoProcess.Start([.. words, CommandLine.EndWithInputName]);
        process.Tell(child.Id.ToString(CultureInfo.InvariantCulture));
        return child;
    }

    /// <summary>Returns when no child runs any more and the folder is gone, unless it was to be kept.</summary>
    public async ValueTask DisposeAsync()
    {
        await process.EndInputAsync();
        await process.DisposeAsync();
    }
}
