namespace CallServer.Interop.Peers;

/// <summary>
/// What a peer's failure means in a test. Elsewhere another file with this name takes its place, so that the peers
/// depend on no test framework.
/// </summary>
internal static class Trouble
{
    /// <summary>A peer does not do what it must.</summary>
    public static Exception Failed(string message) => new AssertionException(message);

    /// <summary>Something this machine lacks: a failure in CI, a reason to skip elsewhere.</summary>
    public static Exception Missing(string message) =>
        Environment.GetEnvironmentVariable("CI") == "true"
            ? new AssertionException(message)
            : new IgnoreException(message);
}
