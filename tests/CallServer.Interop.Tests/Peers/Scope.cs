namespace CallServer.Interop.Peers;

/// <summary>
/// Everything that one test has started and created: a folder and programs. All of it is removed afterwards, whatever
/// happened.
/// </summary>
internal sealed class Scope : IAsyncDisposable
{
    private readonly Stack<IAsyncDisposable> owned = new();
    private readonly List<ChildProcess> children = [];

    public string Folder { get; } = Directory.CreateTempSubdirectory("callserver-interop-").FullName;

    /// <summary>A path in the test's own folder.</summary>
    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>A new folder within the test's own.</summary>
    public string NewFolder(string name) =>
        Directory.CreateDirectory(PathOf($"{name}-{Guid.NewGuid():n}")).FullName;

    /// <summary>Registers something to dispose at the end, last one first.</summary>
    public T Own<T>(T thing)
        where T : IAsyncDisposable
    {
        owned.Push(thing);
        return thing;
    }

    public ChildProcess Start(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null
    )
    {
        var child = Own(ChildProcess.Start(program, arguments, environment));
        children.Add(child);
        return child;
    }

    /// <summary>Runs a program to its end; fails the test if it does not succeed.</summary>
    public async Task<Finished> RunAsync(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null
    )
    {
        var finished = await Start(program, arguments, environment).FinishAsync(TimeSpan.FromSeconds(60));
        return finished.ExitCode == 0 ? finished : throw Trouble.Failed(finished.ToString());
    }

    /// <summary>Writes what the programs printed; shown if a test failed.</summary>
    public void Tell(TextWriter to)
    {
        foreach (var child in children)
            to.WriteLine(Shorten(child.ToString()));
        foreach (var log in Directory.EnumerateFiles(Folder, "*.log", SearchOption.AllDirectories))
            to.WriteLine(Shorten($"{log}:\n{File.ReadAllText(log)}"));
    }

    // A thousand connections would hide what matters.
    private static string Shorten(string text)
    {
        const int lines = 30,
            width = 400;
        var all = text.TrimEnd().Split('\n');
        var shown = all.Take(lines).Select(line => line.Length > width ? line[..width] + "…" : line);
        return string.Join('\n', shown) + (all.Length > lines ? $"\n… {all.Length} lines in all\n" : "\n");
    }

    public async ValueTask DisposeAsync()
    {
        var faults = new List<Exception>();
        while (owned.TryPop(out var thing))
        {
            try
            {
                await thing.DisposeAsync();
            }
            catch (Exception fault)
            {
                faults.Add(fault);
            }
        }

        Directory.Delete(Folder, recursive: true);
        if (faults.Count > 0)
            throw new AggregateException(faults);
    }
}
