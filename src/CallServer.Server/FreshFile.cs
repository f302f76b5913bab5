namespace CallServer.Server;

/// <summary>
/// What files hold, read again when one of them has changed: a renewed certificate or key set needs no restart. While the
/// new content cannot be used, the value before it stays. Callable from any thread.
/// </summary>
/// <param name="paths">The files.</param>
/// <param name="first">What they held when the server started.</param>
/// <param name="read">Reads them. Returns null and says why if they cannot be used.</param>
/// <param name="time">The files are looked at once a second at most.</param>
/// <param name="logger">Says what became of a change.</param>
internal sealed class FreshFile<T>(
    IReadOnlyList<string> paths,
    T first,
    Func<(T? Value, string? Why)> read,
    TimeProvider time,
    ILogger logger
)
    where T : class
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    private readonly Lock guard = new();
    private T value = first;
    private string seen = Stamps(paths);
    private long looked = time.GetTimestamp();

    /// <summary>The newest content that can be used.</summary>
    public T Value
    {
        get
        {
            lock (guard)
            {
                if (time.GetElapsedTime(looked) >= Rest)
                {
                    looked = time.GetTimestamp();
                    Look();
                }

                return value;
            }
        }
    }

    private void Look()
    {
        var now = Stamps(paths);
        if (now == seen)
            return;
        // Taken before reading: a change in the middle is noticed the next time.
        seen = now;
        var names = string.Join(" and ", paths);
        var (next, why) = read();
        if (next is not null)
        {
            value = next;
            logger.LogInformation("{Files} changed, and is taken", names);
        }
        else
            logger.LogError("{Files} changed, and is not taken: {Why}; the one before stays", names, why);
    }

    /// <summary>When the files were written and how long they are; links are followed.</summary>
    private static string Stamps(IReadOnlyList<string> paths) =>
        string.Join(
            ' ',
            paths.Select(path =>
            {
                try
                {
                    using var file = File.OpenHandle(path);
                    return $"{File.GetLastWriteTimeUtc(file).Ticks}/{RandomAccess.GetLength(file)}";
                }
                catch (Exception fault)
                    when (fault is IOException or UnauthorizedAccessException or NotSupportedException)
                {
                    return "none";
                }
            })
        );
}
