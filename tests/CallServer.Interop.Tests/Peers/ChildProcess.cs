using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace CallServer.Interop.Peers;

/// <summary>The output of a program that has ended.</summary>
internal sealed record Finished(string Command, int ExitCode, string Output, string Errors)
{
    public override string ToString() => $"$ {Command}\nexit {ExitCode}\n{Output}{Errors}";
}

/// <summary>A program that this test started and ends again, by its process id.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Process process;
    private readonly Text output = new();
    private readonly Text errors = new();

    private ChildProcess(Process process, string command)
    {
        this.process = process;
        Command = command;
    }

    public string Command { get; }

    /// <summary>Its process id, which is that of the program it becomes through exec.</summary>
    public int Id => process.Id;

    public string Output => output.ToString();

    public string Errors => errors.ToString();

    public bool HasExited => process.HasExited;

    /// <summary>
    /// Starts a program without a terminal; variables whose value is null are removed from its environment.
    /// </summary>
    public static ChildProcess Start(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null
    )
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;

        var process = new Process { StartInfo = start };
        var command = $"{Path.GetFileName(program)} {string.Join(' ', start.ArgumentList)}";
        var child = new ChildProcess(process, command);
        process.OutputDataReceived += (_, line) => child.output.Add(line.Data);
        process.ErrorDataReceived += (_, line) => child.errors.Add(line.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return child;
    }

    /// <summary>The exit status and all output; fails the test if the program exceeds the time limit.</summary>
    public async Task<Finished> FinishAsync(TimeSpan limit)
    {
        using var patience = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            throw Trouble.Failed($"still running after {limit}: {this}");
        }

        return new Finished(Command, process.ExitCode, Output, Errors);
    }

    /// <summary>The first matching line of output or errors; fails the test if the program ends first.</summary>
    public Task<string> LineAsync(Func<string, bool> wanted) =>
        Eventually.GetAsync(
            () =>
            {
                var line = $"{Output}\n{Errors}".Split('\n').FirstOrDefault(wanted);
                if (line is null && HasExited)
                    throw Trouble.Failed($"ended too early: {this}");
                return Task.FromResult(line);
            },
            () => $"a line of {this}"
        );

    /// <summary>Sends a signal such as TERM or KILL.</summary>
    public async Task SignalAsync(string signal)
    {
        if (HasExited)
            return;
        var id = process.Id.ToString(CultureInfo.InvariantCulture);
        using var kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {id} 2>/dev/null || true"]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Asks it to stop, and kills it with everything it started if it does not.</summary>
    public async ValueTask DisposeAsync()
    {
        await SignalAsync("TERM");
        using (var patience = new CancellationTokenSource(Patience))
        {
            try
            {
                await process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync();
            }
        }

        process.Dispose();
    }

    public override string ToString() => $"$ {Command}\n{Output}{Errors}";

    /// <summary>Lines that arrive on other threads.</summary>
    private sealed class Text
    {
        private readonly StringBuilder lines = new();

        public void Add(string? line)
        {
            if (line is null)
                return;
            lock (lines)
                lines.Append(line).Append('\n');
        }

        public override string ToString()
        {
            lock (lines)
                return lines.ToString();
        }
    }
}
