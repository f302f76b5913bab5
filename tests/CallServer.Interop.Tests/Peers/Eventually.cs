namespace CallServer.Interop.Peers;

/// <summary>Waits by asking again, never for a fixed time.</summary>
internal static class Eventually
{
    // Long enough for a loaded machine: a test that waits this long has failed.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits until this holds. If it never does, fails the test and names what was awaited.</summary>
    public static Task TrueAsync(Func<bool> holds, Func<string> awaited) =>
        GetAsync(() => Task.FromResult(holds() ? "" : null), awaited);

    /// <summary>The first answer that is not null. If none comes, fails the test and names what was awaited.</summary>
    /// <param name="ask">Asks once.</param>
    /// <param name="awaited">What is awaited.</param>
    /// <param name="more">How much longer than usual it may take, for much work.</param>
    public static async Task<T> GetAsync<T>(Func<Task<T?>> ask, Func<string> awaited, TimeSpan more = default)
        where T : class
    {
        var limit = Patience + more;
        using var patience = new CancellationTokenSource(limit);
        using var pause = new PeriodicTimer(Pause);
        while (true)
        {
            if (await ask() is { } answer)
                return answer;
            try
            {
                await pause.WaitForNextTickAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                throw Trouble.Failed($"waited {limit} in vain for {awaited()}");
            }
        }
    }
}
