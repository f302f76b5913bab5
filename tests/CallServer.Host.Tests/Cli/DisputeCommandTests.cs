using System.Text.Json;
using CallServer.Host.Cli.Disputes;
using CallServer.Host.Cli.Output;
using CallServer.Host.Tests.Storage;
using Microsoft.AspNetCore.Http;

namespace CallServer.Host.Tests.Cli;

/// <summary><c>dispute</c>: a partner's file, judged by the record of a scripted server.</summary>
[TestFixture]
internal sealed class DisputeCommandTests
{
    private const string Header = "answer_stamp,billsec,caller_id_number,destination_number,sip_call_id\n";

    private static string List(string? next, params IEnumerable<string> items) =>
        $$"""{"asOf":"2026-02-01T00:00:00.000000Z","complete":true,"incomplete":[],"items":[{{string.Join(',', items)}}],"next":{{(next is null ? "null" : $"\"{next}\"")}}}""";

    private static string Time(int seconds) =>
        DateTime
            .UnixEpoch.AddDays(20_484)
            .AddSeconds(seconds)
            .ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", null);

    private static string Audit(int at, bool isComplete = true) =>
        $$"""{"gateway":"gw1","complete":{{(isComplete ? "true" : "false")}},"asked":"{{Time(at)}}","answered":"{{Time(at + 1)}}"}""";

    private static string Cdr(int number, int start, int end, string caller, string called) =>
        $$"""{"id":"{{number:00000000}}-0000-5000-8000-000000000000","call":"call-{{number}}@gw1.example.net","gateway":"gw1","originator":"{{caller}}","remote":"{{called}}","answer_stamp_min":"{{Time(start)}}","answer_stamp_max":"{{Time(start)}}","end_stamp_min":"{{Time(end)}}","end_stamp_max":"{{Time(end + 10)}}","clock_steps":null}""";

    /// <summary>A gateway asked every ten seconds for an hour from midnight on, and two calls.</summary>
    private sealed record Record
    {
        public IReadOnlyList<string> Audits { get; init; } =
        [.. Enumerable.Range(0, 360).Reverse().Select(at => Audit(at * 10))];

        public IReadOnlyList<string> Cdrs { get; init; } =
        [
            Cdr(1, 100, 160, "+41790000001", "+442055550001"),
            Cdr(2, 1000, 1300, "+41790000002", "+442055550002"),
        ];

        public string? MoreCdrs { get; init; }
        public string KeptFor { get; init; } = "90d";
        public Queue<int> Pending { get; } = new();

        public (int, string) Answer(HttpRequest request) =>
            (
                200,
                (string)request.Path switch
                {
                    "/v1/gateways" => List(null, """{"gateway":"gw1"}"""),
                    "/v1/audits" => List(null, Audits),
                    "/v1/connections" => List(null),
                    "/v1/server" => $$$"""{"limits":{"cdrsKeptFor":"{{{KeptFor}}}"}}""",
                    "/readyz" =>
                        $$$"""{"store":{"pendingCdrs":{{{(Pending.TryDequeue(out var left) ? left : 0)}}}}}""",
                    "/v1/cdrs" when request.Query["format"] == "ndjson" => string.Join('\n', Cdrs),
                    _ => List(MoreCdrs, Cdrs),
                }
            );
    }

    private static async Task<(CliRun Run, IReadOnlyList<string> Requests)> JudgeAsync(
        string csv,
        Record? record = null,
        params string[] more
    )
    {
        using var folder = new TestDirectory();
        await File.WriteAllTextAsync(folder.File("partner.csv"), csv);
        var told = record ?? new Record();
        await using var server = await StubServer.StartAsync(told.Answer);
        var run = await CliRun.Of([
            "dispute",
            folder.File("partner.csv"),
            "--server",
            server.Address,
            .. more,
        ]);
        return (run, server.Requests);
    }

    private static string Row(int start, int seconds, string caller, string called, string call = "") =>
        $"{Time(start)[..19].Replace('T', ' ')},{seconds},{caller},{called},{call}\n";

