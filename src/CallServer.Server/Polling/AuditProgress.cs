namespace CallServer.Server.Polling;

/// <summary>How far a running audit has come, for whoever waits for it. Callable from any thread.</summary>
public sealed class AuditProgress
{
    private int requests;
    private Func<(int Told, int? Expected)>? look;

    /// <summary>Messages sent, repeats included.</summary>
    public int Requests => Volatile.Read(ref requests);

    /// <summary>
    /// Connections told so far, and how many there will be; null as long as the gateway has not said that.
    /// </summary>
    public (int Told, int? Expected) Rows => Volatile.Read(ref look)?.Invoke() ?? (0, null);

    internal void CountRequest() => Interlocked.Increment(ref requests);

    internal void Follow(Func<(int Told, int? Expected)> exchange) => Volatile.Write(ref look, exchange);
}
