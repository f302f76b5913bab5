using CallServer.Host.Cli;

namespace CallServer.Host.Tests.Cli;

/// <summary><c>recovery</c>: the reports of takeovers and of dry runs, against a scripted server.</summary>
[TestFixture]
internal sealed class RecoveryCommandTests
{
    private static string Report(int epoch, bool whole = true) =>
        $$$"""{"server":"cs-b","epoch":{{{epoch}}},"cause":"peer-silent","decided":"2026-01-31T10:00:00.000000Z","lastHeard":"2026-01-31T09:59:59.000000Z","detectionSeconds":1.0,"whole":{{{(
            whole ? "true" : "false"
        )}}},"recoverySeconds":0.25,"halfSeconds":0.1,"ninetySeconds":0.2,"gateways":{"total":2,"complete":1,"partial":0,"silent":{{{(
            whole ? 1 : 0
        )}}},"waiting":{{{(
            whole ? 0 : 1
        )}}}},"connections":{"recovered":3,"confirmed":40,"ended":2,"unknown":5},"starts":{"bounded":40,"unbounded":3,"medianSeconds":0.052,"worstSeconds":1.5},"secondsAtRisk":12.34,"atRisk":{"active":7.0,"ended":2.34,"unknown":3.0},"byGateway":[{"gateway":"gw1","outcome":"complete","reasons":[],"answered":0.2,"recovered":3,"confirmed":40,"ended":2,"unknown":0},{"gateway":"gw2","outcome":"silent","reasons":["silent: no answer","a second"],"answered":0.25,"recovered":0,"confirmed":0,"ended":0,"unknown":5}]}""";

    private static string Dry(bool whole) =>
        Report(1, whole).Replace("peer-silent", "dry-run", StringComparison.Ordinal);

    private static string List(params string[] items) => Page(null, items);

    private static string Page(string? next, params string[] items) =>
        $$"""{"asOf":"2026-01-31T10:00:00.000000Z","complete":true,"incomplete":[],"items":[{{string.Join(',', items)}}],"next":{{(next is null ? "null" : $"\"{next}\"")}}}""";

