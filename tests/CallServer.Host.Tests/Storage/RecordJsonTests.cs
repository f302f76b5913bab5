using System.Text.Json;
using CallServer.Storage;
using CallServer.Surface;
using NUnit.Framework;

namespace CallServer.Host.Tests.Storage;

/// <summary>The JSON keys that others parse.</summary>
[TestFixture]
public sealed class RecordJsonTests
{
    [Test]
    public void A_CDR_has_the_names_of_the_contract_and_nulls()
    {
        var json = RecordJson.Cdr(TestRows.Cdr("x"));

        using var document = JsonDocument.Parse(json);
        Assert.That(
            document.RootElement.EnumerateObject().Select(property => property.Name),
            Is.SupersetOf(
                (
                    "id uuid call gateway originator remote read_codec qos start_stamp answer_stamp answer_stamp_min "
                    + "answer_stamp_max end_stamp end_stamp_min end_stamp_max duration billsec billsec_min billsec_max "
                    + "hangup_cause start_evidence end_evidence recovered last_confirmed confirmed_count epoch server sources"
                ).Split(' ')
            )
        );
        Assert.That(document.RootElement.GetProperty("remote").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(
            json,
            Does.Contain("\"originator\":\"+41791234567\"")
                .And.Contain("{\"dscp\":46,\"service\":null,\"reported\":\"b8\"}")
        );
    }

    [Test]
    public void Changes_and_audits_are_in_camel_case()
    {
        Assert.That(
            RecordJson.Change(TestRows.Change("opened")),
            Is.EqualTo(
                """{"kind":"opened","gateway":"gw1","connection":"1234.1","time":"2026-01-31T10:00:00.000000Z","detail":null}"""
            )
        );
        Assert.That(
            RecordJson.Audit(TestRows.Audit()),
            Does.StartWith(
                """{"gateway":"gw1","uri":"snmp://192.0.2.1:161?profile=cisco-voice","protocol":"snmp","""
            )
        );
    }

    [Test]
    public void What_is_written_often_is_written_as_the_serializer_would()
    {
        var cdr = TestRows.Cdr("x", originator: "\"caf\u00e9\" \u202e<sip:a&b@[2001:db8::1]>");
        Assert.That(RecordJson.Cdr(cdr), Is.EqualTo(JsonSerializer.Serialize(cdr, RecordJson.Snake)));
        foreach (var change in new[] { TestRows.Change("opened"), Full })
            Assert.That(
                RecordJson.Change(change),
                Is.EqualTo(JsonSerializer.Serialize(change, RecordJson.Camel))
            );
    }

    /// <summary>A change that leaves nothing out.</summary>
    private static ChangeView Full =>
        new(
            kind: "updated",
            gateway: "gw1",
            connection: "\u2028 caf\u00e9 \ud83d\ude00 <&>",
            time: "2026-01-31T10:00:00.000000Z",
            detail: "\t\"quoted\" \ud800",
            was: "0.1",
            setup: new IntervalView(null, "2026-01-31T09:58:59.990000Z", "reported"),
            start: new IntervalView("2026-01-31T09:58:59.990000Z", null, "inferred"),
            end: new IntervalView(null, null, "absent"),
            reported: new IntervalView(null, null, null),
            facts: [new FactChange("codec", null, "PCMA"), new FactChange("mode", "sendrecv", "inactive")],
            cdr: "8e1b2a54-0000-5000-8000-000000000000"
        );
}
