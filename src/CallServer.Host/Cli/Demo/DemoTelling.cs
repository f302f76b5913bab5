using System.Globalization;

namespace CallServer.Host.Cli.Demo;

/// <summary>Puts the demonstration's verdict into words.</summary>
internal static class DemoTelling
{
    private const int MostFaults = 10;

    public static void Tell(DemoPage page, DemoVerdict verdict, Func<string, string> protocolOf)
    {
        page.Say(
            string.Create(
                CultureInfo.InvariantCulture,
                $"from kill -9 to acting       {verdict.DetectionSeconds, 5:0.0} s   to the whole record {verdict.DetectionSeconds + verdict.RecoverySeconds:0.0} s"
            )
        );
        page.Say($"alive now                    {verdict.Alive, 5}");
        page.Say(
            $"in the record                {verdict.Recorded, 5}   missed {verdict.Missed}, wrong {verdict.Wrong}"
        );
        if (verdict.JustEnded + verdict.JustBegun > 0)
            page.Aside(
                $"{verdict.JustEnded} ended and {verdict.JustBegun} began so lately that the next audits will tell"
            );
        page.Say($"alive since before the kill  {verdict.Kept, 5}   recovered, none lost");
        page.Say($"begun unheard, and found     {verdict.Found, 5}");
        page.Say(
            $"ended unheard, and closed    {verdict.EndedUnwatched, 5}   their ends bounded by two audits, or told by the gateway"
        );
        page.Say(
            $"CDRs due                     {verdict.CdrsDue, 5}   written {verdict.CdrsWritten}, false {verdict.CdrsWrong}; {verdict.CdrsTwice} ids stand in both files, and count once"
        );
        page.Say(
            string.Create(
                CultureInfo.InvariantCulture,
                $"seconds at risk              {verdict.SecondsAtRisk, 5:0.0}   of all billable time, by the backup's report"
            )
        );
        page.Say(
            $"true times compared          {verdict.TimesCompared, 5}   outside the record's bounds {verdict.OutsideBounds}"
        );
        page.Say(
            $"calls across gateways        {verdict.CallsDue, 5}   joined {verdict.CallsJoined}, joined wrongly {verdict.CallsWrong}"
        );
        foreach (var start in verdict.Starts)
            page.Say(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"starts of {protocolOf(start.Gateway), -19}off by {start.WorstErrorMs, 4:0} ms at worst; the record says ±{Math.Ceiling(start.WorstBoundMs):0} ms"
                )
            );
        foreach (var fault in verdict.Faults.Take(MostFaults))
            page.Bad($"   {fault}");
        if (verdict.Faults.Count > MostFaults)
            page.Bad($"   … and {verdict.Faults.Count - MostFaults} more");
        page.Say("");
        if (verdict.NothingLost)
            page.Good("Lost: nothing.");
        else
            page.Bad($"Lost: {verdict.Faults.Count} facts. That is a fault of CallServer.");
    }
}
