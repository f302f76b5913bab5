using System.Diagnostics;
using System.Globalization;
using System.Text;
using CallServer.Host.Tests.Storage;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

/// <summary>However and whenever the demonstration ends, nothing of it remains: no process, no file.</summary>
[TestFixture]
[Platform("Linux", Reason = "looks for processes in /proc")]
internal sealed class DemoEndTests
{
    private const int HangUp = 1;
    private const int Interrupt = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    [Test]
    public async Task LeavesNothing_KilledAtAnyLine([Random(0, 30, 2)] int line) =>
        await EndAsync(line, demo => SignalAsync("KILL", [demo.Id]));

    [Test]
    public async Task LeavesNothing_WhenItsTerminalIsClosed([Random(0, 30, 1)] int line)
    {
        Needs(HangUp);
        // A terminal sends SIGHUP to everything it runs.
        await EndAsync(line, demo => SignalAsync("HUP", Running(demo.StartInfo.Environment["TMPDIR"]!)));
    }

    [Test]
    public async Task LeavesNothing_WhenItIsClosed_WhileTheOldPrimaryReturns()
    {
        Needs(HangUp);
        await EndAsync("5. ", demo => SignalAsync("HUP", Running(demo.StartInfo.Environment["TMPDIR"]!)));
    }

    [Test]
    public async Task LeavesNothing_Interrupted([Random(0, 30, 1)] int line)
    {
        Needs(Interrupt);
        await EndAsync(line, demo => SignalAsync("INT", Running(demo.StartInfo.Environment["TMPDIR"]!)));
    }

    /// <summary>
    /// Skips the test if a signal is ignored here: a runtime that starts with an ignored signal (SIGHUP under nohup,
    /// SIGINT behind a script's &amp;) goes on ignoring it, and so do its children.
    /// </summary>
    private static void Needs(int signal)
    {
        const string Ignored = "SigIgn:";
        var mask = File.ReadLines("/proc/self/status")
            .Single(line => line.StartsWith(Ignored, StringComparison.Ordinal));
        if ((Convert.ToUInt64(mask[Ignored.Length..].Trim(), 16) & (1UL << (signal - 1))) != 0)
            Assert.Ignore($"signal {signal} is ignored here: run the tests in the foreground, without nohup");
    }

    private static Task EndAsync(int line, Func<Process, Task> end)
    {
        var lines = 0;
        return EndAsync(_ => lines++ == line, line == 0, end);
    }

    private static Task EndAsync(string step, Func<Process, Task> end) =>
        EndAsync(told => told.StartsWith(step, StringComparison.Ordinal), false, end);

    private static async Task EndAsync(Predicate<string> isTime, bool atOnce, Func<Process, Task> end)
    {
        using var folder = new TestDirectory();
        using var demo = Start(folder.Path);
        var said = new StringBuilder();
        while (!atOnce && await demo.StandardOutput.ReadLineAsync() is { } told)
        {
            said.AppendLine(told);
            if (isTime(told))
                break;
        }
        await end(demo);

        using var late = new CancellationTokenSource(Patience);
        // It must be able to print its last words.
        var rest = demo.StandardOutput.ReadToEndAsync(late.Token);
        using var timer = new PeriodicTimer(Glance);
        int[] running;
        string[] files;
        do
        {
            running = Running(folder.Path);
            files = Directory.GetFileSystemEntries(folder.Path);
        } while ((running.Length > 0 || files.Length > 0) && await TicksAsync(timer, late.Token));

        await SignalAsync("KILL", running);
        Assert.Multiple(() =>
        {
            Assert.That(running, Is.Empty, $"processes that still run; it had said:\n{said}");
            Assert.That(files, Is.Empty, $"what it left; it had said:\n{said}");
        });
        await rest;
    }

    private static Process Start(string folder)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList = { "exec", Path.Combine(AppContext.BaseDirectory, "callserver.dll"), "demo" },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Its children inherit this variable and are found by it.
        start.Environment["TMPDIR"] = folder;
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        var demo = Process.Start(start)!;
        demo.BeginErrorReadLine();
        return demo;
    }

    /// <summary>Every live process with this folder in its environment.</summary>
    private static int[] Running(string folder) =>
        [
            .. Directory
                .EnumerateDirectories("/proc")
                .Select(Path.GetFileName)
                .Where(name => name!.All(char.IsAsciiDigit))
                .Where(id => Has(id!, folder))
                .Select(id => int.Parse(id!, CultureInfo.InvariantCulture)),
        ];

    private static bool Has(string id, string folder)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/environ").Split('\0').Contains($"TMPDIR={folder}");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static async Task SignalAsync(string signal, IEnumerable<int> ids)
    {
        var words = string.Join(' ', ids);
        if (words.Length == 0)
            return;
        using var kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {words} 2>/dev/null || true"]);
        await kill.WaitForExitAsync();
    }

    private static async Task<bool> TicksAsync(PeriodicTimer timer, CancellationToken late)
    {
        try
        {
            return await timer.WaitForNextTickAsync(late);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
