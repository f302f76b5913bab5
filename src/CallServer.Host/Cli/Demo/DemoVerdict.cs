using System.Text.Json;

namespace CallServer.Host.Cli.Demo;

/// <summary>An audit of the demonstration: when it began and ended, and whether it was complete.</summary>
public sealed record AuditTime(string Gateway, long Asked, long Answered, bool Complete)
{
    /// <summary>Reads an object of <c>audits --json</c>; null if it has no times.</summary>
    public static AuditTime? Of(JsonElement audit) =>
        Bounds.Micros(audit.Text("asked")) is { } asked
        && Bounds.Micros(audit.Text("answered")) is { } answered
            ? new AuditTime(audit.Text("gateway") ?? "", asked, answered, audit.Flag("complete") == true)
            : null;
}

/// <summary>What a server reports at one moment.</summary>
/// <param name="Connections">The objects of <c>connections --json</c>.</param>
/// <param name="Cdrs">The objects of <c>cdrs --json</c>.</param>
/// <param name="Calls">The objects of <c>calls --json</c>.</param>
/// <param name="Audits">Audits of all gateways, from before and after the takeover.</param>
/// <param name="From">The record was read no earlier than this.</param>
/// <param name="To">The record was read no later than this.</param>
public sealed record DemoRecord(
    IReadOnlyList<JsonElement> Connections,
    IReadOnlyList<JsonElement> Cdrs,
    IReadOnlyList<JsonElement> Calls,
    IReadOnlyList<AuditTime> Audits,
    long From,
    long To
);

/// <summary>How exact the starts with two bounds were.</summary>
/// <param name="Gateway">The gateway of these connections.</param>
/// <param name="Compared">How many were compared.</param>
/// <param name="WorstErrorMs">The furthest that the middle of the bounds was from the true start.</param>
/// <param name="WorstBoundMs">The furthest that it could have been, according to the record.</param>
public sealed record StartExactness(string Gateway, int Compared, double WorstErrorMs, double WorstBoundMs);

/// <summary>
/// How well the record agrees with the truth. Everything that is wrong is named in <see cref="Faults"/>.
/// </summary>
public sealed record DemoVerdict
{
    /// <summary>From the kill until the backup acted.</summary>
    public double DetectionSeconds { get; init; }

    /// <summary>From when it acted until every gateway had answered it.</summary>
    public double RecoverySeconds { get; init; }

    /// <summary>Sum of (upper - lower) over billable time, from the backup's report.</summary>
    public double SecondsAtRisk { get; init; }

    /// <summary>CDRs that both servers wrote, under one id.</summary>
    public int CdrsTwice { get; init; }

    /// <summary>Connections that the gateways carry now.</summary>
    public int Alive { get; init; }

    /// <summary>Connections in the record.</summary>
    public int Recorded { get; init; }

    /// <summary>Recorded, but ended so recently that no audits have proven it yet.</summary>
    public int JustEnded { get; init; }

    /// <summary>Alive, but begun so recently that no audit has heard it yet.</summary>
    public int JustBegun { get; init; }

    /// <summary>Heard before the server was killed, alive afterwards, and in the record.</summary>
    public int Kept { get; init; }

    /// <summary>Begun while the server was down, and found afterwards.</summary>
    public int Found { get; init; }

    /// <summary>Known before, ended while the server was down, and written as a CDR afterwards.</summary>
    public int EndedUnwatched { get; init; }

    /// <summary>Alive throughout an audit, but not in the record.</summary>
    public int Missed { get; init; }

    /// <summary>In the record, although the audits since its end have shown it gone.</summary>
    public int Wrong { get; init; }

    /// <summary>Connections that were heard at least once and have ended; each is due one CDR.</summary>
    public int CdrsDue { get; init; }

    public int CdrsWritten { get; init; }

    /// <summary>Two CDRs for one connection, or one for none.</summary>
    public int CdrsWrong { get; init; }

    /// <summary>Starts and ends with bounds that were compared with the truth.</summary>
    public int TimesCompared { get; init; }

    /// <summary>True times outside the bounds that the record gave.</summary>
    public int OutsideBounds { get; init; }

    /// <summary>Calls whose connections at two gateways are alive and were both heard.</summary>
    public int CallsDue { get; init; }

    /// <summary>Of the calls due, those listed as one call.</summary>
    public int CallsJoined { get; init; }

    /// <summary>Listed calls that mix connections of several calls.</summary>
    public int CallsWrong { get; init; }

    /// <summary>How exact the starts of each gateway's connections were.</summary>
    public IReadOnlyList<StartExactness> Starts { get; init; } = [];

    /// <summary>Each fault in words; empty if nothing was lost.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    public bool NothingLost => Faults.Count == 0;

