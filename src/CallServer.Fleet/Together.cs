using System.Reactive.Concurrency;

namespace CallServer.Fleet;

/// <summary>
/// Gathers what is to be done, and does what has come meanwhile together, one time after the other. Add on the loop alone.
/// </summary>
/// <param name="loop">Runs one action at a time.</param>
/// <param name="most">The most that is done together.</param>
/// <param name="work">Does it; must not throw.</param>
internal sealed class Together<T>(IScheduler loop, int most, Func<IReadOnlyList<T>, Task> work)
{
    private readonly Queue<T> waiting = new();
    private bool works;

    public void Add(T item)
    {
        waiting.Enqueue(item);
        if (works)
            return;
        works = true;
        // What else comes in this turn goes along.
        loop.Schedule(Begin);
    }

    private void Begin()
    {
        var some = new List<T>();
        while (some.Count < most && waiting.TryDequeue(out var item))
            some.Add(item);
        _ = RunAsync(some);
    }

    private async Task RunAsync(IReadOnlyList<T> some)
    {
        await work(some);
        loop.Schedule(() =>
        {
            works = waiting.Count > 0;
            if (works)
                Begin();
        });
    }
}