    [TestCase(100, 65, "0790000001", "02055550001", "", "proved", "inside-bounds", "00000001")]
    [TestCase(100, 65, "anonymous", "x", "call-1@gw1.example.net", "proved", "inside-bounds", "00000001")]
    [TestCase(100, 65, "0790000009", "02055550001", "", "possible", "one-number", "00000001")]
    [TestCase(100, 600, "0790000001", "02055550001", "", "disproved", "too-long", "00000001")]
    [TestCase(2000, 60, "0790000001", "02055550001", "", "disproved", "not-there", null)]
    [TestCase(2000, 3, "0790000001", "02055550001", "", "unknown", "too-short", null)]
    [TestCase(2000, 12, "0790000001", "02055550001", "", "unknown", "unwatched", null)]
    [TestCase(4000, 60, "0790000001", "02055550001", "", "unknown", "unwatched", null)]
    public async Task Each_verdict_has_its_reason(
        int start,
        int seconds,
        string caller,
        string called,
        string call,
        string verdict,
        string reason,
        string? cdr
    )
    {
        var (run, _) = await JudgeAsync(Header + Row(start, seconds, caller, called, call), null, "--json");
        Assert.That(run.Status, Is.Zero, run.Error);
        using var document = JsonDocument.Parse(run.Lines.Single());
        var row = document.RootElement;
        using var all = Assert.EnterMultipleScope();
        Assert.That(row.Text("row"), Is.EqualTo("1"));
        Assert.That(row.Text("verdict"), Is.EqualTo(verdict), row.Text("why"));
        Assert.That(row.Text("reason"), Is.EqualTo(reason));
        Assert.That(row.Text("cdr")?[..8], Is.EqualTo(cdr));
        Assert.That(row.Text("why"), Is.Not.Empty);
        Assert.That(row.Member("seconds").Number("claimed"), Is.EqualTo(seconds));
        Assert.That(row.Items("looks").Count(), Is.EqualTo(verdict == "disproved" ? 2 : 0));
        if (cdr is not null)
            Assert.That(
                (row.Member("seconds").Text("min"), row.Member("seconds").Text("max")),
                Is.EqualTo(("60", "70"))
            );
    }

    [Test]
    public async Task The_contracts_keys_come_first()
    {
        var (run, _) = await JudgeAsync(Header + Row(2000, 60, "0790000001", "02055550001"), null, "--json");
        Assert.That(
            run.Lines.Single(),
            Does.StartWith("""{"row":1,"verdict":"disproved","cdr":null,"why":""")
                .And.Contains(""","seconds":{"claimed":60,"min":null,"max":null},""")
        );
    }

    [Test]
    public async Task Two_rows_for_one_call_are_one_too_many()
    {
        var row = Row(1000, 300, "0790000002", "02055550002");
        var (run, _) = await JudgeAsync(Header + row + row, null, "--csv");
        Assert.That(run.Lines[1], Does.StartWith("1,proved,"));
        Assert.That(
            run.Lines[2],
            Does.StartWith("2,disproved,repeated,").And.Contains("row 1 claims the same call")
        );
    }

    [Test]
    public async Task The_money_is_counted_by_the_rate()
    {
        var (run, _) = await JudgeAsync(
            Header + Row(100, 600, "0790000001", "02055550001"),
            null,
            "--json",
            "--rate",
            "0.012 EUR/min:60/60"
        );
        // Ten minutes, of which our connection may have been two.
        Assert.That(run.Out, Does.Contain("""money":{"claimed":0.12,"disproved":0.096}"""));
    }

    [Test]
    public async Task For_people_there_are_sums_and_what_is_disproved()
    {
        var (run, _) = await JudgeAsync(
            Header + Row(100, 65, "0790000001", "02055550001") + Row(2000, 60, "0790000007", "02055550007"),
            null,
            "--rate",
            "0.6/min"
        );
        using var all = Assert.EnterMultipleScope();
        Assert.That(run.Lines[0], Does.Match("^VERDICT +REASON +ROWS +MINUTES +CLAIMED +DISPROVED$"));
        Assert.That(run.Lines[1], Does.Match("^proved +inside-bounds +1 +1.1 +0.65 +0.00$"));
        Assert.That(run.Lines[2], Does.Match("^disproved +not-there +1 +1.0 +0.60 +0.60$"));
        Assert.That(run.Lines[3], Is.EqualTo("The rows that are disproved:"));
        Assert.That(run.Lines[5], Does.Contain("0790000007").And.Contain("listed everything it carried"));
    }

