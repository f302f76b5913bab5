namespace CallServer.Bench.Performance.InProcess;

/// <summary>What this process holds in memory.</summary>
internal static class Heap
{
    private const int Block = 256 << 20;

    /// <summary>Octets of all that is reachable.</summary>
    public static long Octets()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }

    /// <summary>Seconds that a copy of this many octets takes, from memory that no cache holds.</summary>
    public static double SecondsToCopy(long octets)
    {
        var (from, to) = (new byte[Math.Min(octets, Block)], new byte[Math.Min(octets, Block)]);
        from.AsSpan().Fill(1);
        to.AsSpan().Fill(2);
        return Beside.Seconds(() =>
        {
            for (var left = octets; left > 0; left -= Block)
            {
                var part = (int)Math.Min(left, Block);
                from.AsSpan(0, part).CopyTo(to);
            }
        });
    }
}
