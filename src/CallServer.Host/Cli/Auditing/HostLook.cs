using System.Globalization;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// What answers at a host that was named without a protocol, after it was asked in every way that needs no more than
/// its name.
/// </summary>
/// <param name="Host">The host as it was named.</param>
/// <param name="Asked">Every way in which it was asked.</param>
/// <param name="Reports">What came of each, in the same order.</param>
internal sealed record HostLook(
    string Host,
    IReadOnlyList<GatewayUri> Asked,
    IReadOnlyList<AuditReport> Reports
)
{
    /// <summary>
    /// One for each protocol that answers: its first way that told everything, else the first that answered at all.
    /// </summary>
    public IReadOnlyList<AuditReport> Found => [.. Best.Select(best => best.Report)];

    /// <summary>Which URIs to use, or what was tried in vain.</summary>
    public IReadOnlyList<string> Advice => Best.Any() ? [.. Best.Select(Use)] : [InVain];

    private IEnumerable<(GatewayUri Uri, AuditReport Report)> Answering =>
        Asked.Zip(Reports).Where(each => each.Second.Answered);

    private IEnumerable<(GatewayUri Uri, AuditReport Report)> Best
    {
        get
        {
            var ways = Answering.GroupBy(each => each.Uri.Protocol).ToList();
            var whole = ways.Where(IsWhole).SelectMany(way => way.Select(each => each.Uri.Port)).ToHashSet();
            // Several protocols speak HTTP: whoever tells everything by one of them says of another's path only that it is not there.
            return ways.Where(way => IsWhole(way) || !way.All(each => whole.Contains(each.Uri.Port)))
                .Select(way => way.MinBy(each => each.Report.Status));
        }
    }

    private static bool IsWhole(IEnumerable<(GatewayUri Uri, AuditReport Report)> ways) =>
        ways.Any(each => each.Report.Status == ExitCode.Complete);

    private string InVain
    {
        get
        {
            // Where it is the same everywhere, such as a name without an address, the host is at fault and no port.
            var reasons = Reports.SelectMany(report => report.View.Reasons).Distinct().ToList();
            var why = reasons.Count == 1 ? $" ({reasons[0]})" : "";
            var tried = string.Join(", ", Asked.Select(uri => $"{uri.Scheme} at {uri.Port}"));
            var host = Asked[0].Authority;
            return $"{Host}: nothing answers{why}; tried {tried}; name its protocol, such as snmp://{host}, or for SIP the user whose dialogs are meant, such as sip:USER@HOST";
        }
    }

    private string Use((GatewayUri Uri, AuditReport Report) best)
    {
        var (uri, report) = best;
        var text = uri.IsProfiled ? uri.WithProfile(report.View.Profile) : uri.Text;
        var verdict = report.Status switch
        {
            ExitCode.Complete => string.Create(
                CultureInfo.InvariantCulture,
                $"complete, {report.View.Connections.Count:N0} connections"
            ),
            ExitCode.Partial => "partial",
            _ => "refused",
        };
        var others = Answering
            .Select(each => each.Uri)
            .Where(way => way.Protocol == uri.Protocol && way != uri);
        var also = string.Concat(others.Select(way => $", also {way}"));
        return $"{Host}: {uri.Protocol} answers ({verdict}); use {text}{also}";
    }
}
