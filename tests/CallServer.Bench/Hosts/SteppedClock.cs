using CallServer.Interop.Peers;

namespace CallServer.Bench.Hosts;

/// <summary>The wall clock of one process, which can be stepped while it runs; no other clock of it is touched.</summary>
internal sealed class SteppedClock
{
    private readonly string file;

    private SteppedClock(string file, string library)
    {
        this.file = file;
        Environment = new Dictionary<string, string> { ["LD_PRELOAD"] = library, ["STEPPED_CLOCK"] = file };
    }

    /// <summary>What a process has in its environment that has this clock.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>Makes one in a folder, which shows the machine's time.</summary>
    public static async Task<SteppedClock> CreateAsync(Scope scope, string folder)
    {
        var library = Path.Combine(folder, "stepped.so");
        await scope.RunAsync(
            Programs.Find("gcc"),
            ["-shared", "-fPIC", "-O2", "-o", library, Programs.Script("clock", "stepped.c")]
        );
        var clock = new SteppedClock(Path.Combine(folder, "clock"), library);
        clock.Set(TimeSpan.Zero);
        return clock;
    }

    /// <summary>Sets the clock so far ahead of the machine's; negative: behind it.</summary>
    public void Set(TimeSpan ahead)
    {
        // The process has the file in its memory: it must stay the same one.
        using var stream = new FileStream(file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        stream.Write(BitConverter.GetBytes((long)ahead.TotalSeconds));
    }
}
