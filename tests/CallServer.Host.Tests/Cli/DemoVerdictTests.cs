using System.Text.Json;
using CallServer.Host.Cli.Demo;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

/// <summary>A demonstration that cannot fail proves nothing: every kind of loss must be found.</summary>
[TestFixture]
internal sealed class DemoVerdictTests
{
    private const string Day = "2026-01-31T10:00:";

    private static string At(double second) =>
        Day + second.ToString("00.000000", System.Globalization.CultureInfo.InvariantCulture) + "Z";

    private static string Open(string id, double at) =>
        $$"""{"event":"open","time":"{{At(at)}}","id":"{{id}}","call":null,"endpoint":null,"originator":null,"codec":"PCMU","dscp":46}""";

    private static string Close(string id, double at) =>
        $$"""{"event":"close","time":"{{At(at)}}","id":"{{id}}"}""";

    private static JsonElement Connection(string id, double earliest, double latest) =>
        JsonDocument
            .Parse(
                $$$"""{"gateway":"gw1","id":"{{{id}}}","start":{"earliest":"{{{At(earliest)}}}","latest":"{{{At(latest)}}}","evidence":"reported"}}"""
            )
            .RootElement;

    private static JsonElement Cdr(string id, double start, double endMin, double endMax) =>
        JsonDocument
            .Parse(
                $$"""{"gateway":"gw1","connection":"{{id}}","answer_stamp_min":"{{At(start - 0.01)}}","answer_stamp_max":"{{At(start + 0.01)}}","end_stamp_min":"{{At(endMin)}}","end_stamp_max":"{{At(endMax)}}"}"""
            )
            .RootElement;

    private static long Micros(double second) => CallServer.Host.Cli.Output.Bounds.Micros(At(second))!.Value;

    private static AuditTime Audit(double at, bool complete = true) =>
        new("gw1", Micros(at), Micros(at + 0.1), complete);

    private static readonly string[] Truth =
    [
        Open("a", 1),
        Open("b", 2),
        Close("b", 12),
        // Began and ended between two audits: nobody can have heard it.
        Open("x", 5.2),
        Close("x", 5.3),
        Open("c", 13),
    ];

    private static DemoVerdict Judge(
        JsonElement[] connections,
        JsonElement[] cdrs,
        int absences = 1,
        IEnumerable<AuditTime>? audits = null
    ) =>
        DemoVerdict.Of(
            DemoTruth.Read("gw1", Truth),
            new DemoRecord(
                connections,
                cdrs,
                [],
                [.. audits ?? [Audit(5), Audit(6), Audit(20)]],
                Micros(21),
                Micros(21.1)
            ),
            killed: Micros(10),
            restarted: Micros(15),
            new Dictionary<string, int> { ["gw1"] = absences }
        );

    private static readonly JsonElement A = Connection("a", 0.99, 1.01);
    private static readonly JsonElement C = Connection("c", 12.99, 13.01);
    private static readonly JsonElement B = Cdr("b", 2, 6, 20.1);

    [Test]
    public void A_record_that_agrees_has_lost_nothing()
    {
        var verdict = Judge([A, C], [B]);
        Assert.Multiple(() =>
        {
            Assert.That(verdict.Faults, Is.Empty);
            Assert.That(
                (verdict.Alive, verdict.Recorded, verdict.Kept, verdict.Found, verdict.EndedUnwatched),
                Is.EqualTo((2, 2, 1, 1, 1))
            );
            Assert.That((verdict.CdrsDue, verdict.CdrsWritten, verdict.CdrsWrong), Is.EqualTo((1, 1, 0)));
            Assert.That((verdict.TimesCompared, verdict.OutsideBounds), Is.EqualTo((4, 0)));
        });
    }

    [Test]
    public void A_connection_that_is_not_in_the_record_is_missed() =>
        Assert.That(Judge([A], [B]), Has.Property("Missed").EqualTo(1).And.Property("NothingLost").False);

    [Test]
    public void A_connection_that_ended_and_stays_is_wrong() =>
        Assert.That(Judge([A, C, Connection("b", 1.99, 2.01)], [B]), Has.Property("Wrong").EqualTo(1));

    [Test]
    public void Where_two_absences_prove_an_end_one_does_not_make_it_wrong()
    {
        var verdict = Judge([A, C, Connection("b", 1.99, 2.01)], [], absences: 2);
        Assert.That(verdict.Faults, Is.Empty);
        Assert.That(verdict.CdrsDue, Is.Zero);
    }

    [Test]
    public void A_partial_audit_proves_nothing()
    {
        var verdict = Judge(
            [A, Connection("b", 1.99, 2.01)],
            [],
            audits: [Audit(5), Audit(6), Audit(20, complete: false)]
        );
        Assert.That(verdict.Faults, Is.Empty);
    }

    [Test]
    public void A_connection_that_nobody_has_is_wrong() =>
        Assert.That(Judge([A, C, Connection("z", 1, 2)], [B]), Has.Property("Wrong").EqualTo(1));

    [Test]
    public void A_cdr_that_is_missing_double_or_false_is_found() =>
        Assert.Multiple(() =>
        {
            Assert.That(Judge([A, C], []).CdrsWritten, Is.Zero);
            Assert.That(Judge([A, C], []).NothingLost, Is.False);
            Assert.That(Judge([A, C], [B, B]).CdrsWrong, Is.EqualTo(1));
            Assert.That(Judge([A, C], [B, Cdr("a", 1, 6, 20)]).CdrsWrong, Is.EqualTo(1));
        });

    [Test]
    public void A_cdr_by_the_rows_own_number_is_that_of_the_one_connection_that_ended_then()
    {
        string[] truth = [Open("17.1", 2), Close("17.1", 12), Open("17.2", 3), Close("17.2", 14)];
        DemoVerdict Of(params JsonElement[] cdrs) =>
            DemoVerdict.Of(
                DemoTruth.Read("gw1", truth),
                new DemoRecord([], cdrs, [], [Audit(5), Audit(6), Audit(20)], Micros(21), Micros(21.1)),
                killed: Micros(10),
                restarted: Micros(15),
                new Dictionary<string, int> { ["gw1"] = 1 }
            );
        var first = Cdr("17.1", 2, 6, 20.1);
        Assert.Multiple(() =>
        {
            Assert.That(Of(first, Cdr("17/4", 3, 13.9, 14.1)).Faults, Is.Empty);
            Assert.That(Of(first, Cdr("17/4", 2, 11.9, 12.1)).CdrsWrong, Is.EqualTo(1), "it has two");
            Assert.That(Of(first, Cdr("17/4", 3, 11, 15)).CdrsWrong, Is.EqualTo(1), "either may be meant");
            Assert.That(Of(first, Cdr("18/4", 3, 13.9, 14.1)).CdrsWrong, Is.EqualTo(1), "nobody is meant");
        });
    }

    [Test]
    public void A_true_time_outside_its_bounds_is_found() =>
        Assert.Multiple(() =>
        {
            Assert.That(Judge([Connection("a", 1.01, 1.02), C], [B]).OutsideBounds, Is.EqualTo(1));
            Assert.That(Judge([A, C], [Cdr("b", 2, 12.5, 20)]).OutsideBounds, Is.EqualTo(1));
            Assert.That(Judge([A, C], [Cdr("b", 2, 6, 11)]).OutsideBounds, Is.EqualTo(1));
            Assert.That(Judge([A, C], [Cdr("b", 2.5, 6, 20)]).OutsideBounds, Is.EqualTo(1));
        });
}
