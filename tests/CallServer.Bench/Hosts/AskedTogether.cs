using CallServer.Bench.Start;

namespace CallServer.Bench.Hosts;

/// <summary>
/// Gateways that were asked by two hosts at once: each from the first that the later host asked to the last that the earlier one did.
/// </summary>
/// <param name="Gateways">How many there were.</param>
/// <param name="Longest">The longest such time of one gateway.</param>
/// <param name="Last">When the last one was over, in microseconds since 1970; 0 if there were none.</param>
internal sealed record AskedTogether(int Gateways, TimeSpan Longest, long Last)
{
    /// <summary>Of what gateways noted while none of them went back to a host that it had before.</summary>
    public static AskedTogether Of(IEnumerable<Asking> noted)
    {
        var both = noted.GroupBy(asking => asking.Gateway).SelectMany(Both).ToList();
        return new(
            both.Select(one => one.Gateway).Distinct().Count(),
            TimeSpan.FromMicroseconds(both.Select(one => one.Until - one.Since).DefaultIfEmpty().Max()),
            both.Select(one => one.Until).DefaultIfEmpty().Max()
        );
    }

    private static IEnumerable<(string Gateway, long Since, long Until)> Both(IGrouping<string, Asking> noted)
    {
        var hosts = noted
            .GroupBy(asking => asking.By)
            .Select(own => (First: own.Min(each => each.At), Last: own.Max(each => each.At)))
            .OrderBy(host => host.First)
            .ToList();
        return hosts
            .SelectMany(
                (earlier, place) => hosts[(place + 1)..],
                (earlier, later) => (noted.Key, later.First, Math.Min(earlier.Last, later.Last))
            )
            .Where(pair => pair.First <= pair.Item3);
    }
}
