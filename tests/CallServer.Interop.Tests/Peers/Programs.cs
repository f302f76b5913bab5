namespace CallServer.Interop.Peers;

/// <summary>Where the third-party programs stand on this machine.</summary>
internal static class Programs
{
    // Debian keeps daemons out of an ordinary user's PATH.
    private static readonly string[] Folders =
    [
        .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(
            Path.PathSeparator,
            StringSplitOptions.RemoveEmptyEntries
        ),
        "/usr/sbin",
        "/usr/local/sbin",
    ];

    /// <summary>The program's path; without it the test is skipped, and fails in CI, where nothing may be missing.</summary>
    public static string Find(string name)
    {
        foreach (var folder in Folders)
        {
            var path = Path.Combine(folder, name);
            if (File.Exists(path))
                return path;
        }

        throw Missing($"{name} is missing: install it with scripts/peers.sh");
    }

    /// <summary>As <see cref="Find"/>, for programs that a script will start.</summary>
    public static void Require(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            Find(name);
    }

    /// <summary>What this machine lacks: a failure in CI, elsewhere a reason to skip.</summary>
    public static Exception Missing(string message) => Trouble.Missing(message);

    /// <summary>A script of the folder <c>peers</c>, as copied beside the tests.</summary>
    public static string Script(params ReadOnlySpan<string> parts) =>
        Path.Combine([AppContext.BaseDirectory, "setups", .. parts]);
}
