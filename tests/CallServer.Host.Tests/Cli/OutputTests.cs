using System.Text.Json;
using CallServer.Host.Cli.Auditing;
using CallServer.Host.Cli.Output;
using CallServer.Server;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class OutputTests
{
    private const string Audit = """
        {"gateway":"192.0.2.1:161","uri":"snmp://192.0.2.1","protocol":"snmp","profile":"cisco-voice",
         "complete":true,"proof":["end-of-table","same-boot","count-agrees"],"reasons":[],
         "asked":"2026-01-31T10:00:00.000000Z","answered":"2026-01-31T10:00:00.084000Z","boot":"b","requests":12,
         "connections":[
          {"id":"258666026.1","call":"30ea25ad0bfa55d48d5fb78ec0d0edfb","endpoint":"50","originator":"14159015298","remote":"442012345678",
           "codec":"PCMU","clockRate":8000,"qos":{"dscp":46,"service":null,"reported":"b8"},
           "setup":null,
           "start":{"earliest":"2026-01-31T09:58:59.990000Z","latest":"2026-01-31T09:59:00.010000Z","evidence":"reported"},
           "ageSeconds":{"min":59.99,"max":60.09},"mode":"sendrecv","state":"active",
           "localMedia":"192.0.2.1:16384","remoteMedia":"192.0.2.9:20000"},
          {"id":"7.1","call":null,"endpoint":null,"originator":"a\u001b[2Jb","remote":null,
           "codec":null,"clockRate":null,"qos":{"dscp":null,"service":"guaranteed","reported":"3"},
           "setup":null,
           "start":{"earliest":null,"latest":"2026-01-30T09:59:00.010000Z","evidence":"bounded"},
           "ageSeconds":{"min":86460,"max":null},"mode":null,"state":"active",
           "localMedia":null,"remoteMedia":null}]}
        """;

    private static readonly JsonElement View = JsonDocument.Parse(Audit).RootElement;

    private static string[] Shown(int width)
    {
        var output = CliRun.Writer();
        AuditPage.Write(
            new Terminal(output, output, CliRun.Screen(output, width)),
            View,
            status: 0,
            first: true
        );
        return output.ToString().Split('\n').Select(line => line.TrimEnd()).ToArray();
    }

    [Test]
    public void A_pipe_gets_aligned_lines()
    {
        var output = CliRun.Writer();
        AuditPage.Write(new Terminal(output, output), View, status: 0, first: true);
        Assert.That(
            output.ToString(),
            Is.EqualTo(
                """
                # 192.0.2.1:161  snmp cisco-voice  complete: end-of-table, same-boot, count-agrees  (2 connections, 12 requests in 84 ms, asked 2026-01-31T10:00:00.000Z)
                ID           CALL                              ORIGINATOR   REMOTE        CODEC  QOS         START                     EXACT      EVIDENCE      AGE-S  MODE      STATE   LOCAL-MEDIA      REMOTE-MEDIA
                258666026.1  30ea25ad0bfa55d48d5fb78ec0d0edfb  14159015298  442012345678  PCMU   EF/46       2026-01-31T09:59:00.000Z  ±10ms      reported     59.990  sendrecv  active  192.0.2.1:16384  192.0.2.9:20000
                7.1          -                                 a\u001b[2Jb  -             -      guaranteed  2026-01-30T09:59:00.010Z  or-before  bounded   86460.000  -         active  -                -

                """
            )
        );
    }

    [Test]
    public void Eighty_columns_show_what_matters_most() =>
        Assert.That(
            string.Join('\n', Shown(80)),
            Is.EqualTo(
                """
                192.0.2.1:161  snmp cisco-voice  complete  end-of-table, same-boot, count-agrees
                2 connections, 12 requests in 84 ms, asked 2026-01-31T10:00:00.000Z
                id           originator   remote       codec  QoS      start (UTC)
                ────────────────────────────────────────────────────────────────────────────────
                258666026.1  14159015298  4420123456…  PCMU   EF/46    09:59:00.000 ±10 ms
                7.1          a\u001b[2Jb                      guaran…  before 01-30 09:59:00.010
                In a wider terminal, or with --json: media, call, mode/state, age

                """
            )
        );

    [Test]
    public void A_wide_terminal_shows_everything() =>
        Assert.That(
            string.Join('\n', Shown(200)),
            Is.EqualTo(
                """
                192.0.2.1:161  snmp cisco-voice  complete  end-of-table, same-boot, count-agrees
                2 connections, 12 requests in 84 ms, asked 2026-01-31T10:00:00.000Z
                id           call                              originator   remote        codec  QoS         start (UTC)                         age  mode/state       media
                ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
                258666026.1  30ea25ad0bfa55d48d5fb78ec0d0edfb  14159015298  442012345678  PCMU   EF/46       09:59:00.000 ±10 ms                0:59  sendrecv/active  192.0.2.1:16384 → 192.0.2.9:20000
                7.1                                            a\u001b[2Jb                       guaranteed  before 01-30 09:59:00.010  ≥1d 00:01:00  active

                """
            )
        );

    [Test]
    public void No_line_is_wider_than_the_terminal([Values(60, 80, 100, 132, 160, 200)] int width)
    {
        Assert.That(Shown(width).Skip(2).Max(line => line.Length), Is.LessThanOrEqualTo(width));
    }

    [TestCase(46, "EF/46")]
    [TestCase(0, "BE/0")]
    [TestCase(34, "AF41/34")]
    [TestCase(26, "AF31/26")]
    [TestCase(10, "AF11/10")]
    [TestCase(38, "AF43/38")]
    [TestCase(24, "CS3/24")]
    [TestCase(44, "VA/44")]
    [TestCase(47, "47")]
    [TestCase(42, "42")]
    public void A_dscp_has_its_name(int code, string text) =>
        Assert.That(ConnectionColumns.Dscp(code), Is.EqualTo(text));

    [TestCase(5, "0:05")]
    [TestCase(59.99, "0:59")]
    [TestCase(3723, "1:02:03")]
    [TestCase(180000, "2d 02:00:00")]
    public void A_length_is_short(double seconds, string text) =>
        Assert.That(ConnectionColumns.Length(seconds), Is.EqualTo(text));

    [Test]
    public void Text_from_a_gateway_cannot_move_the_cursor() =>
        Assert.That(Printable.Of("a\u001b[2J\u202eb\nc"), Is.EqualTo("a\\u001b[2J\\u202eb\\u000ac"));

    [Test]
    public void A_json_line_is_as_it_was_sent()
    {
        using var document = JsonDocument.Parse("""{"b":1.50,"a":"+49 ü","unknown":{"x":[null]}}""");
        Assert.That(
            JsonText.Line(document.RootElement),
            Is.EqualTo("""{"b":1.50,"a":"+49 ü","unknown":{"x":[null]}}""")
        );
    }

    [Test]
    public void A_json_object_of_many_lines_becomes_one()
    {
        using var document = JsonDocument.Parse("{\n \"b\": 1.50,\n \"a\": \"x\"\n}");
        Assert.That(JsonText.Line(document.RootElement), Is.EqualTo("""{"b":1.50,"a":"x"}"""));
    }
}
