using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Threading.Channels;
using CallServer.Server.Net;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Net;

/// <summary>Real streams on loopback; every wait is for something that must come.</summary>
public sealed class TcpFleetTests : NetworkTests
{
    private Task<AuditOutcome> RunAsync(
        ScriptedStreamAudit audit,
        EndPoint gateway,
        CancellationToken cancel
    ) =>
        new AuditRunner(Network, Clock, Loop).RunAsync(
            audit.Target,
            new GatewayAddress((IPEndPoint)gateway),
            null,
            TimeSpan.FromSeconds(15),
            cancel
        );

    private static TcpListener Listen()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener;
    }

    [Test]
    public async Task AnAuditGoesThereAndBack(CancellationToken cancel)
    {
        using var listener = Listen();
        var audit = new ScriptedStreamAudit("gw");
        var running = RunAsync(audit, listener.LocalEndpoint, cancel);
        using var gateway = await listener.AcceptSocketAsync(cancel);
        var asked = new byte[1];
        await gateway.ReceiveAsync(asked, cancel);
        // More than one read takes, and more than may wait untaken.
        var many = Enumerable.Repeat((byte)7, 3_000_000).ToArray();
        await using (var stream = new NetworkStream(gateway))
            await stream.WriteAsync(many.Append((byte)0).ToArray(), cancel);
        var outcome = await running;
        Assert.Multiple(() =>
        {
            Assert.That(asked[0], Is.EqualTo(ScriptedAudit.Mine));
            Assert.That(outcome.Result.Count, Is.EqualTo(1));
            Assert.That(audit.Told[0], Is.EqualTo($"connected {gateway.RemoteEndPoint}"));
            Assert.That(
                audit.Told.Skip(1).Sum(word => int.Parse(word["arrived ".Length..])),
                Is.EqualTo(many.Length + 1)
            );
        });
        // The stream is closed along with the audit.
        Assert.That(await gateway.ReceiveAsync(asked, cancel), Is.Zero);
    }

    [Test]
    public async Task AClosedPortIsSaid(CancellationToken cancel)
    {
        EndPoint nobody;
        using (var gone = Listen())
            nobody = gone.LocalEndpoint;
        var outcome = await RunAsync(new ScriptedStreamAudit("gw"), nobody, cancel);
        Assert.That(outcome.Result.Reasons.Single(), Does.Contain("connection refused"));
        Assert.That((Network.Tcp.Opened, Network.Tcp.Failed), Is.EqualTo((0, 1)));
    }

    [Test]
    public async Task AGatewayThatHangsUpIsSaid(CancellationToken cancel)
    {
        using var listener = Listen();
        var running = RunAsync(new ScriptedStreamAudit("gw"), listener.LocalEndpoint, cancel);
        using (var gateway = await listener.AcceptSocketAsync(cancel))
        {
            await gateway.ReceiveAsync(new byte[1], cancel);
            gateway.Shutdown(SocketShutdown.Both);
        }

        var outcome = await running;
        Assert.That(outcome.Result.Reasons.Single(), Does.Contain("closed by the gateway"));
    }

    [Test]
    public async Task AGatewayThatResetsIsSaid(CancellationToken cancel)
    {
        using var listener = Listen();
        var running = RunAsync(new ScriptedStreamAudit("gw"), listener.LocalEndpoint, cancel);
        using (var gateway = await listener.AcceptSocketAsync(cancel))
        {
            await gateway.ReceiveAsync(new byte[1], cancel);
            gateway.LingerState = new LingerOption(true, 0);
        }

        var outcome = await running;
        Assert.That(outcome.Result.Reasons.Single(), Does.Contain("connection reset"));
    }

    [Test]
    public async Task OpeningHasItsTime(CancellationToken cancel)
    {
        using var listener = Listen();
        await using var hasty = new TcpFleet(Clock, TimeSpan.Zero);
        var news = new News();
        using var stream = hasty.Connect((IPEndPoint)listener.LocalEndpoint, news);
        var broken = await news.First.WaitAsync(cancel);
        Assert.That((broken as StreamNews.Broken)?.Reason, Does.StartWith("no connection within"));
    }

    [Test]
    public async Task WhatTheGatewayDoesNotReadIsBounded(CancellationToken cancel)
    {
        using var listener = Listen();
        var news = new News();
        using var stream = Network.Tcp.Connect((IPEndPoint)listener.LocalEndpoint, news);
        await news.First.WaitAsync(cancel);
        var broken = news.Next();
        // The connection is accepted but never read: the system's buffers are bounded too.
        for (var n = 0; n < 1000 && !broken.IsCompleted; n++)
            stream.Write(new byte[1024 * 1024]);
        var told = await broken.WaitAsync(cancel);
        Assert.That((told as StreamNews.Broken)?.Reason, Does.Contain("does not read"));
    }

    [Test]
    public async Task NoMoreIsReadThanIsTaken(CancellationToken cancel)
    {
        const int mostUntaken = 16;
        var many = new byte[3_000_000];
        using var listener = Listen();
        var news = new Arrivals();
        using var stream = Network.Tcp.Connect((IPEndPoint)listener.LocalEndpoint, news);
        using var gateway = await listener.AcceptSocketAsync(cancel);
        var sending = new NetworkStream(gateway).WriteAsync(many, cancel).AsTask();
        var untaken = new Queue<StreamNews.Arrived>();
        for (var got = 0; got < many.Length; got += untaken.Last().Octets.Length)
        {
            // As late as may be: nothing more comes while so many wait.
            if (untaken.Count == mostUntaken)
                news.Take(untaken.Dequeue());
            untaken.Enqueue(await news.NextAsync(cancel));
        }

        await sending;
        Assert.That(news.MostUntaken, Is.EqualTo(mostUntaken));
    }

    [Test]
    public async Task ClosingTheFleetClosesItsStreams(CancellationToken cancel)
    {
        using var listener = Listen();
        var fleet = new TcpFleet(Clock);
        var news = new News();
        using var stream = fleet.Connect((IPEndPoint)listener.LocalEndpoint, news);
        using var gateway = await listener.AcceptSocketAsync(cancel);
        await news.First.WaitAsync(cancel);
        await fleet.DisposeAsync();
        Assert.That(await gateway.ReceiveAsync(new byte[1], cancel), Is.Zero);
        Assert.That(fleet.Open, Is.Zero);
    }

    private sealed class Arrivals : IStreamReceiver
    {
        private readonly Channel<StreamNews.Arrived> arrived = Channel.CreateUnbounded<StreamNews.Arrived>();
        private readonly Lock guard = new();
        private int untaken;

        /// <summary>The most reads that ever waited to be taken.</summary>
        public int MostUntaken { get; private set; }

        public ValueTask<StreamNews.Arrived> NextAsync(CancellationToken cancel) =>
            arrived.Reader.ReadAsync(cancel);

        public void Take(StreamNews.Arrived one)
        {
            lock (guard)
                untaken--;
            one.Take();
        }

        public void OnStream(StreamNews news)
        {
            if (news is not StreamNews.Arrived one)
                return;
            lock (guard)
                MostUntaken = Math.Max(MostUntaken, ++untaken);
            arrived.Writer.TryWrite(one);
        }
    }

    private sealed class News : IStreamReceiver
    {
        private readonly Lock guard = new();
        private TaskCompletionSource<StreamNews> next = Fresh();

        public News() => First = next.Task;

        public Task<StreamNews> First { get; }

        /// <summary>The next news from now on.</summary>
        public Task<StreamNews> Next()
        {
            lock (guard)
            {
                next = Fresh();
                return next.Task;
            }
        }

        public void OnStream(StreamNews news)
        {
            lock (guard)
                next.TrySetResult(news);
        }

        private static TaskCompletionSource<StreamNews> Fresh() =>
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
