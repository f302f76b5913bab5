using System.Text.Json;
using CallServer.Storage;
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
}
