using System.Net;
using System.Net.Http.Json;
using System.Text;
using CallServer.Server.Polling;
using CallServer.Surface;

namespace CallServer.Host.Tests.Web;

/// <summary>Two whole servers, a primary and its backup, over HTTP.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class PairTests : IDisposable
{
    private readonly TestGateways gateways = new();
    private readonly TestPair pair;

    public PairTests()
    {
        pair = new TestPair(gateways);
        gateways.Connections[1] = [1, 2];
        gateways.Connections[2] = [3];
    }

    public void Dispose() => pair.Dispose();

    private Task<TestServer> PrimaryAsync() => pair.PrimaryAsync();

    /// <summary>A primary that has found no other server, and acts.</summary>
    private async Task<TestServer> ActingAsync(CancellationToken cancel)
    {
        var primary = await pair.PrimaryAsync();
        await UntilRoleAsync(primary, "primary", cancel);
        return primary;
    }

    private Task<TestServer> BackupAsync(bool cold = false) => pair.BackupAsync(cold);

    private static Task UntilRoleAsync(TestServer server, string role, CancellationToken cancel) =>
        TestPair.UntilRoleAsync(server, role, cancel);

    [Test]
    public async Task AStandbyTakesOverAndHasTheWholeRecord(CancellationToken cancel)
    {
        var primary = await ActingAsync(cancel);
        await using var backup = await BackupAsync(cold: true);
        await UntilRoleAsync(backup, "standby", cancel);
        Assert.That(backup.Runtime.Ledger.States, Is.Empty, "a cold standby asks nobody");
        Assert.That(backup.Runtime.IsReady, "and is ready for that");

        await primary.DisposeAsync();

        await UntilRoleAsync(backup, "active", cancel);
        await backup.UntilAsync(runtime => runtime.Status().Connections == 3, cancel);
        var status = await backup.GetAsync("v1/status", cancel);
        var connections = await backup.GetAsync("v1/connections", cancel);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(status.GetProperty("role").GetString(), Is.EqualTo("active"));
            Assert.That(status.GetProperty("epoch").GetInt32(), Is.EqualTo(2));
            Assert.That(
                connections
                    .GetProperty("items")
                    .EnumerateArray()
                    .Select(c => c.GetProperty("recovered").GetBoolean()),
                Is.All.True,
                "they were the other server's to know"
            );
        }
    }

    [Test]
    public async Task TheOldPrimaryComesBackAsAStandby(CancellationToken cancel)
    {
        var primary = await ActingAsync(cancel);
        await using var backup = await BackupAsync();
        await UntilRoleAsync(backup, "standby", cancel);
        await UntilRoleAsync(primary, "primary", cancel);
        await primary.DisposeAsync();
        await UntilRoleAsync(backup, "active", cancel);

        await using var again = await PrimaryAsync();

        await UntilRoleAsync(again, "standby", cancel);
        Assert.That(again.Runtime.Ledger.Identity.Epoch, Is.EqualTo(2));
        Assert.That(again.Runtime.Ledger.Identity.WritesCdrs, Is.False);
        Assert.That(backup.Runtime.Roles.Role!.Acts);
    }

    [Test]
    public async Task ItComesBackWithoutItsDiskAndIsTold(CancellationToken cancel)
    {
        await using var primary = await ActingAsync(cancel);
        await using var backup = await BackupAsync();
        await UntilRoleAsync(backup, "standby", cancel);

        using var taken = await backup.Http.PostAsJsonAsync("v1/takeover", new { }, cancel);

        Assert.That(taken.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        await UntilRoleAsync(backup, "active", cancel);
        await UntilRoleAsync(primary, "standby", cancel);
        Assert.That(primary.Runtime.Ledger.Identity.Epoch, Is.EqualTo(2));
    }

    [Test]
    public async Task APlannedSwitch(CancellationToken cancel)
    {
        await using var primary = await ActingAsync(cancel);
        await using var backup = await BackupAsync();
        await UntilRoleAsync(backup, "standby", cancel);
        await UntilRoleAsync(primary, "primary", cancel);

        using var answer = await primary.Http.PostAsJsonAsync("v1/stepdown", new { }, cancel);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        await UntilRoleAsync(primary, "standby", cancel);
        await UntilRoleAsync(backup, "active", cancel);
        Assert.That(backup.Runtime.Ledger.Identity.Epoch, Is.EqualTo(2));
    }

    [Test]
    public async Task NobodyToHandOverTo(CancellationToken cancel)
    {
        await using var primary = await ActingAsync(cancel);

        using var down = await primary.Http.PostAsJsonAsync("v1/stepdown", new { }, cancel);
        using var over = await primary.Http.PostAsJsonAsync("v1/takeover", new { }, cancel);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await over.Content.ReadAsStringAsync(cancel), Does.Contain("--epoch N"));
            Assert.That(down.StatusCode, Is.EqualTo(HttpStatusCode.Conflict));
            Assert.That(await down.Content.ReadAsStringAsync(cancel), Does.Contain("no standby"));
            Assert.That(over.StatusCode, Is.EqualTo(HttpStatusCode.Conflict));
            Assert.That(primary.Runtime.Roles.Role!.Acts);
        }
    }

    [TestCase("""{"server":"cs-b","epoch":2,"role":"king"}""", HttpStatusCode.BadRequest)]
    [TestCase("""{"server":"","epoch":2,"role":"standby"}""", HttpStatusCode.BadRequest)]
    [TestCase("""{"server":"cs-b","epoch":-1,"role":"standby"}""", HttpStatusCode.BadRequest)]
    [TestCase("""{"server":"cs-b","epoch":1000000001,"role":"active"}""", HttpStatusCode.BadRequest)]
    [TestCase("""{"epoch":"many"}""", HttpStatusCode.BadRequest)]
    [TestCase("""[]""", HttpStatusCode.BadRequest)]
    [TestCase("null", HttpStatusCode.BadRequest)]
    [TestCase("""{"server":"cs-b","epoch":1,"role":"standby"}""", HttpStatusCode.OK)]
    [TestCase("""{"server":"cs-b","epoch":1000000000,"role":"standby"}""", HttpStatusCode.OK)]
    public async Task AHeartbeatIsRead(string body, HttpStatusCode status, CancellationToken cancel)
    {
        await using var primary = await ActingAsync(cancel);
        using var backup = TestPair.Backup(TestPair.Secret);

        var answer = await backup.AskAsync(
            pair.First,
            Server.Roles.PeerLink.Path,
            PairQuestion.Heartbeat,
            Encoding.UTF8.GetBytes(body),
            cancel
        );

        Assert.That((answer.Verdict, answer.Status), Is.EqualTo((PairVerdict.Believed, status)));
        Assert.That(primary.Runtime.Roles.Role!.Acts, "none of these has a greater claim that is believed");
    }

    [Test]
    public async Task AnOperatorHasBothAgreeOnAnEpoch(CancellationToken cancel)
    {
        await using var primary = await ActingAsync(cancel);
        await using var backup = await BackupAsync();
        await UntilRoleAsync(backup, "standby", cancel);

        using var taken = await backup.Http.PostAsJsonAsync("v1/takeover", new { epoch = 9_000 }, cancel);
        Assert.That(taken.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        await UntilRoleAsync(primary, "standby", cancel);
        await primary.UntilAsync(runtime => runtime.Roles.Role!.Epoch == 9_000, cancel);
        // If two operators act at the same time, the higher epoch wins: the second order comes after the first has
        // been agreed on.
        await backup.Runtime.Roles.MeetAsync(primary.Runtime.Roles.Role!.Greeting);
        Assert.That(backup.Runtime.Roles.Role!.Greeting.Anew, Is.False);

        using var back = await primary.Http.PostAsJsonAsync("v1/takeover", new { epoch = 3 }, cancel);
        Assert.That(back.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        await UntilRoleAsync(backup, "standby", cancel);

        Assert.That(
            (backup.Runtime.Roles.Role!.Epoch, backup.Runtime.Ledger.Identity.Epoch),
            Is.EqualTo((3, 3))
        );
        Assert.That(primary.Runtime.Roles.Role!.Epoch, Is.EqualTo(3));
    }

    [TestCase("""{"epoch":0}""")]
    [TestCase("""{"epoch":1000000001}""")]
    [TestCase("""{"epoch":"7"}""")]
    [TestCase("""{"epoch":1.5}""")]
    [TestCase("""{"epohc":7}""")]
    [TestCase("{\"ep\ud800ch\":7}")]
    [TestCase("""{"ep\ud800ch":7}""")]
    [TestCase("""{"epoch":"\udc00"}""")]
    [TestCase("""[7]""")]
    [TestCase("""{""")]
    public async Task AnEpochThatIsNoneIsRefused(string body, CancellationToken cancel)
    {
        await using var primary = await ActingAsync(cancel);

        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await primary.Http.PostAsync(
            new Uri("v1/takeover", UriKind.Relative),
            content,
            cancel
        );

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(primary.Runtime.Roles.Role!.Epoch, Is.EqualTo(1));
    }

    [Test]
    public async Task AStandbyForgetsWhatThePrimaryWrote(CancellationToken cancel)
    {
        await using var primary = await ActingAsync(cancel);
        await using var backup = await BackupAsync();
        await primary.UntilAsync(runtime => runtime.Status().Connections == 3, cancel);
        await backup.UntilAsync(runtime => runtime.Status().Connections == 3, cancel);

        // Both see the connection end: one writes its CDR, the other holds it until it has asked.
        gateways.Connections[1] = [1];
        backup.Runtime.Polling.Trigger("gw1", AuditCause.Operator);
        await backup.UntilAsync(_ => Held(backup) == 1, cancel);
        await backup.Runtime.Settlement!.RoundAsync();
        Assert.That(Held(backup), Is.EqualTo(1), "the primary still carries it");

        primary.Runtime.Polling.Trigger("gw1", AuditCause.Operator);
        await primary.UntilAsync(_ => Written(primary) == 1, cancel);
        await backup.Runtime.Settlement!.RoundAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Held(backup), Is.Zero);
            Assert.That(Written(backup), Is.EqualTo(1), "its own record of the past keeps it");
        }
    }

    [Test]
    public async Task AtATakeoverWhatWasHeldIsWritten(CancellationToken cancel)
    {
        await using var primary = await ActingAsync(cancel);
        await using var backup = await BackupAsync();
        await backup.UntilAsync(runtime => runtime.Status().Connections == 3, cancel);
        gateways.Connections[1] = [1];
        backup.Runtime.Polling.Trigger("gw1", AuditCause.Operator);
        await backup.UntilAsync(_ => Held(backup) == 1, cancel);

        using var taken = await backup.Http.PostAsJsonAsync("v1/takeover", new { }, cancel);

        await backup.UntilAsync(_ => Held(backup) == 0, cancel);
    }

    private static int Held(TestServer server) => server.Runtime.Store.ReadHeld(0, 10).Items.Count;

    private static int Written(TestServer server) =>
        server.Runtime.Store.ReadCdrs(null, null, 0, 10).Items.Count;

    [Test]
    public async Task AStandbyReleasesNothing(CancellationToken cancel)
    {
        await using var primary = await ActingAsync(cancel);
        await using var backup = await BackupAsync();
        await backup.UntilAsync(runtime => runtime.Status().Connections == 3, cancel);

        using var answer = await backup.Http.PostAsJsonAsync(
            "v1/connections/release",
            new
            {
                connection = "gw1/c1",
                reason = "test",
                by = "test",
            },
            cancel
        );

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Conflict));
        Assert.That(await answer.Content.ReadAsStringAsync(cancel), Does.Contain("standby"));
    }
}
