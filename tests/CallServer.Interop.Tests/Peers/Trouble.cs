namespace CallServer.Interop.Peers;

/// <summary>What a peer's failure is in a test: elsewhere another file of this name stands for it, so that the peers know no
/// test framework.</summary>
internal static class Trouble
{
    /// <summary>A peer does not do what it has to.</summary>
    public static Exception Failed(string message) => new AssertionException(message);

    /// <summary>What this machine lacks: a failure in CI, elsewhere a reason to skip.</summary>
    public static Exception Missing(string message) =>
        Environment.GetEnvironmentVariable("CI") == "true"
            ? new AssertionException(message)
            : new IgnoreException(message);
}
