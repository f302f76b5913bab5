using CallServer.Host.Cli.Demo;

namespace CallServer.Bench.Start;

/// <summary>The first audit of a whole fleet by a server that knew nothing.</summary>
/// <param name="Number">Counted from 1.</param>
/// <param name="Asked">From the start of its process until it asked the first gateway.</param>
/// <param name="Heard">From the first question until every gateway's connections were in its record.</param>
/// <param name="Saved">From the first question until they were in its store.</param>
/// <param name="ServerCpu">CPU time of the server until all were in its record, its start included.</param>
/// <param name="FleetCpu">CPU time of the gateways meanwhile.</param>
/// <param name="Memory">The server's peak memory until then, in bytes.</param>
/// <param name="Threads">CPU seconds by thread at that moment, of the server and then of each gateway process; empty
/// unless asked for.</param>
/// <param name="Partial">Audits that were not complete, with their reasons.</param>
/// <param name="First">The record, read at once, against what was alive since the first question.</param>
/// <param name="Whole">The record and the CDRs, read when everything was saved.</param>
internal sealed record StartRun(
    int Number,
    TimeSpan Asked,
    TimeSpan Heard,
    TimeSpan Saved,
    TimeSpan ServerCpu,
    TimeSpan FleetCpu,
    long Memory,
    IReadOnlyList<string> Threads,
    IReadOnlyList<string> Partial,
    FleetVerdict First,
    DemoVerdict Whole
)
{
    public bool IsGood => First.NothingLost && Whole.NothingLost;

    public IEnumerable<string> Faults => First.Faults.Concat(Whole.Faults);

    public override string ToString() =>
        FormattableString.Invariant(
            $"{Number, 3} {Asked.TotalSeconds, 6:0.00} {Heard.TotalSeconds, 6:0.00} {Saved.TotalSeconds, 6:0.00} {ServerCpu.TotalSeconds, 7:0.00} {FleetCpu.TotalSeconds, 6:0.00} {Memory / 1048576.0, 6:0} {First.Alive, 7} {First.Missed, 6} {First.Wrong, 5} {First.Outside, 7} {First.WidestMs, 8:0} {Whole.CdrsDue, 5} {Whole.CdrsWritten, 7}  {(IsGood ? "ok" : "WRONG")}"
        );

    /// <summary>The heading above the runs.</summary>
    public const string Heading =
        "run  asked  heard  saved  server  fleet    MiB   alive missed wrong outside widest/ms due written";
}
