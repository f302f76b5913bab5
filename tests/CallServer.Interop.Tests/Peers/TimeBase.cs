namespace CallServer.Interop.Peers;

/// <summary>When an agent loaded its calls, by this machine's clock: all true times count from there.</summary>
/// <param name="Loaded">the moment itself</param>
/// <param name="Uptime">sysUpTime at that moment, in centiseconds: the base of all stamps</param>
internal sealed record TimeBase(Bracket Loaded, uint Uptime)
{
    private static readonly TimeSpan Centisecond = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// Asks the agent several times how long ago that was, and keeps what all answers allow. A stamp is a truncated
    /// sysUpTime, so the true moment is up to a centisecond later; the same holds for the moment of the answer.
    /// </summary>
    public static async Task<TimeBase> AskAsync(int port)
    {
        DateTimeOffset earliest = DateTimeOffset.MinValue,
            latest = DateTimeOffset.MaxValue;
        var uptime = 0u;
        for (var ask = 0; ask < 4; ask++)
        {
            var sent = DateTimeOffset.UtcNow;
            var values =
                await SnmpGet.TryAsync(port, SnmpGet.SysUpTime, SnmpGet.Load)
                ?? throw Trouble.Failed("the agent does not answer");
            var received = DateTimeOffset.UtcNow;
            uptime = values[1];
            // Modulo 2^32: the agent's uptime may have wrapped since.
            var since = Centisecond * unchecked(values[0] - uptime);
            earliest = Later(earliest, sent - since - Centisecond);
            latest = Earlier(latest, received - since + Centisecond);
        }

        return new TimeBase(new Bracket(earliest, latest), uptime);
    }

    /// <summary>When a call was set up.</summary>
    public Bracket SetupOf(TrueCall call) => Loaded.Shift(-TimeSpan.FromSeconds(call.AgeSeconds));

    /// <summary>When a call was connected.</summary>
    public Bracket StartOf(TrueCall call) => Loaded.Shift(-TimeSpan.FromSeconds(call.ConnectedSeconds));

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
}
