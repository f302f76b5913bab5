using System.Net;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Web;
using Microsoft.AspNetCore.Http;

namespace CallServer.Host.Tests.Web;

/// <summary>How many clients may follow the events, and what happens to one that does not read.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class EventReadersTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    private Task<TestServer> StartAsync(int readers)
    {
        gateways.Connections[1] = [1, 2, 3];
        gateways.Connections[2] = [4];
        return TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { EventReaders = readers }
        );
    }

    private static Task<HttpResponseMessage> FollowAsync(TestServer server, CancellationToken cancel) =>
        server.Http.GetAsync(
            new Uri("v1/events", UriKind.Relative),
            HttpCompletionOption.ResponseHeadersRead,
            cancel
        );

    [Test]
    public async Task OneTooManyIsToldToComeBackLater(CancellationToken cancel)
    {
        await using var server = await StartAsync(2);
        using var first = await FollowAsync(server, cancel);
        using var second = await FollowAsync(server, cancel);
        using var third = await FollowAsync(server, cancel);
        Assert.That(
            (first.StatusCode, second.StatusCode, third.StatusCode),
            Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable))
        );
        Assert.That(third.Headers.RetryAfter?.Delta, Is.EqualTo(TimeSpan.FromSeconds(10)));
        Assert.That(await third.Content.ReadAsStringAsync(cancel), Does.Contain("server.eventReaders"));
        Assert.That(
            (server.Runtime.EventReaders.Open, server.Runtime.EventReaders.Refused),
            Is.EqualTo((2, 1))
        );
    }

    [Test]
    public async Task WhoDoesNotReadForHalfAMinuteIsLetGo(CancellationToken cancel)
    {
        await using var server = await StartAsync(2);
        await server.UntilAskedAsync(cancel);
        var time = new HandTime();
        var stream = new EventStream(
            server.Runtime,
            time,
            _ => Task.FromResult<string?>(null),
            CancellationToken.None
        );
        using var body = new StuckStream();
        var http = new DefaultHttpContext();
        http.Response.Body = body;
        http.Request.Headers["Last-Event-ID"] = "0";
        var serving = stream.ServeAsync(http);
        await body.Stuck.WaitAsync(cancel);
        Assert.That(server.Runtime.EventReaders.Open, Is.EqualTo(1));
        time.Advance(EventStream.Patience - TimeSpan.FromMilliseconds(1));
        Assert.That(serving.IsCompleted, Is.False);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await serving.WaitAsync(cancel);
        Assert.That(
            (server.Runtime.EventReaders.Open, server.Runtime.EventReaders.Dropped),
            Is.EqualTo((0, 1))
        );
    }

    [Test]
    public async Task OneReadsWhileTheOthersWait(CancellationToken cancel)
    {
        using var readers = new EventReaders(10);
        var (inside, most) = (0, 0);
        await Task.WhenAll(
            Enumerable
                .Range(0, 10)
                .Select(_ =>
                    Task.Run(
                        () =>
                            readers.InTurnAsync(
                                () =>
                                {
                                    most = Math.Max(most, Interlocked.Increment(ref inside));
                                    Thread.Yield();
                                    return Interlocked.Decrement(ref inside);
                                },
                                cancel
                            ),
                        cancel
                    )
                )
        );
        Assert.That(most, Is.EqualTo(1));
    }

    /// <summary>A client that reads its first bytes and nothing more.</summary>
    private sealed class StuckStream : MemoryStream
    {
        private readonly TaskCompletionSource stuck = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int writes;

        public Task Stuck => stuck.Task;

        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer,
            CancellationToken cancellationToken = default
        )
        {
            if (Interlocked.Increment(ref writes) == 1)
                return;
            stuck.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }

    /// <summary>A clock that moves when the test says so.</summary>
    private sealed class HandTime : TimeProvider
    {
        private readonly List<HandTimer> timers = [];
        private DateTimeOffset now = new(2026, 1, 31, 10, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => now;

        public override ITimer CreateTimer(
            TimerCallback callback,
            object? state,
            TimeSpan dueTime,
            TimeSpan period
        )
        {
            var timer = new HandTimer(this, () => callback(state));
            timer.Change(dueTime, period);
            lock (timers)
                timers.Add(timer);
            return timer;
        }

        public void Advance(TimeSpan by)
        {
            now += by;
            List<HandTimer> due;
            lock (timers)
                due = [.. timers.Where(timer => timer.Due <= now)];
            foreach (var timer in due)
                timer.Fire();
        }

        private sealed class HandTimer(HandTime time, Action act) : ITimer
        {
            public DateTimeOffset? Due { get; private set; }

            public void Fire()
            {
                Due = null;
                act();
            }

            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                Due = dueTime < TimeSpan.Zero ? null : time.now + dueTime;
                return true;
            }

            public void Dispose() => Due = null;

            public ValueTask DisposeAsync()
            {
                Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }
}
