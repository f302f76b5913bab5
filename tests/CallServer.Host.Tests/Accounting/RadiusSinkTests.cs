using System.Net;
using System.Reactive.Concurrency;
using System.Security.Cryptography;
using CallServer.Host.Tests.Recording;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Accounting;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Host.Tests.Accounting;

/// <summary>The sink over a real store, against a minimal RADIUS server, in virtual time.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RadiusSinkTests : IDisposable
{
    private static readonly byte[] Secret = "secret"u8.ToArray();

    private readonly HistoricalScheduler time = new(DateTimeOffset.UtcNow);
    private readonly TestDirectory directory = new();
    private readonly SchedulerClock clock;
    private readonly FlakyStore store;
    private readonly Channel server;
    private readonly RadiusSink sink;

    public RadiusSinkTests()
    {
        clock = new SchedulerClock(time);
        store = new FlakyStore(
            SqliteLedgerStore.Open(new SqliteStoreOptions { File = directory.File("callserver.db") })
        );
        store.Load();
        store.RegisterReaders([RadiusSink.Reader]);
        server = new Channel(clock);
        sink = Sink();
    }

    public void Dispose()
    {
        sink.Dispose();
        store.Dispose();
        directory.Dispose();
    }

    [Test]
    public void WhatTheServerAnsweredForTheOutboxForgets()
    {
        End("a", "b");
        Assert.That(sink.Health.Waiting, Is.EqualTo(2));
        sink.Nudge();
        Pass(TimeSpan.FromSeconds(1));
        Assert.That(server.Taken, Has.Count.EqualTo(2));
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
        Assert.That(store.ReadAccounting(RadiusSink.Reader, 10).Items, Is.Empty);
        Assert.That(sink.State.Answered, Is.EqualTo(2));
    }

    [Test]
    public void AThousandGoThroughAWindowInOrder()
    {
        End([.. Enumerable.Range(0, 1000).Select(number => $"{number}")]);
        sink.Nudge();
        Pass(TimeSpan.FromSeconds(30));
        Assert.That(server.Taken, Has.Count.EqualTo(1000));
        Assert.That(server.Taken, Is.Unique);
        Assert.That(sink.Health.Waiting, Is.Zero);
        Assert.That(server.MostUnanswered, Is.LessThanOrEqualTo(32));
    }

    [Test]
    public async Task WhileItIsAwayTheStoreKeepsEverythingAlsoThroughARestartOfOurs()
    {
        server.IsAway = true;
        End("a", "b", "c");
        sink.Nudge();
        Pass(TimeSpan.FromMinutes(1));
        Assert.Multiple(() =>
        {
            Assert.That(server.Taken, Is.Empty);
            Assert.That(sink.Health.Reason, Does.Contain("192.0.2.1:1813 does not answer"));
            Assert.That(sink.Health.Waiting, Is.EqualTo(3));
            Assert.That(sink.Health.OldestSeconds, Is.InRange(59, 120));
        });

        var flush = sink.FlushAsync();
        Pass(TimeSpan.Zero);
        await flush;
        sink.Dispose();
        server.IsAway = false;
        using var next = Sink();
        next.Nudge();
        Pass(TimeSpan.FromSeconds(10));
        Assert.That(server.Taken, Has.Count.EqualTo(3));
        Assert.That(next.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
    }

    [Test]
    public async Task AFlushEndsWhenEverythingIsAnsweredForAndNotBefore()
    {
        End("a");
        var flush = sink.FlushAsync();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(flush.IsCompleted, Is.False);
        Pass(TimeSpan.FromSeconds(1));
        await flush;
        Assert.That(store.ReadAccounting(RadiusSink.Reader, 10).Items, Is.Empty);
    }

    [Test]
    public void AStoreThatFailsIsNamedAndTriedAgain()
    {
        End("a");
        store.AdvanceFault = new StoreFullException("the disk is full");
        sink.Nudge();
        Pass(TimeSpan.FromSeconds(1));
        Assert.That(sink.Health.Reason, Does.Contain("the disk is full"));
        Assert.That(server.Taken, Has.Count.EqualTo(1));
        store.AdvanceFault = null;
        Pass(TimeSpan.FromSeconds(6));
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
        Assert.That(server.Taken, Has.Count.EqualTo(1), "not told again");
    }

    private RadiusSink Sink() =>
        new(
            new RadiusConfiguration
            {
                Server = IPEndPoint.Parse("192.0.2.1:1813"),
                Secret = Secret,
                NasIdentifier = "test",
            },
            store,
            clock,
            time,
            server.Open,
            0,
            NullLogger.Instance
        );

    private void End(params string[] ids) =>
        store.Commit(TestRows.Commit("gw1") with { Cdrs = [.. ids.Select(id => TestRows.Cdr(id))] });

    private void Pass(TimeSpan span)
    {
        // Small steps, so that whatever one action schedules at once runs within them.
        for (var passed = TimeSpan.Zero; passed <= span; passed += TimeSpan.FromMilliseconds(10))
        {
            time.AdvanceBy(TimeSpan.FromMilliseconds(10));
            server.Answer();
        }
    }

    /// <summary>The path to a server that answers everything it has heard when a test says so.</summary>
    private sealed class Channel(IClock clock) : IMessageChannel
    {
        private readonly List<byte[]> heard = [];
        private IDatagramReceiver? receiver;

        public bool IsAway { get; set; }

        public List<string> Taken { get; } = [];

        public int MostUnanswered { get; private set; }

        public string Local => "";

        public Channel Open(IDatagramReceiver to)
        {
            receiver = to;
            return this;
        }

        public void Send(byte[] message)
        {
            if (!IsAway)
                heard.Add(message);
            MostUnanswered = Math.Max(MostUnanswered, heard.Count);
        }

        public void Answer()
        {
            var requests = heard.ToList();
            heard.Clear();
            foreach (var request in requests)
            {
                Taken.Add(Convert.ToHexString(request));
                // RFC 2866 §3: MD5 over code, identifier, length, the request's authenticator, and the secret.
                byte[] head = [5, request[1], 0, 20];
                byte[] hashed = [.. head, .. request[4..20], .. Secret];
#pragma warning disable CA5351 // the protocol's own hash
                byte[] response = [.. head, .. MD5.HashData(hashed)];
#pragma warning restore CA5351
                receiver!.OnDatagram(new Datagram(clock.Now, response, 1, null));
            }
        }

        public void Dispose() { }
    }
}
