using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace CallServer.Host.Cli.Demo;

/// <summary>A child process of the demonstration: this same program with other arguments.</summary>
public sealed class DemoProcess : IAsyncDisposable
{
    private const int MostLines = 20;

    private readonly Process process;
    private readonly Queue<string> lastWords = new();
    private readonly Lock gate = new();
    private Task draining = Task.CompletedTask;

    private DemoProcess(Process process) => this.process = process;

    public int Id => process.Id;
    public bool Over => process.HasExited;

    /// <summary>The last lines it wrote to standard error.</summary>
    public IReadOnlyList<string> LastWords
    {
        get
        {
            lock (gate)
                return [.. lastWords];
        }
    }

    /// <summary>Starts this program with these arguments; the caller reads its standard output.</summary>
    public static DemoProcess Start(params IEnumerable<string> words)
    {
        var start = new ProcessStartInfo
        {
            FileName = Environment.ProcessPath!,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // If this process was started as <c>dotnet callserver.dll</c>, start the child the same way.
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        foreach (var word in words)
            start.ArgumentList.Add(word);
        // The user's own settings are meant for the user's own server.
        foreach (var name in start.Environment.Keys.Where(IsOurs).ToList())
            start.Environment.Remove(name);
        // A runtime that is killed leaves its debugger's pipe and socket behind.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";

        var child = new DemoProcess(
            Process.Start(start) ?? throw new InvalidOperationException("no process was started")
        );
        child.process.ErrorDataReceived += (_, line) => child.Keep(line.Data);
        child.process.BeginErrorReadLine();
        return child;
    }

    /// <summary>The next line of standard output; null at its end.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken cancel) =>
        await process.StandardOutput.ReadLineAsync(cancel);

    /// <summary>Writes a line to its standard input.</summary>
    public void Tell(string line)
    {
        process.StandardInput.WriteLine(line);
        process.StandardInput.Flush();
    }

    /// <summary>Closes its standard input, and waits until the process has ended by itself.</summary>
    public async Task EndInputAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync(CancellationToken.None);
    }

    /// <summary>
    /// Stops reading its standard output, and discards the rest so that the process is never blocked.
    /// </summary>
    public void Ignore() => draining = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);

    /// <summary>Sends SIGKILL: the process gets no chance to save anything.</summary>
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

    /// <summary>A TCP port on loopback that is free now.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static bool IsOurs(string name) =>
        name.StartsWith("CALLSERVER_", StringComparison.OrdinalIgnoreCase);

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (gate)
        {
            lastWords.Enqueue(line);
            if (lastWords.Count > MostLines)
                lastWords.Dequeue();
        }
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"process {Id}");
}
