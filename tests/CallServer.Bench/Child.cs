using System.Diagnostics;

namespace CallServer.Bench;

/// <summary>A child process: <c>callserver</c> from beside this program, run as its users run it.</summary>
internal sealed class Child : IAsyncDisposable
{
    private const int MostLines = 20;

    private static readonly string BenchProgram = Path.GetFileName(typeof(Child).Assembly.Location);

    private readonly Process process;
    private readonly Queue<string> lastWords = new();
    private Task draining = Task.CompletedTask;
    private long written;

    private Child(Process process) => this.process = process;

    public int Id => process.Id;

    public bool Over => process.HasExited;

    /// <summary>CPU time so far, user and system.</summary>
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

    /// <summary>The last lines it wrote to standard error.</summary>
    public IReadOnlyList<string> LastWords
    {
        get
        {
            lock (lastWords)
                return [.. lastWords];
        }
    }

    /// <summary>Starts <c>callserver</c> with these arguments.</summary>
    public static Child Start(params IEnumerable<string> words) => Start("callserver.dll", words);

    /// <summary>The same, with more variables in its environment.</summary>
    public static Child Start(
        IReadOnlyDictionary<string, string> environment,
        params IEnumerable<string> words
    ) => Start("callserver.dll", words, environment);

    /// <summary>Starts this program itself with these arguments.</summary>
    public static Child StartBench(params IEnumerable<string> words) => Start(BenchProgram, words);

    /// <summary>The words that run this program; its arguments follow.</summary>
    public static string[] Bench => CommandOf(BenchProgram);

    /// <summary>The words that run <c>callserver</c>; its arguments follow.</summary>
    public static string[] CallServer => CallServerIn(null);

    /// <summary>The same for the build in a folder; null for the one beside this program.</summary>
    public static string[] CallServerIn(string? folder) => CommandOf("callserver.dll", folder);

    private static string[] CommandOf(string program, string? folder = null)
    {
        // The runtime that runs this program also runs the child, as a machine may have several.
        var dotnet =
            Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet"
                ? path
                : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        return [dotnet, "exec", Path.Combine(folder ?? AppContext.BaseDirectory, program)];
    }

    private static Child Start(
        string program,
        IEnumerable<string> words,
        IReadOnlyDictionary<string, string>? environment = null
    ) => Start([.. CommandOf(program), .. words], environment);

    /// <summary>Starts a program.</summary>
    /// <param name="command">Its words.</param>
    /// <param name="environment">More variables in its environment; null for none.</param>
    public static Child Start(string[] command, IReadOnlyDictionary<string, string>? environment)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(IsOurs).ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;

        var child = new Child(
            Process.Start(start) ?? throw new InvalidOperationException("no process was started")
        );
        child.process.ErrorDataReceived += (_, line) => child.Keep(line.Data);
        child.process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Reads its standard output up to a line with this beginning; null if the output ends first.</summary>
    public async Task<string?> LineAsync(string beginning, CancellationToken cancel)
    {
        while (await process.StandardOutput.ReadLineAsync(cancel) is { } line)
        {
            if (line.StartsWith(beginning, StringComparison.Ordinal))
                return line;
        }
        return null;
    }

    /// <summary>Stops reading its output, and discards the rest so that it is never blocked.</summary>
    public void Ignore() => draining = DrainAsync();

    /// <summary>Octets written to standard output and error since they have been ignored.</summary>
    public long Written => Volatile.Read(ref written);

    private async Task DrainAsync()
    {
        var buffer = new byte[65536];
        while (await process.StandardOutput.BaseStream.ReadAsync(buffer) is > 0 and var length)
            Interlocked.Add(ref written, length);
    }

    /// <summary>Sends SIGKILL: the process gets no chance to save anything.</summary>
    public async Task KillAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
    }

    /// <summary>Sends a signal, such as <c>TERM</c>.</summary>
    public async Task SignalAsync(string signal, CancellationToken cancel)
    {
        using var kill = Process.Start(
            "/bin/sh",
            ["-c", FormattableString.Invariant($"kill -{signal} {process.Id}")]
        );
        await kill.WaitForExitAsync(cancel);
    }

    /// <summary>Waits until it has ended by itself, and returns its exit status.</summary>
    public async Task<int> EndAsync(CancellationToken cancel)
    {
        await process.WaitForExitAsync(cancel);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        await draining;
        process.Dispose();
    }

    // The user's own settings are meant for the user's own server.
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
