using System.Threading.Channels;

namespace CallServer.Host.Cli.Live;

/// <summary>
/// Reads keys for as long as the process lives. A thread of its own waits for the next key all the time, because only
/// while .NET waits for one the terminal does not echo what is typed.
/// </summary>
internal static class KeyReader
{
    /// <summary>Begins to read; the channel ends if keys cannot be read.</summary>
    public static ChannelReader<ConsoleKeyInfo> Start()
    {
        var keys = Channel.CreateBounded<ConsoleKeyInfo>(
            new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropOldest }
        );
        new Thread(() => Read(keys.Writer)) { IsBackground = true, Name = "keys" }.Start();
        return keys.Reader;
    }

    private static void Read(ChannelWriter<ConsoleKeyInfo> keys)
    {
        try
        {
            while (keys.TryWrite(Console.ReadKey(intercept: true))) { }
        }
        catch (Exception fault) when (fault is InvalidOperationException or IOException)
        {
            keys.TryComplete();
        }
    }
}