    /// <summary>Compares the record with the truth.</summary>
    /// <param name="truth">The connections of all gateways.</param>
    /// <param name="record">The record, read after the restart.</param>
    /// <param name="killed">When the server died.</param>
    /// <param name="restarted">The earliest time at which a server asked again.</param>
    /// <param name="absences">Complete absences in a row that prove an end, by gateway.</param>
    public static DemoVerdict Of(
        IReadOnlyList<TrueConnection> truth,
        DemoRecord record,
        long killed,
        long restarted,
        IReadOnlyDictionary<string, int> absences
    )
    {
        ArgumentNullException.ThrowIfNull(truth);
        ArgumentNullException.ThrowIfNull(record);
        return new Comparison(truth, record, killed, restarted, absences).Judge();
    }

    private sealed class Comparison
    {
        private readonly IReadOnlyList<TrueConnection> truth;
        private readonly DemoRecord record;
        private readonly long killed;
        private readonly long restarted;
        private readonly IReadOnlyDictionary<string, int> absences;
        private readonly ILookup<string, AuditTime> audits;
        private readonly ILookup<(string, string), TrueConnection> byId;
        private readonly HashSet<(string, string)> recorded;
        private readonly List<string> faults = [];
        private int compared;
        private int outside;
        private readonly SortedDictionary<string, StartExactness> starts = new(StringComparer.Ordinal);

        public Comparison(
            IReadOnlyList<TrueConnection> truth,
            DemoRecord record,
            long killed,
            long restarted,
            IReadOnlyDictionary<string, int> absences
        )
        {
            this.truth = truth;
            this.record = record;
            this.killed = killed;
            this.restarted = restarted;
            this.absences = absences;
            audits = record.Audits.Where(audit => audit.Complete).ToLookup(audit => audit.Gateway);
            byId = truth.ToLookup(connection => (connection.Gateway, connection.Id));
            recorded = record.Connections.Select(row => Key(row, "id")).ToHashSet();
        }

        public DemoVerdict Judge()
        {
            var missed = truth
                .Where(connection =>
                    Due(connection, record.From)
                    && connection.ActiveThrough(record.From, record.To)
                    && !recorded.Contains((connection.Gateway, connection.Id))
                )
                .ToList();
            Blame(missed, "alive, but not in the record");

            var wrong = record.Connections.Where(IsWrong).ToList();
            foreach (var row in wrong)
                faults.Add($"{row.Text("gateway")} {row.Text("id")}: in the record, but not alive");
            foreach (var row in record.Connections)
            {
                if (Truth(row, "id") is { } connection)
                    CompareStart(connection, Bounds.Of(row.Member("start")));
            }

            var due = truth
                .Where(connection =>
                    connection.End is not null
                    && Due(connection, connection.End.Value)
                    && ProvenGone(connection)
                )
                .ToList();
            var (written, cdrsWrong) = CompareCdrs(due);
            var (callsDue, callsJoined, callsWrong) = CompareCalls();
            return new DemoVerdict
            {
                Alive = truth.Count(connection => connection.ActiveThrough(record.From, record.From)),
                Recorded = record.Connections.Count,
                JustEnded =
                    record.Connections.Count(row => Truth(row, "id") is { End: not null }) - wrong.Count,
                JustBegun = truth.Count(connection =>
                    connection.ActiveThrough(record.From, record.To)
                    && !Due(connection, record.From)
                    && !recorded.Contains((connection.Gateway, connection.Id))
                ),
                Kept = truth.Count(connection =>
                    connection.Start < killed
                    && connection.End is null
                    && Due(connection, killed)
                    && recorded.Contains((connection.Gateway, connection.Id))
                ),
                Found = truth.Count(connection =>
                    connection.Start >= killed
                    && connection.Start < restarted
                    && recorded.Contains((connection.Gateway, connection.Id))
                ),
                EndedUnwatched = due.Count(connection =>
                    connection.End >= killed && connection.End < restarted
                ),
                Missed = missed.Count,
                Wrong = wrong.Count,
                CdrsDue = due.Count,
                CdrsWritten = written,
                CdrsWrong = cdrsWrong,
                CallsDue = callsDue,
                CallsJoined = callsJoined,
                CallsWrong = callsWrong,
                TimesCompared = compared,
                OutsideBounds = outside,
                Starts = [.. starts.Values],
                Faults = faults,
            };
        }

        /// <summary>
        /// Whether a complete audit lay wholly within its life, up to that moment: then it must have been heard.
        /// </summary>
        private bool Due(TrueConnection connection, long until) =>
            audits[connection.Gateway]
                .Any(audit =>
                    audit.Answered <= until && connection.ActiveThrough(audit.Asked, audit.Answered)
                );

        /// <summary>Whether enough complete audits have begun since its end.</summary>
        private bool ProvenGone(TrueConnection connection) =>
            audits[connection.Gateway]
                .Count(audit => audit.Asked > connection.End && audit.Answered <= record.From)
            >= absences.GetValueOrDefault(connection.Gateway, 1);

        private bool IsWrong(JsonElement row)
        {
            var known = byId[Key(row, "id")].ToList();
            return known.Count == 0
                || known.All(connection => connection.End is not null && ProvenGone(connection));
        }

