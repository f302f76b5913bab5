using CallServer.Model;

namespace CallServer.Storage.Postgres;

/// <summary>
/// Where the timelines of other hosts lie on this one, each kept for a while: every reading of two clocks tells it
/// slightly otherwise, and the pages of a list that is sorted by a time must fit together. Safe for use by several threads.
/// </summary>
internal sealed class KeptShifts
{
    /// <summary>Longer than somebody goes through a list; the clocks' drift widens bounds by 12 ms a side for it.</summary>
    private static readonly TimeSpan Age = TimeSpan.FromSeconds(30);

    private readonly Lock changing = new();
    private readonly Dictionary<long, (Instant Told, TimelineShift Shift)> shifts = [];

    /// <summary>The shift that is kept, or this one from now on.</summary>
    /// <param name="timeline">The number of the other timeline.</param>
    /// <param name="fresh">What is known now.</param>
    /// <param name="told">What the clock that both hosts read shows now.</param>
    public TimelineShift Keep(long timeline, TimelineShift fresh, Instant told)
    {
        lock (changing)
        {
            if (shifts.TryGetValue(timeline, out var kept) && (told - kept.Told).Duration() <= Age)
                return kept.Shift;
            var lasting = TimelineShiftModule.lasting(Age, fresh);
            shifts[timeline] = (told, lasting);
            return lasting;
        }
    }
}
