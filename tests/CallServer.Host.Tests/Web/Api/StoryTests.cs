using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Polling;
using CallServer.Surface;

namespace CallServer.Host.Tests.Web.Api;

/// <summary>What is told of one connection's life.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class StoryTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    private static string[] Kinds(JsonElement story) =>
        [
            .. story
                .GetProperty("steps")
                .EnumerateArray()
                .Select(step => step.GetProperty("kind").GetString()!),
        ];

    [Test]
    public async Task AConnectionsLifeIsToldFromItsOpeningToItsCdr(CancellationToken cancel)
    {
        gateways.Connections[1] = [1];
        gateways.Connections[2] = [];
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        await server.UntilAsync(runtime => runtime.Events.Read(0, 10).Items.Count > 0, cancel);
        var living = await server.GetAsync("v1/connections/gw1/c1/story", cancel);
        Assert.That(Kinds(living), Is.EqualTo(new[] { "opened" }));
        Assert.That(living.GetProperty("active").GetBoolean());
        Assert.That(living.GetProperty("whole").GetBoolean());
        Assert.That(living.GetProperty("cdr").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(living.GetProperty("now").GetProperty("id").GetString(), Is.EqualTo("c1"));

        gateways.Connections[1] = [];
        server.Runtime.Polling.Trigger("gw1", AuditCause.Operator);
        await server.UntilAsync(runtime => runtime.Store.ReadCdrs(null, null, 0, 1).Items.Count > 0, cancel);
        var ended = await server.GetAsync("v1/connections/gw1/c1/story", cancel);
        Assert.That(Kinds(ended), Is.EqualTo(new[] { "opened", "closed" }));
        Assert.That(ended.GetProperty("active").GetBoolean(), Is.False);
        Assert.That(ended.GetProperty("now").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(ended.GetProperty("cdr").GetProperty("connection").GetString(), Is.EqualTo("c1"));
        var closing = ended.GetProperty("steps")[1];
        Assert.That(
            closing.GetProperty("end").GetProperty("after").GetProperty("evidence").GetString(),
            Is.EqualTo("absent")
        );
        Assert.That(
            closing.GetProperty("start").GetProperty("before").ToString(),
            Is.EqualTo(ended.GetProperty("steps")[0].GetProperty("start").GetProperty("after").ToString())
        );

        // The gateway gives the id again: that is another story.
        gateways.Connections[1] = [1];
        server.Runtime.Polling.Trigger("gw1", AuditCause.Operator);
        await server.UntilAsync(runtime => runtime.Events.Read(0, 10).Items.Count > 2, cancel);
        Assert.That(
            Kinds(await server.GetAsync("v1/connections/gw1/c1/story", cancel)),
            Is.EqualTo(new[] { "opened" })
        );
    }

    private static ChangeView Change(string kind, string connection, string? was = null) =>
        new(
            kind,
            "gw1",
            connection,
            "2026-01-31T10:00:00.000000Z",
            null,
            was,
            null,
            new IntervalView("2026-01-31T09:00:00.000000Z", "2026-01-31T09:00:01.000000Z", "reported"),
            null,
            null,
            kind == "updated" ? [new FactChange("codec", "PCMU", "G729")] : null,
            null
        );

    [Test]
    public async Task AStoryGoesOnUnderAnotherIdAndDropsOthersOfTheSame(CancellationToken cancel)
    {
        using (var store = KeptRecord.Open(directory))
            store.Commit(
                TestRows.Commit(TestRows.Connection("new")) with
                {
                    Changes =
                    [
                        Change("opened", "old"),
                        Change("closed", "old"),
                        Change("opened", "old"),
                        Change("updated", "old"),
                        Change("renamed", "new", was: "old"),
                        Change("confirmed", "new"),
                    ],
                }
            );
        await using var server = await TestServer.StartAsync(directory, gateways);
        var story = await server.GetAsync("v1/connections/gw1/new/story", cancel);
        Assert.That(Kinds(story), Is.EqualTo(new[] { "opened", "updated", "renamed", "confirmed" }));
        Assert.That(story.GetProperty("whole").GetBoolean());
        Assert.That(
            story.GetProperty("steps")[1].GetProperty("facts")[0].GetProperty("after").GetString(),
            Is.EqualTo("G729")
        );
    }

    [Test]
    public async Task AStoryWithoutItsBeginningSaysSo(CancellationToken cancel)
    {
        using (var store = KeptRecord.Open(directory))
            store.Commit(
                TestRows.Commit() with
                {
                    Changes = [Change("closed", "c1"), Change("updated", "c1"), Change("closed", "c1")],
                }
            );
        await using var server = await TestServer.StartAsync(directory, gateways);
        var story = await server.GetAsync("v1/connections/gw1/c1/story", cancel);
        Assert.That(Kinds(story), Is.EqualTo(new[] { "updated", "closed" }));
        Assert.That(story.GetProperty("whole").GetBoolean(), Is.False);
    }
}