    [Test]
    public async Task It_tells_what_the_last_takeover_brought_back()
    {
        await using var server = await StubServer.StartAsync(_ => (200, List(Report(3), Report(2))));
        var run = await CliRun.Of("recovery", "--server", server.Address);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(run.Error, Is.Empty);
            Assert.That(
                run.Lines[..7],
                Is.EqualTo(
                    new[]
                    {
                        "takeover by cs-b at 2026-01-31T10:00:00.000000Z, epoch 3: peer-silent",
                        "  detection     nobody acted for at most 1.0 s before it",
                        "  recovery      0.3 s; half of the connections after 0.1 s, 90 % after 0.2 s",
                        "  gateways      2: 1 complete, 0 partial, 1 silent, 0 waited for",
                        "  connections   3 recovered, 40 confirmed, 2 ended, 5 unknown",
                        "  starts        known to 52 ms, at worst 1.5 s; 3 without a lower bound",
                        "  at risk       12.3 s of billable time: 7.0 s of active, 2.3 s of ended, 3.0 s of unknown connections",
                    }
                )
            );
            Assert.That(run.Lines, Has.Length.EqualTo(10), "a head and two gateways");
            Assert.That(run.Lines[8], Does.StartWith("gw1").And.Contain("complete"));
            Assert.That(
                run.Lines[9],
                Does.StartWith("gw2").And.Contain("silent").And.Contain("silent: no answer; a second")
            );
        });
    }

    [TestCase("3", "4", "3 to 4")]
    [TestCase("4", "4", "4")]
    public async Task It_tells_of_calls_that_nobody_saw(string least, string most, string told)
    {
        var report = Report(3)
            .Replace(
                "\"starts\":",
                $"\"unseen\":{{\"least\":{least},\"most\":{most},\"gateways\":2}},\"starts\":",
                StringComparison.Ordinal
            );
        await using var server = await StubServer.StartAsync(_ => (200, List(report)));
        var run = await CliRun.Of("recovery", "--server", server.Address);
        Assert.That(
            run.Lines,
            Does.Contain($"  unseen        {told} calls began and ended unseen, by the totals of 2 gateways")
        );
    }

    [TestCase("1", 3)]
    [TestCase("2", 3, 2)]
    [TestCase("3", 3, 2, 1)]
    [TestCase("1000", 3, 2, 1)]
    public async Task As_JSON_it_prints_the_newest_as_served(string last, params int[] epochs)
    {
        await using var server = await StubServer.StartAsync(request =>
            (
                200,
                request.Query["cursor"].Count == 0 ? Page("2", Report(3), Report(2)) : Page(null, Report(1))
            )
        );
        var run = await CliRun.Of("recovery", "--json", "--last", last, "--server", server.Address);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(run.Lines, Is.EqualTo(epochs.Select(epoch => Report(epoch))));
            Assert.That(
                server.Requests,
                Has.Count.EqualTo(epochs.Length > 2 ? 2 : 1),
                "no page more than is needed"
            );
            Assert.That(server.Requests[0], Is.EqualTo("/v1/recoveries?limit=1000"));
        });
    }

    [Test]
    public async Task Who_never_took_over_says_so([Values] bool json)
    {
        await using var server = await StubServer.StartAsync(_ => (200, List()));
        var run = await CliRun.Of([
            "recovery",
            "--server",
            server.Address,
            .. json ? new[] { "--json" } : [],
        ]);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(run.Out, Is.Empty);
            Assert.That(run.Complaints, json ? Is.Empty : Has.One.Contains("--dry-run"));
        });
    }

    [Test]
    public async Task A_dry_run_is_waited_for_until_it_is_whole([Values] bool json)
    {
        var looks = 0;
        var (method, type) = ("", "");
        await using var server = await StubServer.StartAsync(request =>
        {
            if (request.Method == "GET")
                return (200, Dry(whole: Interlocked.Increment(ref looks) == 2));
            (method, type) = (request.Method, request.ContentType ?? "");
            return (202, Dry(whole: false));
        });
        var run = await CliRun.Of([
            "recovery",
            "--dry-run",
            "--server",
            server.Address,
            .. json ? new[] { "--json" } : [],
        ]);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That((method, type), Is.EqualTo(("POST", "application/json; charset=utf-8")));
            Assert.That(server.Requests, Is.All.EqualTo("/v1/recoveries/dry-run").And.Exactly(3).Items);
            if (json)
                Assert.That(run.Lines, Is.EqualTo(new[] { Dry(whole: true) }));
            else
            {
                Assert.That(
                    run.Lines[0],
                    Is.EqualTo(
                        "dry run on cs-b at 2026-01-31T10:00:00.000000Z: what a takeover now would find"
                    )
                );
                Assert.That(run.Out, Does.Not.Contain("detection"), "nobody was missed");
            }
        });
    }

    [TestCase(false, 401, "{}", 2, "CALLSERVER_TOKEN")]
    [TestCase(true, 401, "{}", 2, "CALLSERVER_TOKEN")]
    [TestCase(false, 503, """{"detail":"database is locked"}""", 2, "database is locked")]
    [TestCase(true, 503, """{"detail":"database is locked"}""", 2, "database is locked")]
    [TestCase(false, 404, """{"title":"There is nothing here"}""", 2, "does not serve")]
    [TestCase(true, 404, """{"title":"There is nothing here"}""", 2, "does not try: There is nothing here")]
    [TestCase(true, 409, """{"detail":"not now"}""", 2, "does not try: not now")]
    [TestCase(false, 200, "[]", 2, "no call server")]
    [TestCase(true, 202, "<html>", 2, "no call server")]
    [TestCase(false, 400, """{"detail":"limit: is not known"}""", 64, "limit: is not known")]
    public async Task What_a_server_refuses_is_one_line(
        bool dryRun,
        int answer,
        string body,
        int status,
        string says
    )
    {
        await using var server = await StubServer.StartAsync(_ => (answer, body));
        var run = await CliRun.Of([
            "recovery",
            "--json",
            "--server",
            server.Address,
            .. dryRun ? new[] { "--dry-run" } : [],
        ]);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(status));
            Assert.That(run.Out, Is.Empty);
            Assert.That(run.Complaints.Single(), Does.Contain(says));
        });
    }

    [Test]
    public async Task A_server_that_is_not_there_is_one_line_and_exit_2([Values] bool dryRun)
    {
        var run = await CliRun.Of([
            "recovery",
            "--server",
            StubServer.Nowhere(),
            .. dryRun ? new[] { "--dry-run" } : [],
        ]);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(2));
            Assert.That(run.Out, Is.Empty);
            Assert.That(run.Complaints.Single(), Does.Contain("does not answer").And.Contain("--server"));
        });
    }

    [Test]
    public async Task A_dry_run_whose_server_restarts_is_over()
    {
        await using var server = await StubServer.StartAsync(request =>
            request.Method == "GET"
                ? (404, """{"title":"There was no dry run since the server was started"}""")
                : (202, Dry(whole: false))
        );
        var run = await CliRun.Of("recovery", "--dry-run", "--json", "--server", server.Address);
        Assert.That(run.Status, Is.EqualTo(2));
        Assert.That(run.Out, Is.Empty);
        Assert.That(run.Complaints, Has.Length.EqualTo(1));
    }

    [TestCase("0")]
    [TestCase("1001")]
    [TestCase("all")]
    public async Task How_many_is_a_number_from_1_to_1000(string last)
    {
        var run = await CliRun.Of("recovery", "--last", last);
        Assert.That(run.Status, Is.EqualTo(ExitCode.Usage));
        Assert.That(run.Error, Does.Contain("--last"));
    }
}
