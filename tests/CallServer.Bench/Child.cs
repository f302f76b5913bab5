using System.Diagnostics;

namespace CallServer.Bench;

/// <summary>A child process: <c>callserver</c> as its users run it, from beside this program.</summary>
internal sealed class Child : IAsyncDisposable
{
    private const int MostLines = 20;

    private readonly Process process;
    private readonly Queue<string> lastWords = new();
    private Task draining = Task.CompletedTask;
    private long written;

    private Child(Process process) => this.process = process;

    public int Id => process.Id;

    public bool Over => process.HasExited;

    /// <summary>CPU time until now, of user and system.</summary>
    public TimeSpan Cpu
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    /// <summary>The most memory that was ever resident, in bytes.</summary>
    public long PeakMemory
    {
        get
        {
            process.Refresh();
            return process.PeakWorkingSet64;
        }
    }

    /// <summary>Memory that is resident now, in bytes.</summary>
    public long Memory
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }

    /// <summary>The last lines that it wrote to standard error.</summary>
    public IReadOnlyList<string> LastWords
    {
        get
        {
            lock (lastWords)
                return [.. lastWords];
        }
    }

    /// <summary><c>callserver</c> with these words.</summary>
    public static Child Start(params IEnumerable<string> words) => Start("callserver.dll", words);

    /// <summary>This program itself with these words.</summary>
    public static Child StartBench(params IEnumerable<string> words) =>
        Start(Path.GetFileName(typeof(Child).Assembly.Location), words);

    private static Child Start(string program, IEnumerable<string> words)
    {
        // The runtime that runs this also runs the child: there may be several on a machine.
        var dotnet =
            Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet"
                ? path
                : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var assembly = Path.Combine(AppContext.BaseDirectory, program);
        var start = new ProcessStartInfo(dotnet, ["exec", assembly, .. words])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(IsOurs).ToList())
            start.Environment.Remove(name);

        var child = new Child(
            Process.Start(start) ?? throw new InvalidOperationException("no process was started")
        );
        child.process.ErrorDataReceived += (_, line) => child.Keep(line.Data);
        child.process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Skips its standard output up to a line that begins so; null where it ends before.</summary>
    public async Task<string?> LineAsync(string beginning, CancellationToken cancel)
    {
        while (await process.StandardOutput.ReadLineAsync(cancel) is { } line)
        {
            if (line.StartsWith(beginning, StringComparison.Ordinal))
                return line;
        }
        return null;
    }

    /// <summary>Nobody reads its standard output any more: lets it write what it likes.</summary>
    public void Ignore() => draining = DrainAsync();

    /// <summary>Octets that it wrote to standard output and error since they are ignored.</summary>
    public long Written => Volatile.Read(ref written);

    private async Task DrainAsync()
    {
        var buffer = new byte[65536];
        while (await process.StandardOutput.BaseStream.ReadAsync(buffer) is > 0 and var length)
            Interlocked.Add(ref written, length);
    }

    /// <summary>SIGKILL: it gets no chance to save anything.</summary>
    public async Task KillAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        await draining;
        process.Dispose();
    }

    // The user's own settings are for the user's own server.
    private static bool IsOurs(string name) =>
        name.StartsWith("CALLSERVER_", StringComparison.OrdinalIgnoreCase);

    private void Keep(string? line)
    {
        if (line is null)
            return;
        Interlocked.Add(ref written, line.Length + 1);
        lock (lastWords)
        {
            lastWords.Enqueue(line);
            if (lastWords.Count > MostLines)
                lastWords.Dequeue();
        }
    }
}
