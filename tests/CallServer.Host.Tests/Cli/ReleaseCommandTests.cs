using CallServer.Host.Cli;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class ReleaseCommandTests
{
    private const string Done =
        """{"gateway":"gw1","connection":"a/1","released":true,"by":"ops","reason":"why","counters":{"packetsSent":1245,"packetsReceived":1240,"packetsLost":null},"cdr":"7c1e"}""";

    private static string Body(Microsoft.AspNetCore.Http.HttpRequest request)
    {
        using var reader = new StreamReader(request.Body);
        return reader.ReadToEndAsync().GetAwaiter().GetResult();
    }

    private static Surroundings Here(Func<string?>? typed = null) =>
        new() { User = "ops@noc1", Typed = typed };

    [Test]
    public async Task It_asks_the_server_and_tells_what_the_gateway_counted([Values] bool json)
    {
        var (heard, type) = ("", "");
        await using var server = await StubServer.StartAsync(request =>
        {
            (heard, type) = (Body(request), request.ContentType ?? "");
            return (200, Done);
        });
        var run = await CliRun.Of(
            Here(),
            [
                "release",
                "gw1/a/1",
                "--reason",
                "forgotten",
                "--yes",
                "--server",
                server.Address,
                .. json ? new[] { "--json" } : [],
            ]
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(
                run.Lines,
                Is.EqualTo(
                    new[] { json ? Done : "gw1/a/1 is released: 1245 packets sent, 1240 received; CDR 7c1e" }
                )
            );
            Assert.That(run.Error, Is.Empty);
            Assert.That(server.Requests, Is.EqualTo(new[] { "/v1/connections/release" }));
            Assert.That(type, Does.StartWith("application/json"));
            Assert.That(
                heard,
                Is.EqualTo("""{"gateway":null,"connection":"gw1/a/1","reason":"forgotten","by":"ops@noc1"}""")
            );
        });
    }

    [TestCase(404, """{"title":"There is no such connection","detail":"holds no c9"}""", 1, "holds no c9")]
    [TestCase(409, """{"detail":"the last audit did not list it"}""", 1, "did not list it")]
    [TestCase(502, """{"detail":"refused: 515"}""", 2, "is not released: refused: 515")]
    [TestCase(504, """{"detail":"silent"}""", 2, "nobody knows whether gw1/c9 ended")]
    [TestCase(400, """{"detail":"reason is needed"}""", 64, "reason is needed")]
    [TestCase(401, """{}""", 2, "CALLSERVER_TOKEN")]
    [TestCase(503, """{}""", 2, "503")]
    public async Task What_goes_wrong_has_its_exit_status(int answer, string body, int status, string says)
    {
        await using var server = await StubServer.StartAsync(_ => (answer, body));
        var run = await CliRun.Of(
            Here(),
            ["release", "c9", "--gateway", "gw1", "--reason", "why", "--yes", "--server", server.Address]
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(status));
            Assert.That(run.Out, Is.Empty);
            Assert.That(run.Complaints.Single(), Does.Contain(says));
        });
    }

    [Test]
    public async Task As_JSON_a_failure_is_an_object_too()
    {
        await using var server = await StubServer.StartAsync(_ => (409, """{"detail":"not listed"}"""));
        var run = await CliRun.Of(
            Here(),
            ["release", "gw1/c9", "--reason", "why", "--yes", "--json", "--server", server.Address]
        );
        Assert.That(
            run.Lines.Single(),
            Is.EqualTo(
                """{"gateway":null,"connection":"gw1/c9","released":false,"by":"ops@noc1","reason":"why","status":409,"detail":"not listed"}"""
            )
        );
        Assert.That(run.Status, Is.EqualTo(1));
    }

    [TestCase("y", 0)]
    [TestCase(" YES ", 0)]
    [TestCase("n", 1)]
    [TestCase("", 1)]
    [TestCase(null, 1)]
    public async Task On_a_terminal_it_asks_whether_it_is_meant(string? typed, int status)
    {
        await using var server = await StubServer.StartAsync(_ => (200, Done));
        var run = await CliRun.Of(
            Here(() => typed),
            ["release", "gw1/a/1", "--reason", "forgotten", "--server", server.Address]
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(status));
            Assert.That(run.Error, Does.Contain("gw1/a/1").And.Contain("forgotten").And.Contain("[y/N]"));
            Assert.That(server.Requests, Has.Count.EqualTo(status == 0 ? 1 : 0));
        });
    }

    [TestCase("--reason", "why", Description = "nobody is there to confirm")]
    [TestCase("--yes")]
    [TestCase("--yes", "--reason", " ")]
    public async Task Without_a_yes_or_a_reason_it_is_exit_64(params string[] options)
    {
        var run = await CliRun.Of(Here(), ["release", "gw1/c1", .. options]);
        Assert.That(run.Status, Is.EqualTo(64));
        Assert.That(run.Complaints, Is.Not.Empty);
    }

    [Test]
    public async Task Calls_with_findings_alone_are_asked_for()
    {
        await using var server = await StubServer.StartAsync(_ =>
            (
                200,
                """{"asOf":"2026-01-31T10:00:00Z","complete":true,"incomplete":[],"items":[{"call":null,"sources":["gw1"],"connections":["gw1/c1"],"originator":null,"start":null,"findings":[{"kind":"one-sided","since":"2026-01-31T10:00:00Z","text":"gw1/c2 is over"}]}],"next":null}"""
            )
        );
        var run = await CliRun.Of("calls", "--findings", "--gateway", "gw1", "--server", server.Address);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(
                server.Requests,
                Is.EqualTo(new[] { "/v1/calls?findings=true&limit=1000&gateway=gw1" })
            );
            Assert.That(run.Lines[1], Does.Contain("one-sided").And.Contain("gw1/c2 is over"));
        });
        var other = await CliRun.Of("cdrs", "--findings", "--server", server.Address);
        Assert.That(other.Status, Is.EqualTo(64), "only calls have findings");
    }
}
