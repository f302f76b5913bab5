namespace CallServer.Interop.Peers;

/// <summary>Where the third-party programs are on this machine.</summary>
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

    /// <summary>
    /// The program's path. If it is missing, the test is skipped, but fails in CI, where nothing may be missing.
    /// </summary>
    public static string Find(string name)
    {
        foreach (var folder in Folders)
        {
            var path = Path.Combine(folder, name);
            if (File.Exists(path))
                return path;
        }

        throw Missing($"{name} is missing: sudo scripts/peers.sh");
    }

    /// <summary>
    /// A program of the newest of several versions, each in a folder of its own that is called by its number. If there is none,
    /// as <see cref="Find"/>.
    /// </summary>
    public static string FindNewest(string versions, string program) =>
        (Directory.Exists(versions) ? Directory.GetDirectories(versions) : [])
            .OrderByDescending(folder =>
                int.TryParse(Path.GetFileName(folder), out var version) ? version : 0
            )
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists)
        ?? throw Missing($"{program} is missing below {versions}: sudo scripts/peers.sh");

    /// <summary>Requires programs that a script will start, as <see cref="Find"/> does.</summary>
    public static void Require(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            Find(name);
    }

    /// <summary>Something this machine lacks: a failure in CI, a reason to skip elsewhere.</summary>
    public static Exception Missing(string message) => Trouble.Missing(message);

    /// <summary>A file that users deploy, in the folder <c>deploy</c>, as copied beside the tests.</summary>
    public static string Deployed(params ReadOnlySpan<string> parts) =>
        Path.Combine([AppContext.BaseDirectory, "deploy", .. parts]);

    /// <summary>A script in the folder <c>setups</c>, as copied beside the tests.</summary>
    public static string Script(params ReadOnlySpan<string> parts) =>
        Path.Combine([AppContext.BaseDirectory, "setups", .. parts]);
}
