using System.Diagnostics;

namespace CallServer.Bench.Performance;

/// <summary>Runs things in turn, so that whatever else the machine does meets all of them.</summary>
internal static class Beside
{
    /// <summary>What each of these gives, run one after the other, that many times.</summary>
    public static async Task<IReadOnlyList<IReadOnlyList<T>>> InTurnAsync<T>(
        int times,
        params IReadOnlyList<Func<Task<T>>> runs
    )
    {
        var results = runs.Select(_ => new List<T>()).ToList();
        for (var time = 0; time < times; time++)
        {
            for (var each = 0; each < runs.Count; each++)
                results[each].Add(await runs[each]());
        }
        return results;
    }

    /// <summary>Seconds that this took, with the garbage of what came before collected.</summary>
    public static double Seconds(Action action)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        var watch = Stopwatch.StartNew();
        action();
        return watch.Elapsed.TotalSeconds;
    }
}
