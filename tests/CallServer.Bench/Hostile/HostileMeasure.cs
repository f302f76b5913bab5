using CallServer.Bench.Fleet;
using CallServer.Bench.Start;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Output;

namespace CallServer.Bench.Hostile;

/// <summary>Observes what a server does for a while.</summary>
internal sealed class HostileMeasure(ServerUnderTest server, IReadOnlySet<string> healthy)
{
    // The server keeps only some audits of each gateway, so they are fetched before they are gone.
    private static readonly TimeSpan Often = TimeSpan.FromSeconds(20);

    private readonly Dictionary<(string, long), FleetAudit> audits = [];
    private int unanswered;

    public async Task WatchAsync(TimeSpan measured, CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        over.CancelAfter(measured);
        try
        {
            while (true)
            {
                await Task.Delay(Often, over.Token);
                await FetchAsync(over.Token);
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // The measurement has ended.
        }
    }

    public async Task<HostileReport> EndAsync(
        long from,
        long to,
        TimeSpan cpu,
        string folder,
        CancellationToken cancel
    )
    {
        var peak = server.Process.PeakMemory;
        await FetchAsync(cancel);
        return new HostileReport(
            [.. audits.Values.Where(audit => audit.Asked >= from && audit.Asked < to)],
            healthy,
            TimeSpan.FromMicroseconds(to - from),
            peak,
            cpu,
            ThreadTimes.Of(server.Process.Id),
            server.Process.Written,
            new DirectoryInfo(folder).EnumerateFiles("callserver.db*").Sum(file => file.Length),
            new DirectoryInfo(folder).EnumerateFiles("cdr*").Sum(file => file.Length),
            unanswered
        );
    }

    private async Task FetchAsync(CancellationToken cancel)
    {
        try
        {
            foreach (
                var audit in (await server.Client.AllAsync("audits", null, cancel)).Items.Select(
                    FleetAudit.Of
                )
            )
                audits[(audit.Gateway, audit.Asked)] = audit;
        }
        catch (CommandFailedException)
        {
            unanswered++;
        }
    }
}

/// <summary>The measurement.</summary>
/// <param name="Audits">Audits begun during it.</param>
/// <param name="Healthy">Gateways whose audits must be on time.</param>
/// <param name="Measured">How long it took.</param>
/// <param name="Peak">Peak resident memory, in octets.</param>
/// <param name="Cpu">CPU time of the server.</param>
/// <param name="Threads">CPU seconds of each of its threads since its start.</param>
/// <param name="Logged">Octets that the server wrote to its log.</param>
/// <param name="Stored">Size of its database, in octets.</param>
/// <param name="Cdrs">Size of its CDR files, in octets.</param>
/// <param name="Unanswered">How often it did not answer over HTTP.</param>
internal sealed record HostileReport(
    IReadOnlyList<FleetAudit> Audits,
    IReadOnlySet<string> Healthy,
    TimeSpan Measured,
    long Peak,
    TimeSpan Cpu,
    string Threads,
    long Logged,
    long Stored,
    long Cdrs,
    int Unanswered
)
{
    private const double Mega = 1e6;

    /// <summary>
    /// For each audit of a healthy gateway, when it began and how long after the one before, in microseconds.
    /// </summary>
    private IEnumerable<(long At, long After)> Steps =>
        Audits
            .Where(audit => Healthy.Contains(audit.Gateway))
            .GroupBy(audit => audit.Gateway)
            .SelectMany(own =>
            {
                var sorted = own.Select(audit => audit.Asked).Order().ToList();
                return sorted.Zip(sorted.Skip(1), (first, second) => (second, second - first));
            });

    /// <summary>Seconds from start to start of healthy gateways' audits.</summary>
    public Spread Interval => Spread.Of(Steps.Select(step => step.After / 1e6));

    /// <summary>Audits of healthy gateways that were not complete.</summary>
    public int HealthyPartial => Audits.Count(audit => Healthy.Contains(audit.Gateway) && !audit.Complete);

    public void Write(TextWriter output, string title)
    {
        void Line(FormattableString text) => output.WriteLine(FormattableString.Invariant(text));
        Line(
            $"{title}: {Measured.TotalSeconds:0} s, memory {Peak / Mega:0} MB at most, CPU {100 * Cpu / Measured:0} % of a core"
        );
        Line($"  threads, s: {Threads}");
        Line(
            $"  log {Logged / Mega:0.00} MB, database {Stored / Mega:0.0} MB, CDR files {Cdrs / Mega:0.0} MB, unanswered over HTTP {Unanswered}"
        );
        Line(
            $"  healthy: {Healthy.Count} gateways, interval s p50, p99, max {Interval}; {HealthyPartial} audits not complete"
        );
        WriteLate(Line);
        foreach (
            var own in Audits
                .Where(audit => !Healthy.Contains(audit.Gateway))
                .GroupBy(audit => audit.Gateway)
                .OrderBy(own => own.Key)
        )
        {
            Line(
                $"  {own.Key, -18} {own.Count(), 5} audits, {own.Count(audit => audit.Complete), 5} complete"
            );
            foreach (
                var reason in own.Where(audit => !audit.Complete)
                    .GroupBy(audit => Shape(audit.Reasons))
                    .OrderByDescending(reason => reason.Count())
                    .Take(3)
            )
                Line($"      {reason.Count(), 5} x {reason.Key}");
        }
    }

    /// <summary>Several late audits at the same time mean that something held up all of them.</summary>
    private void WriteLate(Action<FormattableString> line)
    {
        var usual = (long)(Interval.Median * 1e6);
        var begun = Audits.Select(audit => audit.Asked).DefaultIfEmpty().Min();
        var late = Steps.Where(step => step.After > usual * 1.02);
        foreach (var at in late.GroupBy(step => (step.At - begun) / 1_000_000).OrderBy(second => second.Key))
            line(
                $"    {at.Count()} late at {at.Key} s, by {(at.Max(step => step.After) - usual) / 1000} ms at most"
            );
    }

    /// <summary>Reasons that differ only in numbers count as one.</summary>
    private static string Shape(string reasons)
    {
        var shape = System.Text.RegularExpressions.Regex.Replace(reasons, "[0-9]+(\\.[0-9]+)?", "N");
        return shape.Length > 200 ? shape[..200] + "…" : shape;
    }
}