    [Test]
    public async Task The_page_is_one_file_in_which_no_text_is_markup()
    {
        using var folder = new TestDirectory();
        var (run, _) = await JudgeAsync(
            Header
                + Row(2000, 60, "0790000007", "02055550007")
                    .Replace("0790000007", "\"<b>\"\"x\"\" <0790000007>\"", StringComparison.Ordinal),
            null,
            "--html",
            folder.File("page.html")
        );
        Assert.That(run.Status, Is.Zero, run.Error);
        var page = await File.ReadAllTextAsync(folder.File("page.html"));
        Assert.That(page, Does.Contain("not-there").And.Contain("&lt;b&gt;"));
        Assert.That(page, Does.Not.Contain("<b>").And.Not.Contain("<script").And.Not.Contain("http"));
        Assert.That(page, Does.EndWith("</html>" + Environment.NewLine));
    }

    [Test]
    public async Task Audits_are_read_before_connections_and_those_before_CDRs()
    {
        var record = new Record();
        record.Pending.Enqueue(3);
        record.Pending.Enqueue(1);
        var (run, requests) = await JudgeAsync(
            Header + Row(2000, 60, "0790000001", "02055550001"),
            record,
            "--json"
        );
        Assert.That(run.Out, Does.Contain("disproved"));
        Assert.That(
            requests.Select(request => request.Split('?')[0]),
            Is.EqualTo(
                new[]
                {
                    "/v1/gateways",
                    "/v1/audits",
                    "/v1/connections",
                    "/readyz",
                    "/readyz",
                    "/readyz",
                    "/v1/server",
                    "/v1/cdrs",
                    "/v1/cdrs",
                }
            )
        );
    }

    [Test]
    public async Task Looks_from_before_the_CDRs_that_are_kept_count_for_nothing()
    {
        var row = Header + Row(2000, 60, "0790000001", "02055550001");
        var (forgotten, _) = await JudgeAsync(row, new Record { KeptFor = "12h" }, "--json");
        var late = Cdr(3, 3000, 3100, "+41790000003", "+442055550003");
        var (surplus, _) = await JudgeAsync(
            row,
            new Record
            {
                MoreCdrs = "next",
                Cdrs = [late, Cdr(4, 100, 110, "+41790000003", "+442055550003")],
            },
            "--json"
        );
        Assert.That(
            forgotten.Out,
            Does.Contain("unwatched"),
            "the server keeps CDRs for half a day, and it is tomorrow"
        );
        Assert.That(surplus.Out, Does.Contain("unwatched"), "older CDRs may have been deleted");
    }

    [Test]
    public async Task A_partial_audit_is_no_look()
    {
        var record = new Record
        {
            Audits = [.. Enumerable.Range(0, 360).Select(at => Audit(at * 10, false))],
        };
        var (run, _) = await JudgeAsync(
            Header + Row(2000, 60, "0790000001", "02055550001"),
            record,
            "--json"
        );
        Assert.That(run.Out, Does.Contain("unwatched"));
    }

    [Test]
    public async Task A_forgotten_zone_is_noticed_and_judges_nothing()
    {
        var calls = Enumerable.Range(0, 20).ToList();
        var record = new Record
        {
            Cdrs =
            [
                .. calls.Select(at =>
                    Cdr(at, 100 + at * 90, 160 + at * 90, $"+417911111{at:00}", $"+417922222{at:00}")
                ),
            ],
        };
        var csv =
            Header
            + string.Concat(
                calls.Select(at => Row(3700 + at * 90, 60, $"07911111{at:00}", $"07922222{at:00}"))
            );
        var (wrong, _) = await JudgeAsync(csv, record, "--json");
        var (right, _) = await JudgeAsync(csv, record, "--json", "--zone", "+01:00");
        using var all = Assert.EnterMultipleScope();
        Assert.That(wrong.Status, Is.EqualTo(64));
        Assert.That(wrong.Out, Is.Empty);
        Assert.That(
            wrong.Error,
            Does.Contain("359").And.Contain("--zone").And.Contain("answer=answer_stamp")
        );
        Assert.That(right.Status, Is.Zero, right.Error);
        Assert.That(right.Lines, Has.All.Contain("proved"));
    }