        private (int Written, int Wrong) CompareCdrs(List<TrueConnection> due)
        {
            var cdrs = record.Cdrs.ToLookup(Named);
            Blame(
                due.Where(connection => !cdrs[(connection.Gateway, connection.Id)].Any()),
                "ended, and no CDR was written"
            );
            var wrong = 0;
            foreach (var same in cdrs)
            {
                var ended = byId[same.Key].Where(connection => connection.End is not null).ToList();
                if (same.Count() > Math.Max(ended.Count, 1) || ended.Count == 0)
                {
                    wrong++;
                    faults.Add($"{same.Key.Item1} {same.Key.Item2}: {same.Count()} CDRs, {ended.Count} ends");
                }
                foreach (var (cdr, connection) in same.Zip(ended))
                    CompareCdr(cdr, connection);
            }
            var written = due.Count(connection => cdrs[(connection.Gateway, connection.Id)].Any());
            return (written, wrong);
        }

        private (int Due, int Joined, int Wrong) CompareCalls()
        {
            var listed = record
                .Calls.Select(call =>
                    call.Member("connections").EnumerateArray().Select(name => name.GetString()!).ToHashSet()
                )
                .ToList();
            var due = truth
                .Where(connection =>
                    connection.Call is not null
                    && connection.ActiveThrough(record.From, record.To)
                    && Due(connection, record.From)
                )
                .GroupBy(connection => connection.Call, StringComparer.OrdinalIgnoreCase)
                .Where(legs => legs.Select(leg => leg.Gateway).Distinct().Count() > 1)
                .ToList();
            var joined = due.Count(legs => listed.Any(call => legs.All(leg => call.Contains(Name(leg)))));
            foreach (
                var legs in due.Where(legs => !listed.Any(call => legs.All(leg => call.Contains(Name(leg)))))
            )
                faults.Add($"{string.Join(" and ", legs.Select(Name))}: one call, but not listed as one");

            var callOf = truth.ToLookup(Name, connection => connection.Call);
            var wrong = listed.Count(call =>
                call.SelectMany(name => callOf[name].Take(1))
                    .OfType<string>()
                    .Distinct(StringComparer.OrdinalIgnoreCase)
                    .Count() > 1
            );
            if (wrong > 0)
                faults.Add($"{wrong} calls put connections together that are not of one call");
            return (due.Count, joined, wrong);
        }

        private static string Name(TrueConnection connection) => $"{connection.Gateway}/{connection.Id}";

        private void CompareCdr(JsonElement cdr, TrueConnection connection)
        {
            CompareStart(
                connection,
                new Bounds(
                    Bounds.Micros(cdr.Text("answer_stamp_min")),
                    Bounds.Micros(cdr.Text("answer_stamp_max"))
                )
            );
            Within(
                connection,
                "end",
                connection.End!.Value,
                new Bounds(Bounds.Micros(cdr.Text("end_stamp_min")), Bounds.Micros(cdr.Text("end_stamp_max")))
            );
        }

        private void CompareStart(TrueConnection connection, Bounds told)
        {
            Within(connection, "start", connection.Start, told);
            if (told.HalfWidth is not { } half)
                return;
            var middle = told.Earliest!.Value + (told.Latest!.Value - told.Earliest.Value) / 2;
            var worst = starts.GetValueOrDefault(connection.Gateway, new(connection.Gateway, 0, 0, 0));
            starts[connection.Gateway] = worst with
            {
                Compared = worst.Compared + 1,
                WorstErrorMs = Math.Max(worst.WorstErrorMs, Math.Abs(connection.Start - middle) / 1000.0),
                WorstBoundMs = Math.Max(worst.WorstBoundMs, half / 1000.0),
            };
        }

        private void Within(TrueConnection connection, string what, long time, Bounds told)
        {
            compared++;
            if (!(told.Earliest > time) && !(told.Latest < time))
                return;
            outside++;
            var at = new Bounds(time, time).At();
            faults.Add(
                $"{connection.Gateway} {connection.Id}: true {what} {at} is outside {told.At()} {told.Exactness()}"
            );
        }

        private void Blame(IEnumerable<TrueConnection> connections, string what)
        {
            foreach (var connection in connections)
                faults.Add($"{connection.Gateway} {connection.Id}: {what}");
        }

        private TrueConnection? Truth(JsonElement row, string member) =>
            byId[Key(row, member)].LastOrDefault();

        // If a gateway's history had forgotten the id, the CDR has the row's own id after the stamp; the time of the
        // end then tells which connection it was.
        private (string, string) Named(JsonElement cdr)
        {
            var key = Key(cdr, "connection");
            if (key.Item2.Split('/') is not [var stamp, _] || byId.Contains(key))
                return key;
            var earliest = Bounds.Micros(cdr.Text("end_stamp_min"));
            var latest = Bounds.Micros(cdr.Text("end_stamp_max"));
            var those = truth
                .Where(connection =>
                    connection.Gateway == key.Item1
                    && connection.Id.StartsWith(stamp + ".", StringComparison.Ordinal)
                    && connection.End >= earliest
                    && connection.End <= latest
                )
                .ToList();
            return those is [var only] ? (only.Gateway, only.Id) : key;
        }

        private static (string, string) Key(JsonElement row, string member) =>
            (row.Text("gateway") ?? "", row.Text(member) ?? "");
    }
}
