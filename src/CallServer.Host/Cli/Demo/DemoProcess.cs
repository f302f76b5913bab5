using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace CallServer.Host.Cli.Demo;

/// <summary>A child process of the demonstration: this same program with other words.</summary>
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

    /// <summary>The last lines that it wrote to standard error.</summary>
    public IReadOnlyList<string> LastWords
    {
        get
        {
            lock (gate)
                return [.. lastWords];
        }
    }

    /// <summary>Starts this program with these words; its standard output is the caller's to read.</summary>
    public static DemoProcess Start(params IEnumerable<string> words)
    {
        var start = new ProcessStartInfo
        {
            FileName = Environment.ProcessPath!,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Started as `dotnet callserver.dll`: the same again.
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        foreach (var word in words)
            start.ArgumentList.Add(word);
        // The user's own settings are for the user's own server.
        foreach (var name in start.Environment.Keys.Where(IsOurs).ToList())
            start.Environment.Remove(name);
        // A runtime that is killed leaves the pipe and the socket of its debugger behind.
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

    /// <summary>Ends its standard input, and waits until it has ended by itself.</summary>
    public async Task EndInputAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync(CancellationToken.None);
    }

    /// <summary>Nobody reads its standard output any more: lets it write what it likes.</summary>
    public void Ignore() => draining = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);

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

    /// <summary>A TCP port of loopback that nobody uses now.</summary>
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
