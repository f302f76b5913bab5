using CallServer.Host.Cli;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Host.Tests.Cli;

/// <summary><c>takeover</c> and <c>stepdown</c>, against a scripted server.</summary>
[TestFixture]
internal sealed class RoleCommandTests
{
    private const string Greeting = """{"server":"cs-b","epoch":2,"role":"active"}""";

    private static string Status(string role) =>
        $$"""{"name":"cs-b","role":"{{role}}","epoch":2,"peer":"http://127.0.0.1:8080/","ready":true}""";

    [TestCase("takeover", "active", "cs-b acts now: active, epoch 2, after ")]
    [TestCase("takeover", "primary", "cs-b acts now: primary, epoch 2, after ")]
    [TestCase("stepdown", "standby", "cs-b has handed over: standby, epoch 2, after ")]
    public async Task It_orders_and_waits_until_it_is_done(string verb, string role, string says)
    {
        var looks = 0;
        var (method, type) = ("", "");
        await using var server = await StubServer.StartAsync(request =>
        {
            if (request.Path != "/v1/status")
            {
                (method, type) = (request.Method, request.ContentType ?? "");
                return (202, Greeting);
            }

            // Not at once, because the other server has to agree.
            var other = verb == "takeover" ? "standby" : "active";
            return (200, Status(Interlocked.Increment(ref looks) < 3 ? other : role));
        });
        var run = await CliRun.Of(verb, "--server", server.Address);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(run.Lines.Single(), Does.StartWith(says));
            Assert.That(run.Error, Is.Empty);
            Assert.That(method, Is.EqualTo("POST"));
            Assert.That(type, Does.StartWith("application/json"));
            Assert.That(
                server.Requests,
                Is.EqualTo(new[] { $"/v1/{verb}", "/v1/status", "/v1/status", "/v1/status" })
            );
        });
    }

    [TestCase(true, """{"epoch":7}""")]
    [TestCase(false, "{}")]
    public async Task An_epoch_is_asked_for_where_it_is_given(bool given, string sent)
    {
        var bodies = new List<string>();
        await using var server = await StubServer.StartAsync(request =>
        {
            if (request.Path == "/v1/status")
                return (200, Status("active"));
            using var body = new StreamReader(request.Body);
            bodies.Add(body.ReadToEndAsync().GetAwaiter().GetResult());
            return (202, Greeting);
        });
        string[] line = ["takeover", "--server", server.Address];
        var run = await CliRun.Of([.. line, .. given ? ["--epoch", "7"] : Array.Empty<string>()]);
        Assert.That(run.Status, Is.Zero, run.Error);
        Assert.That(bodies, Is.EqualTo(new[] { sent }));
    }

    [Test]
    public async Task An_epoch_is_a_number_and_for_takeover_alone()
    {
        var word = await CliRun.Of("takeover", "--epoch", "next", "--server", StubServer.Nowhere());
        var down = await CliRun.Of("stepdown", "--epoch", "7", "--server", StubServer.Nowhere());
        Assert.That((word.Status, down.Status), Is.EqualTo((64, 64)));
        var help = await CliRun.Of("takeover", "--help");
        Assert.That(help.Out, Does.Contain("--epoch <N>").Or.Contain("--epoch N").And.Contain("--epoch 10"));
    }

    [Test]
    public async Task A_server_that_is_called_otherwise_says_so()
    {
        await using var server = await StubServer.StartAsync(_ =>
            (403, """{"title":"This server is not called so","detail":"name it in server.hosts"}""")
        );
        var run = await CliRun.Of("takeover", "--server", server.Address);
        Assert.That(run.Status, Is.EqualTo(2));
        Assert.That(run.Complaints.Single(), Does.Contain("server.hosts").And.Not.Contain("TOKEN"));
    }

    [TestCase("takeover", "active")]
    [TestCase("stepdown", "standby")]
    public async Task As_JSON_it_is_the_status_afterwards_as_served(string verb, string role)
    {
        await using var server = await StubServer.StartAsync(request =>
            request.Path == "/v1/status" ? (200, Status(role)) : (202, Greeting)
        );
        var run = await CliRun.Of(verb, "--json", "--server", server.Address);
        Assert.That(run.Status, Is.Zero, run.Error);
        Assert.That(run.Lines, Is.EqualTo(new[] { Status(role) }));
    }

    [TestCase(409, """{"title":"Nothing is changed","detail":"it acts already"}""", 1, "it acts already")]
    [TestCase(409, """{"title":"Nothing is changed"}""", 1, "Nothing is changed")]
    [TestCase(409, "{}", 1, "does not say why")]
    [TestCase(400, """{"detail":"x: is not known here"}""", 64, "is not known here")]
    [TestCase(401, "{}", 2, "CALLSERVER_TOKEN")]
    [TestCase(415, """{"title":"This is asked for with JSON"}""", 2, "asked for with JSON")]
    [TestCase(500, "", 2, "500")]
    [TestCase(202, "<html>", 2, "no call server")]
    public async Task What_a_server_refuses_is_one_line(int answer, string body, int status, string says)
    {
        foreach (var verb in new[] { "takeover", "stepdown" })
        {
            await using var server = await StubServer.StartAsync(_ => (answer, body));
            var run = await CliRun.Of(verb, "--json", "--server", server.Address);
            Assert.Multiple(() =>
            {
                Assert.That(run.Status, Is.EqualTo(status), verb);
                Assert.That(run.Out, Is.Empty);
                Assert.That(run.Complaints.Single(), Does.Contain(says));
                Assert.That(server.Requests, Is.EqualTo(new[] { $"/v1/{verb}" }), "it looks no further");
            });
        }
    }

    [TestCase("takeover", "standby")]
    [TestCase("stepdown", "active")]
    public async Task What_does_not_come_is_exit_1_after_a_while(string verb, string role)
    {
        await using var server = await StubServer.StartAsync(request =>
            request.Path == "/v1/status" ? (200, Status(role)) : (202, Greeting)
        );
        var run = await CliRun.Of(
            new Surroundings { Clock = new Hasty() },
            [verb, "--server", server.Address]
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(1));
            Assert.That(run.Out, Is.Empty);
            Assert.That(run.Complaints.Single(), Does.Contain("not done within").And.Contain("status"));
        });
    }

    [Test]
    public async Task A_server_that_dies_of_it_is_one_line_and_exit_2(
        [Values("takeover", "stepdown")] string verb
    )
    {
        await using var server = await StubServer.StartAsync(request =>
            request.Path == "/v1/status" ? (503, "{}") : (202, Greeting)
        );
        var run = await CliRun.Of(verb, "--server", server.Address);
        Assert.That(run.Status, Is.EqualTo(2));
        Assert.That(run.Complaints.Single(), Does.Contain("503"));
    }

    [Test]
    public async Task A_server_that_is_not_there_is_one_line_and_exit_2(
        [Values("takeover", "stepdown")] string verb
    )
    {
        var run = await CliRun.Of(verb, "--json", "--server", StubServer.Nowhere());
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.EqualTo(2));
            Assert.That(run.Out, Is.Empty);
            Assert.That(run.Complaints.Single(), Does.Contain("does not answer").And.Contain("--server"));
        });
    }

    [Test]
    public async Task It_presents_its_token([Values("takeover", "stepdown")] string verb)
    {
        var heard = new List<string>();
        await using var server = await StubServer.StartAsync(request =>
        {
            heard.Add(request.Headers.Authorization.ToString());
            return request.Path == "/v1/status"
                ? (200, Status(verb == "takeover" ? "active" : "standby"))
                : (202, Greeting);
        });
        var here = new Surroundings { Variable = name => name == "CALLSERVER_TOKEN" ? "s3cret" : null };
        var run = await CliRun.Of(here, [verb, "--server", server.Address]);
        Assert.That(run.Status, Is.Zero);
        Assert.That(heard, Is.EqualTo(new[] { "Bearer s3cret", "Bearer s3cret" }));
    }

    /// <summary>A clock on which six seconds pass between any two readings.</summary>
    private sealed class Hasty : IClock
    {
        private readonly SystemClock clock = new();
        private int looks;

        public Moment Now => MomentModule.at(clock.Now.Steady + TimeSpan.FromSeconds(6 * looks++));

        public TimeSpan Correction => clock.Correction;

        public IReadOnlyList<ClockStep> Steps => clock.Steps;
    }
}
