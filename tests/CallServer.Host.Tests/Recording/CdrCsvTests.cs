using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Recording.Cdrs;
using CallServer.Storage;

namespace CallServer.Host.Tests.Recording;

/// <summary>One CDR as a line of comma-separated values.</summary>
public sealed class CdrCsvTests
{
    [Test]
    public void EveryFieldOfACdrHasItsColumn()
    {
        using var cdr = JsonDocument.Parse(RecordJson.Cdr(TestRows.Cdr("x")));
        var names = cdr
            .RootElement.EnumerateObject()
            .SelectMany(member =>
                member.Value.ValueKind == JsonValueKind.Object
                    ? member.Value.EnumerateObject().Select(nested => $"{member.Name}_{nested.Name}")
                    : [member.Name]
            );
        Assert.That(CdrCsv.Header.Split(','), Is.EquivalentTo(names).And.Unique);
        Assert.That(
            CdrCsv.Header,
            Does.StartWith("id,uuid,call,gateway,originator,remote,read_codec,qos_dscp")
        );
    }

    [Test]
    public void ValuesStandUnderTheirNames()
    {
        var row = Row(TestRows.Cdr("x", reused: true));
        Assert.Multiple(() =>
        {
            Assert.That(row["id"], Is.EqualTo("x"));
            Assert.That(row["remote"], Is.Empty);
            Assert.That(row["qos_dscp"], Is.EqualTo("46"));
            Assert.That(row["qos_service"], Is.Empty);
            Assert.That(row["counters_octets_received"], Is.EqualTo("198400"));
            Assert.That(row["billsec_max"], Is.EqualTo("62"));
            Assert.That(row["recovered"], Is.EqualTo("false"));
            Assert.That(row["id_reused"], Is.EqualTo("true"));
            Assert.That(row["sources"], Is.EqualTo("gw1"));
            Assert.That(row["record_seq"], Is.EqualTo("1"));
            Assert.That(row["clock_steps"], Is.EqualTo("2026-01-31T09:59:30.000000Z/3600000"));
        });
    }

    [TestCase("plain", "plain")]
    [TestCase("a,b", "\"a,b\"")]
    [TestCase("say \"hm\"", "\"say \"\"hm\"\"\"")]
    [TestCase("two\r\nlines\0", "two  lines ")]
    [TestCase("+41791234567", "'+41791234567")]
    [TestCase("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\"")]
    [TestCase("-1", "'-1")]
    [TestCase("@sum", "'@sum")]
    [TestCase("\t=1", "' =1")]
    [TestCase("a=b", "a=b")]
    [TestCase("", "")]
    [TestCase("a\u202eb\u2028", "a\\u202eb\\u2028")]
    [TestCase("Zoë 😀", "Zoë 😀")]
    public void ATextIsQuotedAndIsNoFormula(string text, string field) =>
        Assert.That(
            CdrCsv.Line(RecordJson.Cdr(TestRows.Cdr("x", originator: text))),
            Does.StartWith($"x,x,E0C1-4F,gw1,{field},,PCMU,46,")
        );

    [Test]
    public void AnOlderServersCdrLacksWhatItDidNotKnow()
    {
        var line = CdrCsv.Line("""{"id":"x","sources":["a","b"],"qos":null}""");
        Assert.That(line.Split(','), Has.Length.EqualTo(CdrCsv.Header.Split(',').Length));
        Assert.That(line, Does.StartWith("x,,").And.Contain(",a b,"));
    }

    private static Dictionary<string, string> Row(Surface.CdrView cdr) =>
        CdrCsv
            .Header.Split(',')
            .Zip(CdrCsv.Line(RecordJson.Cdr(cdr)).Split(','))
            .ToDictionary(pair => pair.First, pair => pair.Second);
}