    [TestCase("answer_stamp,billsec\nyesterday,60\n", "no time that is understood")]
    [TestCase("answer_stamp,billsec\n2026-01-31 10:00:00,long\n", "no number of seconds")]
    [TestCase("answer_stamp,billsec\n2026-01-31 10:00:00,\n", "no duration")]
    [TestCase("answer_stamp,billsec\n,60\n", "no time")]
    public async Task A_row_that_cannot_be_read_is_unknown_and_says_why(string csv, string says)
    {
        var (run, _) = await JudgeAsync(csv, null, "--json");
        Assert.That(run.Status, Is.Zero, run.Error);
        Assert.That(run.Lines.Single(), Does.Contain("unreadable").And.Contain(says));
    }

    [TestCase("", "empty")]
    [TestCase("a,b,c\n1,2,3\n", "--map")]
    [TestCase("answer,b,c\n1,2,3\n", "--map billsec")]
    [TestCase("answer,billsec\n1,2\n", "no column 'x'", "--map", "src=x")]
    [TestCase("answer,billsec\n1,2\n", "ROLE=COLUMN", "--map", "who=answer")]
    [TestCase("answer,billsec\n1,2\n", "no gateway gw9", "--gateway", "gw9")]
    [TestCase("answer,billsec\n1,2\n", "is no rate", "--rate", "much")]
    [TestCase("answer,billsec\n1,2\n", "no time zone", "--zone", "Nowhere/Land")]
    [TestCase("answer,billsec\n1,2\n", "two formats", "--csv", "--json")]
    public async Task What_is_wrong_is_said_and_nothing_is_judged(
        string csv,
        string says,
        params string[] more
    )
    {
        var (run, _) = await JudgeAsync(csv, null, more);
        Assert.That(run.Status, Is.EqualTo(64));
        Assert.That(run.Out, Is.Empty);
        Assert.That(run.Error, Does.Contain(says));
    }

    [TestCase("2026-01-31T10:00:00Z", 1_769_853_599_000_000, 1_769_853_601_000_000)]
    [TestCase("2026-01-31 11:00:00+01:00", 1_769_853_599_000_000, 1_769_853_601_000_000)]
    [TestCase("2026-01-31 10:00:00.250", 1_769_853_600_249_000, 1_769_853_600_251_000)]
    [TestCase("'2026-01-31 10:00:00", 1_769_853_599_000_000, 1_769_853_601_000_000)]
    [TestCase("1769853600", 1_769_853_599_000_000, 1_769_853_601_000_000)]
    [TestCase("1769853600250", 1_769_853_600_249_000, 1_769_853_600_251_000)]
    [TestCase("2026-01-31 10:00", 1_769_853_540_000_000, 1_769_853_660_000_000)]
    public void A_time_is_as_wide_as_its_last_digit(string text, long earliest, long latest)
    {
        var read = new PartnerTime(TimeZoneInfo.Utc, null).Read(text)!.Value;
        Assert.That((read.Earliest.Micros, read.Latest.Micros), Is.EqualTo((earliest, latest)));
    }

    [Test]
    public void The_hour_that_comes_twice_is_either()
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Zurich");
        var read = new PartnerTime(zone, null).Read("2025-10-26 02:30:00")!.Value;
        Assert.That(read.Latest.Micros - read.Earliest.Micros, Is.EqualTo(3_602_000_000));
    }

    [Test]
    public void Asterisks_file_without_a_header_is_known()
    {
        var columns = PartnerColumns.Of(
            "\"\",0791,0792,ctx,\"A\" <0791>,SIP/a,SIP/b,Dial,x,2026-01-31 10:00:00,2026-01-31 10:00:05,2026-01-31 10:01:00,60,55,ANSWERED,DOCUMENTATION,1769853600.1,".Split(
                ','
            ),
            null
        );
        Assert.That(columns.HasHeader, Is.False);
        Assert.That(
            (
                columns.Of(PartnerRole.Src),
                columns.Of(PartnerRole.Answer),
                columns.Of(PartnerRole.Billsec),
                columns.Of(PartnerRole.Call)
            ),
            Is.EqualTo((1, 10, 13, 16))
        );
    }
}
