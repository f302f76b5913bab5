using System.Reactive.Concurrency;
using CallServer.Server.Net;

namespace CallServer.Server.Listening;

/// <summary>
/// Limits what gateways' announcements leave behind: a row or a line at once, and then at most one in ten seconds for each
/// gateway.
/// </summary>
internal sealed class NoticePace(IClock clock, IScheduler scheduler)
{
    /// <summary>Least time between two of one gateway.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);

    private readonly Paced<string> gateways = new(clock, scheduler, Rest, int.MaxValue);

    /// <inheritdoc cref="Paced{TKind}.TrySay"/>
    /// <param name="gateway">A configured gateway; this bounds how many are remembered.</param>
    /// <param name="act">What to do.</param>
    public void Say(string gateway, Action<int> act) => gateways.TrySay(gateway, act);
}
