using CallServer.Host.Cli;
using CallServer.Server.Net;
using CallServer.Server.Recording.Cdrs;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class ReadCommandTests
{
    private static string List(string items, string? next = null, string incomplete = "") =>
        $$"""{"asOf":"2026-01-31T10:00:00.000000Z","complete":{{(incomplete.Length == 0 ? "true" : "false")}},"incomplete":[{{incomplete}}],"items":[{{items}}],"next":{{(next is null ? "null" : $"\"{next}\"")}}}""";

    [Test]
    public async Task Cursors_are_followed_to_the_end_and_objects_printed_as_served()
    {
        await using var server = await StubServer.StartAsync(request =>
            (
                200,
                request.Query["cursor"].ToString() switch
                {
                    "" => List("""{"id":"1","new":1.50},{"id":"2"}""", "a b&c"),
                    "a b&c" => List("""{"id":"3"}""", "z"),
                    _ => List("""{"id":"4"}"""),
                }
            )
        );
        var run = await CliRun.Of("connections", "--server", server.Address, "--gateway", "gw 1", "--json");
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(
                run.Lines,
                Is.EqualTo(
                    new[]
                    {
                        """{"id":"1","new":1.50}""",
                        """{"id":"2"}""",
                        """{"id":"3"}""",
                        """{"id":"4"}""",
                    }
                )
            );
            Assert.That(run.Error, Is.Empty);
            Assert.That(
                server.Requests,
                Is.EqualTo(
                    new[]
                    {
                        "/v1/connections?limit=1000&gateway=gw%201",
                        "/v1/connections?limit=1000&gateway=gw%201&cursor=a%20b%26c",
                        "/v1/connections?limit=1000&gateway=gw%201&cursor=z",
                    }
                )
            );
        });
    }

    [Test]
    public async Task Cdrs_are_asked_for_since_a_moment_and_printed_as_in_their_csv_file()
    {
        await using var server = await StubServer.StartAsync(request =>
            (
                200,
                request.Query["cursor"].ToString() == ""
                    ? List("""{"id":"1","originator":"+41","qos":{"dscp":46}}""", "2")
                    : List("""{"id":"2","originator":"a,b"}""")
            )
        );
        var run = await CliRun.Of(
            "cdrs",
            "--server",
            server.Address,
            "--csv",
            "--gateway",
            "gw1",
            "--since",
            "2026-01-31T11:00:00+01:00"
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(run.Lines[0], Is.EqualTo(CdrCsv.Header));
            Assert.That(run.Lines, Has.Length.EqualTo(3));
            Assert.That(run.Lines[1], Does.StartWith("1,,,,'+41,,,46,"));
            Assert.That(run.Lines[2], Does.StartWith("2,,,,\"a,b\",,"));
            Assert.That(
                server.Requests,
                Is.EqualTo(
                    new[]
                    {
                        "/v1/cdrs?since=2026-01-31T10%3A00%3A00.000000Z&limit=1000&gateway=gw1",
                        "/v1/cdrs?since=2026-01-31T10%3A00%3A00.000000Z&limit=1000&gateway=gw1&cursor=2",
                    }
                )
            );
        });
    }

    [Test]
    public async Task The_control_log_is_shown_and_has_no_gateway_to_ask_for()
    {
        const string Entry =
            """{"time":"2026-01-31T10:00:00.000000Z","who":"control token","from":"192.0.2.7","verb":"POST /v1/takeover","what":"epoch=7","status":202,"result":"accepted","count":1}""";
        await using var server = await StubServer.StartAsync(_ => (200, List(Entry)));
        var json = await CliRun.Of("control-log", "--server", server.Address, "--json");
        var plain = await CliRun.Of("control-log", "--server", server.Address);
        var wrong = await CliRun.Of("control-log", "--server", server.Address, "--gateway", "gw1");
        Assert.Multiple(() =>
        {
            Assert.That(json.Lines, Is.EqualTo(new[] { Entry }));
            Assert.That(plain.Lines[1], Does.Contain("POST /v1/takeover").And.Contain("epoch=7"));
            Assert.That(wrong.Status, Is.EqualTo(ExitCode.Usage));
            Assert.That(server.Requests, Has.All.EqualTo("/v1/control-log?limit=1000"));
        });
    }

    [Test]
    public async Task Since_may_be_so_long_ago()
    {
        await using var server = await StubServer.StartAsync(_ => (200, List("")));
        var clock = new SystemClock();
        var before = clock.Now.Steady + clock.Correction - TimeSpan.FromHours(2);
        var run = await CliRun.Of("cdrs", "--server", server.Address, "--json", "--since", "2h");
        var asked = Uri.UnescapeDataString(server.Requests.Single());
        Assert.That(run.Status, Is.Zero);
        var since = DateTimeOffset.Parse(
            asked["/v1/cdrs?since=".Length..asked.IndexOf('&', StringComparison.Ordinal)],
            System.Globalization.CultureInfo.InvariantCulture
        );
        Assert.That(
            since,
            Is.EqualTo(
                    DateTimeOffset.Parse(before.ToString(), System.Globalization.CultureInfo.InvariantCulture)
                )
                .Within(TimeSpan.FromMinutes(10))
        );
    }

    [TestCase("--since", "yesterday")]
    [TestCase("--csv", "--json")]
    public async Task What_cdrs_cannot_understand_is_a_mistake_of_the_command_line(params string[] words)
    {
        var run = await CliRun.Of(["cdrs", .. words]);
        Assert.That(run.Status, Is.EqualTo(ExitCode.Usage));
        Assert.That(run.Error, Does.Contain(words[0]));
    }

    [Test]
    public async Task A_server_whose_cursors_go_round_is_left()
    {
        await using var server = await StubServer.StartAsync(_ => (200, List("""{"id":"1"}""", "same")));
        var run = await CliRun.Of("cdrs", "--server", server.Address, "--json");
        Assert.That(run.Status, Is.EqualTo(2));
        Assert.That(run.Complaints.Single(), Does.Contain("goes round"));
    }

    [Test]
    public async Task A_server_that_is_not_there_is_one_line_and_exit_2(
        [Values] bool json,
        [Values] bool watch
    )
    {
        var run = await CliRun.Of(["connections", "--server", StubServer.Nowhere(), .. Flags(json, watch)]);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(2));
            Assert.That(run.Out, Is.Empty);
            Assert.That(run.Complaints.Single(), Does.Contain("does not answer").And.Contain("--server"));
        });
    }

    [TestCase(401, """{"title":"Unauthorized"}""", 2, "CALLSERVER_TOKEN")]
    [TestCase(400, """{"detail":"there is no gateway 'x'"}""", 64, "there is no gateway 'x'")]
    [TestCase(404, """{"title":"There is nothing here"}""", 2, "does not serve")]
    [TestCase(404, "", 2, "does not serve")]
    [TestCase(503, "{}", 2, "503")]
    [TestCase(200, "<html>", 2, "no call server")]
    [TestCase(200, "[]", 2, "no call server")]
    public async Task What_a_server_refuses_is_one_line(int answer, string body, int status, string says)
    {
        await using var server = await StubServer.StartAsync(_ => (answer, body));
        var run = await CliRun.Of("gateways", "--server", server.Address);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(status));
            Assert.That(run.Complaints.Single(), Does.Contain(says));
        });
    }

    [Test]
    public async Task The_token_comes_from_the_environment_by_name()
    {
        var heard = "";
        await using var server = await StubServer.StartAsync(request =>
        {
            heard = request.Headers.Authorization.ToString();
            return (
                200,
                """{"name":"cs-a","role":"active","uptimeSeconds":3723.5,"troubles":["RADIUS: it is away","no disk"],"later":{"a":1}}"""
            );
        });
        var surroundings = new Surroundings
        {
            Variable = name => name == "CALLSERVER_TOKEN" ? "s3cret" : null,
        };
        var run = await CliRun.Of(surroundings, ["status", "--server", server.Address]);
        Assert.Multiple(() =>
        {
            Assert.That(heard, Is.EqualTo("Bearer s3cret"));
            Assert.That(run.Status, Is.Zero);
            Assert.That(
                run.Out,
                Is.EqualTo(
                    "name     cs-a\nrole     active\nuptime   1:02:03\nlater    a 1\n"
                        + "trouble  RADIUS: it is away\ntrouble  no disk\n"
                )
            );
            Assert.That(server.Requests, Is.EqualTo(new[] { "/v1/status" }));
        });
    }

    [Test]
    public async Task What_is_incomplete_is_told_beside_the_list()
    {
        await using var server = await StubServer.StartAsync(_ =>
            (200, List("""{"gateway":"gw1","id":"1"}""", incomplete: "\"gw2\""))
        );
        var run = await CliRun.Of("connections", "--server", server.Address);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(run.Lines, Has.Length.EqualTo(2));
            Assert.That(run.Complaints.Single(), Does.Contain("gw2"));
        });
    }

    [Test]
    public async Task Watching_a_pipe_prints_what_is_new_or_has_changed()
    {
        using var enough = new CancellationTokenSource();
        var looks = 0;
        await using var server = await StubServer.StartAsync(_ =>
        {
            var look = Interlocked.Increment(ref looks);
            if (look == 4)
                enough.Cancel();
            var changed = look >= 3 ? "unconfirmed" : "confirmed";
            return (
                200,
                List(
                    $$$"""{"gateway":"a","id":"1","status":"{{{changed}}}","ageSeconds":{"min":{{{look}}}}},{"gateway":"b","id":"1"}"""
                )
            );
        });
        var surroundings = new Surroundings { WatchEvery = TimeSpan.FromMilliseconds(1) };
        var run = await CliRun.Of(
            surroundings,
            ["connections", "--server", server.Address, "--json", "--watch"],
            enough.Token
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(
                run.Lines,
                Is.EqualTo(
                    new[]
                    {
                        """{"gateway":"a","id":"1","status":"confirmed","ageSeconds":{"min":1}}""",
                        """{"gateway":"b","id":"1"}""",
                        """{"gateway":"a","id":"1","status":"unconfirmed","ageSeconds":{"min":3}}""",
                    }
                )
            );
        });
    }

    [Test]
    public async Task Watching_cdrs_reads_only_the_last_page_again()
    {
        using var enough = new CancellationTokenSource();
        var looks = 0;
        await using var server = await StubServer.StartAsync(request =>
        {
            if (request.Query["cursor"].Count == 0)
                return (200, List("""{"id":"1"},{"id":"2"}""", "2"));
            var look = Interlocked.Increment(ref looks);
            if (look == 3)
                enough.Cancel();
            return (200, List(look == 1 ? """{"id":"3"}""" : """{"id":"3"},{"id":"4"}"""));
        });
        var surroundings = new Surroundings { WatchEvery = TimeSpan.FromMilliseconds(1) };
        var run = await CliRun.Of(
            surroundings,
            ["cdrs", "--server", server.Address, "--json", "--watch"],
            enough.Token
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(string.Concat(run.Lines), Is.EqualTo("""{"id":"1"}{"id":"2"}{"id":"3"}{"id":"4"}"""));
            Assert.That(
                server.Requests.Count(path => !path.Contains("cursor", StringComparison.Ordinal)),
                Is.EqualTo(1)
            );
        });
    }

    private static string[] Flags(bool json, bool watch) =>
        [.. new[] { json ? "--json" : "", watch ? "--watch" : "" }.Where(flag => flag.Length > 0)];
}
