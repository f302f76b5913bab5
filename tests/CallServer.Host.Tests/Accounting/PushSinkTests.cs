using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using CallServer.Host.Tests.Cli;
using CallServer.Host.Tests.Recording;
using CallServer.Host.Tests.Storage;
using CallServer.Host.Tests.Web;
using CallServer.Server.Accounting;
using CallServer.Server.Configuration;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Storage.Sqlite;

namespace CallServer.Host.Tests.Accounting;

/// <summary>
/// The sink over a real store, against a real Kestrel, in virtual time: the network takes what it takes, and no time passes
/// meanwhile.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class PushSinkTests : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly SharedTime time = new(DateTimeOffset.UtcNow);
    private readonly TestDirectory directory = new();
    private readonly TestLog log = new();
    private readonly SchedulerClock clock;
    private readonly FlakyStore store;
    private PushSink? sink;

    public PushSinkTests()
    {
        clock = new SchedulerClock(time);
        store = new FlakyStore(
            SqliteLedgerStore.Open(new SqliteStoreOptions { File = directory.File("callserver.db") })
        );
        store.Load();
        store.RegisterReaders([PushSink.Reader]);
    }

    public void Dispose()
    {
        sink?.Dispose();
        store.Dispose();
        directory.Dispose();
    }

    [Test]
    public async Task BatchesGoInOrderAndASmallerOneAfterItsTime()
    {
        await using var receiver = await PushReceiver.StartAsync();
        Start(Push(receiver) with { Batch = 3, Every = TimeSpan.FromSeconds(5) });
        End("a", "b", "c", "d", "e", "f", "g");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(4));
        Assert.That(
            receiver.Requests.Select(request => string.Concat(request.Ids)),
            Is.EqualTo(new[] { "abc", "def" })
        );
        Assert.That(sink.Health.Waiting, Is.EqualTo(1));

        End("h");
        sink.Nudge();
        await PassAsync(TimeSpan.FromSeconds(1.5));
        Assert.That(receiver.Requests[2].Ids, Is.EqualTo(new[] { "g", "h" }), "the wait began with g");
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
        Assert.That(store.CountAccounting(PushSink.Reader), Is.Zero);
        Assert.That((sink.Tally.Records, sink.Tally.Requests(PushResult.Taken)), Is.EqualTo((8L, 3L)));
        Assert.That(receiver.Requests.Select(request => request.Key), Is.Unique);
    }

    [Test]
    public async Task ARequestIsWhatTheDocumentsSay()
    {
        await using var receiver = await PushReceiver.StartAsync();
        Start(Push(receiver) with { Token = "a-secret-of-the-test"u8.ToArray() });
        var cdr = TestRows.Cdr("a", originator: "+41 79 Zoë");
        store.Commit(TestRows.Commit() with { Cdrs = [cdr] });
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(6));

        var request = receiver.Requests.Single();
        Assert.Multiple(() =>
        {
            Assert.That(request.ContentType, Is.EqualTo("application/x-ndjson"));
            Assert.That(request.Authorization, Is.EqualTo("Bearer a-secret-of-the-test"));
            Assert.That(request.Body, Is.EqualTo(RecordJson.Cdr(cdr) + "\n"), "as the file has it");
            Assert.That(request.Key, Does.Match("^\"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab].*\"$"));
        });
    }

    [Test]
    public async Task ALargeBodyIsCompressedWhereThatIsWanted()
    {
        await using var receiver = await PushReceiver.StartAsync();
        var one = Encoding.UTF8.GetByteCount(RecordJson.Cdr(TestRows.Cdr("a"))) + 1;
        Start(Push(receiver) with { Batch = 3, GzipFrom = 3 * one });
        End("a", "b", "c", "d", "e");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(6));
        Assert.That(
            receiver.Requests.Select(request => $"{string.Concat(request.Ids)} {request.Encoding}"),
            Is.EqualTo(new[] { "abc gzip", "de " })
        );
        Assert.That(receiver.Requests.Select(request => request.Octets), Has.All.LessThan(2 * one + 1));
    }

    [Test]
    public async Task AReceiverThatTakesNoGzipRefusesAndTheReasonSaysWhy()
    {
        await using var receiver = await PushReceiver.StartAsync();
        receiver.Answer = (request, http) =>
            PushReceiver.Says(http, request.Encoding.Length > 0 ? 415 : 204, "plain text, please");
        Start(Push(receiver) with { GzipFrom = 1 });
        End("a");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(6));
        Assert.That(sink.Reason, Does.Contain("415: plain text, please").And.Contain("cdr.http.gzipFrom"));
    }

    [Test]
    public async Task NumbersAreHiddenAsInFiles()
    {
        await using var receiver = await PushReceiver.StartAsync();
        Start(Push(receiver), new PrivacyConfiguration { Masks = true, MasksCdrFiles = true });
        End("a");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(6));
        Assert.That(receiver.Requests.Single().Body, Does.Contain("…4567").And.Not.Contain("+41791234567"));
    }

    [TestCase("stop", "c")]
    [TestCase("stop,interim", "bc")]
    [TestCase("start,interim,stop", "abc")]
    [TestCase("interim", "b")]
    public async Task OnlyTheRecordsThatAreAskedForGo(string records, string expected)
    {
        await using var receiver = await PushReceiver.StartAsync();
        Start(Push(receiver) with { Records = records.Split(',') });
        store.Commit(
            TestRows.Commit() with
            {
                Starts = [TestRows.Cdr("a")],
                Interims = [TestRows.Cdr("b")],
                Cdrs = [TestRows.Cdr("c")],
            }
        );
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(6));
        Assert.That(string.Concat(receiver.Requests.Single().Ids), Is.EqualTo(expected));
        Assert.That(store.CountAccounting(PushSink.Reader), Is.Zero, "the others are passed over");
    }

    [Test]
    public async Task WhatAStandbyHoldsIsNotSent()
    {
        await using var receiver = await PushReceiver.StartAsync();
        Start(Push(receiver));
        store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("a")], Held = true });
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(10));
        Assert.That(receiver.Requests, Is.Empty);
        store.ReleaseAllHeld();
        sink.Nudge();
        await PassAsync(TimeSpan.FromSeconds(6));
        Assert.That(receiver.Requests.Single().Ids, Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public async Task AFailureIsRepeatedWithTheSameKeyLaterAndLater()
    {
        await using var receiver = await PushReceiver.StartAsync();
        var times = new List<TimeSpan>();
        var start = time.Now;
        receiver.Answer = (_, http) =>
        {
            times.Add(time.Now - start);
            return PushReceiver.Says(http, times.Count < 5 ? 500 : 200, "no room \u001b[31m today");
        };
        Start(Push(receiver) with { Every = Step });
        End("a", "b");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.That(
            sink.Health.Reason,
            Is.EqualTo(
                $"{receiver.Url.GetLeftPart(UriPartial.Path)} takes no records now: it answers with HTTP status 500: no room \\u001b[31m today"
            )
        );
        Assert.That(sink.IsAway);
        End("c");
        sink.Nudge();
        await PassAsync(TimeSpan.FromSeconds(20));

        Assert.That(
            receiver.Requests.Select(request => string.Concat(request.Ids)),
            Is.EqualTo(new[] { "ab", "ab", "ab", "ab", "ab", "c" })
        );
        Assert.That(
            receiver.Requests.Take(5).Select(request => request.Key).Distinct().Count(),
            Is.EqualTo(1),
            "a repeat has the same key"
        );
        var gaps = times.Zip(times.Skip(1), (one, next) => (next - one).TotalSeconds).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(gaps[0], Is.InRange(1, 1.5));
            Assert.That(gaps[1], Is.InRange(2, 2.8));
            Assert.That(gaps[2], Is.InRange(4, 5.3));
            Assert.That(gaps[3], Is.InRange(8, 10.3));
        });
        Assert.That(sink.Tally.Requests(PushResult.Failed), Is.EqualTo(4));
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
        Assert.That(log.Text, Does.Contain("takes no records now").And.Contain("takes records again"));
    }

    [TestCase(408, "7", 7, 7)]
    [TestCase(425, "7", 7, 7)]
    [TestCase(429, "90", 90, 90)]
    [TestCase(503, "90", 90, 90)]
    [TestCase(429, "0", 1, 1)]
    [TestCase(429, "100000", 3600, 3600)]
    [TestCase(429, "date", 29, 31)]
    [TestCase(429, "yesterday", 1, 1)]
    [TestCase(429, "soon", 1, 1.25)]
    [TestCase(429, null, 1, 1.25)]
    public async Task TheReceiverSaysHowLongToWait(int status, string? wait, double least, double most)
    {
        await using var receiver = await PushReceiver.StartAsync();
        var times = new List<DateTimeOffset>();
        receiver.Answer = (_, http) =>
        {
            times.Add(time.Now);
            var now = TimeProvider.System.GetUtcNow();
            var said = wait switch
            {
                "date" => now.AddSeconds(30).ToString("R", CultureInfo.InvariantCulture),
                "yesterday" => now.AddDays(-1).ToString("R", CultureInfo.InvariantCulture),
                _ => wait,
            };
            return PushReceiver.Says(http, times.Count == 1 ? status : 200, retryAfter: said);
        };
        Start(Push(receiver) with { Every = Step });
        End("a");
        sink!.Nudge();
        await UntilAsync(() => times.Count == 2, TimeSpan.FromHours(2));
        Assert.That(
            (times[1] - times[0]).TotalSeconds,
            Is.InRange(least, most + (2 * Step.TotalSeconds)),
            "and two steps of the test's time"
        );
    }

    [Test]
    public async Task WhatIsTooLargeGoesInHalves()
    {
        await using var receiver = await PushReceiver.StartAsync();
        receiver.Answer = (request, http) => PushReceiver.Says(http, request.Lines.Count > 3 ? 413 : 200);
        Start(Push(receiver) with { Batch = 20, Every = Step });
        End([.. Enumerable.Range(0, 20).Select(number => $"{number:00}")]);
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(5));

        var counts = receiver.Requests.Select(request => request.Lines.Count).ToList();
        Assert.That(counts[..4], Is.EqualTo(new[] { 20, 10, 5, 2 }));
        Assert.That(counts.Skip(3), Is.All.EqualTo(2), "what it has learnt it keeps");
        Assert.That(
            receiver.Requests.Skip(3).SelectMany(request => request.Ids),
            Is.EqualTo(Enumerable.Range(0, 20).Select(number => $"{number:00}"))
        );
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
        Assert.That(sink.Tally.Requests(PushResult.TooLarge), Is.EqualTo(3));
    }

    [Test]
    public async Task ALimitThatItHasLearntIsTriedAgainWithTime()
    {
        await using var receiver = await PushReceiver.StartAsync();
        var answered = 0;
        receiver.Answer = (request, http) =>
            PushReceiver.Says(http, request.Lines.Count > (++answered <= 50 ? 1 : 2) ? 413 : 200);
        Start(Push(receiver) with { Batch = 2, Every = Step });
        End([.. Enumerable.Range(0, 110).Select(number => $"{number}")]);
        sink!.Nudge();
        await UntilAsync(() => sink.Health.Waiting == 0, TimeSpan.FromMinutes(1));
        Assert.That(
            receiver.Requests.Count(request => request.Lines.Count == 2),
            Is.EqualTo(6),
            "one, and 5"
        );
    }

    /// <summary>Kestrel looks at the length alone, and closes: the answer must be heard all the same.</summary>
    [Test]
    public async Task AServersOwnLimitIsUnderstood()
    {
        await using var receiver = await PushReceiver.StartAsync(longestBody: 200_000);
        Start(Push(receiver) with { Batch = 1000, Every = Step });
        End([.. Enumerable.Range(0, 1000).Select(number => $"{number}")]);
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(30));
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
        Assert.That(
            receiver.Requests.SelectMany(request => request.Ids),
            Is.EqualTo(Enumerable.Range(0, 1000).Select(number => $"{number}"))
        );
        Assert.That(sink.Tally.Requests(PushResult.TooLarge), Is.GreaterThan(0));
        Assert.That(sink.Tally.Requests(PushResult.Unreachable), Is.Zero);
    }

    [Test]
    public async Task OneRecordThatIsTooLargeIsKeptAndTold()
    {
        await using var receiver = await PushReceiver.StartAsync();
        receiver.Answer = (_, http) => PushReceiver.Says(http, 413);
        Start(Push(receiver) with { Every = Step });
        End("a", "b");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(10));
        Assert.That(sink.Health.Reason, Does.Contain("413").And.Contain("one record alone is too large"));
        Assert.That(sink.Health.Waiting, Is.EqualTo(2));
        Assert.That(sink.IsRefused);
    }

    [Test]
    public async Task WhatIsRefusedIsKeptAndToldAgainAndAgain()
    {
        await using var receiver = await PushReceiver.StartAsync();
        var text = "no column\n\u202efor " + new string('x', 300);
        receiver.Answer = (_, http) => PushReceiver.Says(http, 400, text);
        Start(Push(receiver) with { Every = Step });
        End("a", "b");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(10));
        Assert.That(receiver.Requests, Has.Count.EqualTo(1), "it is not asked again at once");
        Assert.That(
            sink.Health.Reason,
            Does.Contain("refuses records")
                .And.Contain("HTTP status 400: no column\\u000a\\u202efor xxx")
                .And.Contain("x…; ")
        );
        Assert.That(sink.Health.Reason!.Length, Is.LessThan(400));
        Assert.That(sink.Health.Waiting, Is.EqualTo(2));
        Assert.That(sink.Health.OldestSeconds, Is.InRange(9, 60));
        Assert.That((sink.IsRefused, sink.IsAway), Is.EqualTo((true, false)));

        End("c");
        sink.Nudge();
        await PassAsync(TimeSpan.FromMinutes(11));
        Assert.That(
            receiver.Requests.Select(request => string.Concat(request.Ids)),
            Is.EqualTo(new[] { "ab", "ab", "ab" }),
            "every five minutes, and nothing overtakes it"
        );
        var told = log.Text.Split('\n').Count(line => line.StartsWith("Error", StringComparison.Ordinal));
        Assert.That(told, Is.EqualTo(3), log.Text);

        receiver.Answer = (_, http) => PushReceiver.Says(http, 200);
        await PassAsync(TimeSpan.FromMinutes(6));
        Assert.That(receiver.Requests.Skip(3).SelectMany(request => request.Ids), Is.EqualTo(Abc));
        Assert.That(
            receiver.Requests.Take(4).Select(request => request.Key).Distinct().Count(),
            Is.EqualTo(1)
        );
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
    }

    private static readonly string[] Abc = ["a", "b", "c"];

    [Test]
    public async Task AWrongTokenIsNamedAndNeverShown()
    {
        await using var receiver = await PushReceiver.StartAsync();
        receiver.Answer = (request, http) =>
            PushReceiver.Says(http, request.Authorization == "Bearer right-one" ? 200 : 401);
        Start(Push(receiver) with { Token = "wrong-one"u8.ToArray(), Every = Step });
        End("a");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.That(sink.Health.Reason, Does.Contain("401").And.Contain("cdr.http.token"));
        Assert.That(log.Text, Does.Not.Contain("wrong-one").And.Not.Contain("tenant"));

        Start(Push(receiver) with { Token = "right-one"u8.ToArray(), Every = Step });
        sink.Nudge();
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.That(receiver.Requests[1].Ids, Is.EqualTo(new[] { "a" }));
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
    }

    [Test]
    public async Task ARedirectIsNotFollowed()
    {
        await using var other = await PushReceiver.StartAsync();
        await using var receiver = await PushReceiver.StartAsync();
        receiver.Answer = (_, http) =>
        {
            http.Response.Headers.Location = other.Url.ToString();
            return PushReceiver.Says(http, 307);
        };
        Start(Push(receiver) with { Every = Step });
        End("a");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.That(other.Requests, Is.Empty);
        Assert.That(
            sink.Health.Reason,
            Does.Contain("redirects are not followed").And.Contain(other.Url.Authority)
        );
    }

    [Test]
    public async Task ACertificateOfTheConfigurationsAuthorityIsTrusted()
    {
        using var certificate = TestAuthority.Issue(directory.File("ca.pem"), "127.0.0.1");
        await using var receiver = await PushReceiver.StartAsync(certificate);
        Start(Push(receiver) with { Every = Step });
        End("a");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.That(sink.Health.Reason, Does.Contain("TLS fails").And.Contain("cdr.http.ca"));
        Assert.That(receiver.Requests, Is.Empty);

        using var authority = X509CertificateLoader.LoadCertificateFromFile(directory.File("ca.pem"));
        Start(Push(receiver) with { Every = Step, Authorities = [authority] });
        sink.Nudge();
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.That(receiver.Requests.Single().Ids, Is.EqualTo(new[] { "a" }));
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
    }

    [Test]
    public async Task ACertificateOfAnotherAuthorityOrForAnotherHostIsNot()
    {
        using var elsewhere = TestAuthority.Issue(directory.File("ca.pem"), "billing.example");
        await using var named = await PushReceiver.StartAsync(elsewhere);
        using var stranger = TestAuthority.Issue(directory.File("other.pem"), "127.0.0.1");
        await using var foreign = await PushReceiver.StartAsync(stranger);
        using var authority = X509CertificateLoader.LoadCertificateFromFile(directory.File("ca.pem"));
        End("a");
        foreach (var receiver in (PushReceiver[])[named, foreign])
        {
            Start(Push(receiver) with { Every = Step, Authorities = [authority] });
            sink!.Nudge();
            await PassAsync(TimeSpan.FromSeconds(1));
            Assert.That(sink.Health.Reason, Does.Contain("its certificate is for another host"));
            Assert.That(receiver.Requests, Is.Empty);
        }
    }

    [Test]
    public async Task AnAnswerThatBreaksOffIsNoAnswer()
    {
        await using var receiver = await PushReceiver.StartAsync();
        receiver.Answer = (_, http) => PushReceiver.DiesAsync(http);
        Start(Push(receiver) with { Every = Step });
        End("a", "b");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(0.5));
        Assert.That(sink.Health.Reason, Does.Contain("does not answer: "));
        receiver.Answer = (_, http) => PushReceiver.Says(http, 200);
        await PassAsync(TimeSpan.FromSeconds(2));
        Assert.That(receiver.Requests.Select(request => request.Key).Distinct().Count(), Is.EqualTo(1));
        Assert.That(receiver.Requests, Has.Count.EqualTo(2));
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
    }

    /// <summary>The status came, and said that it has them; the rest did not.</summary>
    [Test]
    public async Task AStatusWithoutTheWholeAnswerIsNotEnough()
    {
        await using var receiver = new RudeReceiver(
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf an ans",
            readsBody: _ => true
        );
        Start(new PushSetting { Url = receiver.Url, Every = Step });
        End("a");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(0.5));
        Assert.That(sink.Health.Reason, Does.Contain("does not answer: "));
        Assert.That(sink.Health.Waiting, Is.EqualTo(1));
    }

    /// <summary>Who refuses by the length alone, and closes, would reset a connection on which the body comes.</summary>
    [Test]
    public async Task ALargeBodyIsNotSentBeforeTheReceiverWantsIt()
    {
        var heads = new List<string>();
        await using var receiver = new RudeReceiver(
            head =>
            {
                heads.Add(head);
                return "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            },
            readsBody: _ => false
        );
        Start(
            new PushSetting
            {
                Url = receiver.Url,
                Batch = 10_000,
                Every = Step,
            }
        );
        End([.. Enumerable.Range(0, 10_000).Select(number => $"{number}")]);
        sink!.Nudge();
        await UntilAsync(() => sink.Tally.Requests(PushResult.TooLarge) == 5, TimeSpan.FromMinutes(1));
        Assert.That(sink.Tally.Requests(PushResult.Unreachable), Is.Zero);
        Assert.That(heads, Is.Not.Empty.And.All.Contain("Expect: 100-continue"));
    }

    [Test]
    public async Task AReceiverThatDoesNotKnowExpectIsSentTheBodyAtOnce()
    {
        await using var receiver = new RudeReceiver(
            head =>
                head.Contains("Expect", StringComparison.Ordinal)
                    ? "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                    : "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            readsBody: head => !head.Contains("Expect", StringComparison.Ordinal)
        );
        Start(
            new PushSetting
            {
                Url = receiver.Url,
                Batch = 100,
                Every = Step,
            }
        );
        End([.. Enumerable.Range(0, 100).Select(number => $"{number}")]);
        sink!.Nudge();
        await UntilAsync(() => sink.Tally.Requests(PushResult.Failed) == 1, TimeSpan.FromMinutes(1));
        await UntilAsync(() => sink.Tally.Records == 100, TimeSpan.FromMinutes(1));
        Assert.That(sink.Tally.Requests(PushResult.Refused), Is.Zero);
    }

    [Test]
    public async Task AReceiverThatIsNotThereOrDoesNotAnswerIsTriedAgain()
    {
        Start(new PushSetting { Url = new Uri(StubServer.Nowhere()), Every = Step });
        End("a");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.That(sink.Health.Reason, Does.Contain("does not answer: connection refused"));
        Assert.That(sink.Tally.Requests(PushResult.Unreachable), Is.GreaterThan(0));

        await using var receiver = await PushReceiver.StartAsync();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        receiver.Answer = (_, http) =>
        {
            asked.TrySetResult();
            return Task.Delay(Timeout.Infinite, http.RequestAborted);
        };
        Start(Push(receiver) with { Every = Step, Deadline = TimeSpan.FromSeconds(3) });
        sink.Nudge();
        time.AdvanceBy(Step);
        time.AdvanceBy(Step);
        await asked.Task;
        time.AdvanceBy(TimeSpan.FromSeconds(2));
        Assert.That(sink.Exchange.IsCompleted, Is.False);
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        await sink.Exchange;
        time.AdvanceBy(Step);
        Assert.That(sink.Health.Reason, Does.Contain("does not answer: no whole answer within 3s"));
        receiver.Answer = (_, http) => PushReceiver.Says(http, 200);
        await PassAsync(TimeSpan.FromSeconds(5));
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
        Assert.That(receiver.Requests.Select(request => request.Key).Distinct().Count(), Is.EqualTo(1));
    }

    /// <summary>
    /// It was taken, and this process died before its mark was written. Others have joined it meanwhile, and the
    /// configuration allows more in a batch.
    /// </summary>
    [Test]
    public async Task AfterARestartTheSameRecordsGoWithTheSameKey()
    {
        await using var receiver = await PushReceiver.StartAsync();
        Start(Push(receiver) with { Batch = 3 });
        End("a", "b", "c", "d");
        store.ForgetfulOf = PushSink.Reader;
        sink!.Nudge();
        await PassAsync(TimeSpan.FromMilliseconds(500));
        store.ForgetfulOf = null;
        Assert.That(store.CountAccounting(PushSink.Reader), Is.EqualTo(4), "no mark was written");
        var before = receiver.Requests[0];
        Assert.That(before.Ids, Is.EqualTo(Abc));

        End("e", "f");
        Start(Push(receiver) with { Batch = 500 });
        sink.Nudge();
        var count = receiver.Requests.Count;
        await PassAsync(TimeSpan.FromSeconds(6));
        Assert.That(receiver.Requests[count], Is.EqualTo(before));
        Assert.That(string.Concat(receiver.Requests[count + 1].Ids), Is.EqualTo("def"));
        Assert.That(receiver.Requests, Has.Count.EqualTo(count + 2));
    }

    [Test]
    public void AKeyDependsOnTheSenderTheSequencesAndTheContent()
    {
        PushBatch Batch(string sender = "a", long first = 1, string line = "x") =>
            new(sender, [(first, Encoding.UTF8.GetBytes(line)), (7, "y"u8.ToArray())], 8);
        Assert.That(Batch().Key, Is.EqualTo(Batch().Key));
        Assert.That(
            new[]
            {
                Batch(),
                Batch(sender: "b"),
                Batch(first: 2),
                Batch(line: "z"),
                Batch().FirstHalf(),
            }.Select(batch => batch.Key),
            Is.Unique
        );
    }

    [Test]
    public async Task AStoreThatFailsIsNamedAndNothingIsSentTwice()
    {
        await using var receiver = await PushReceiver.StartAsync();
        Start(Push(receiver) with { Every = Step });
        End("a");
        store.AdvanceFault = new StoreFullException("the disk is full");
        sink!.Nudge();
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.That(sink.Health.Reason, Does.Contain("the disk is full"));
        Assert.That(receiver.Requests, Is.Empty, "how far it reaches must be on the disk before it goes");
        store.AdvanceFault = null;
        await PassAsync(TimeSpan.FromSeconds(6));
        Assert.That(receiver.Requests, Has.Count.EqualTo(1));
        Assert.That(sink.Health, Is.EqualTo(new SinkHealth(null, 0, null)));
    }

    [Test]
    public async Task AFlushDoesNotWaitForOthersAndEndsWhenEverythingIsTaken()
    {
        await using var receiver = await PushReceiver.StartAsync();
        Start(Push(receiver) with { Batch = 2, Every = TimeSpan.FromHours(1) });
        End("a", "b", "c");
        var flush = sink!.FlushAsync();
        Assert.That(flush.IsCompleted, Is.False);
        await PassAsync(TimeSpan.FromSeconds(1));
        await flush;
        Assert.That(receiver.Requests.SelectMany(request => request.Ids), Is.EqualTo(Abc));

        receiver.Answer = (_, http) => PushReceiver.Says(http, 503);
        End("d");
        flush = sink.FlushAsync();
        await PassAsync(TimeSpan.FromSeconds(1));
        await flush;
        Assert.That(store.CountAccounting(PushSink.Reader), Is.EqualTo(1), "it does not wait for a receiver");
    }

    /// <summary>Whatever fails on either side: all of them arrive, each at least once, and in order.</summary>
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public async Task NothingIsLostOrReorderedAmongAThousandWithFailuresEverywhere(int seed)
    {
        var random = new Random(seed);
        await using var receiver = await PushReceiver.StartAsync();
        var seen = new HashSet<string>();
        var kept = new List<string>();
        void Keep(PushRequest request)
        {
            // As docs/cdr-fields.md tells a receiver to do.
            if (seen.Add(request.Key))
                kept.AddRange(request.Ids.Where(seen.Add));
        }

        receiver.Answer = (request, http) =>
        {
            var lot = random.Next(10);
            if (lot is < 4 or 4 or 5)
                Keep(request);
            return lot switch
            {
                < 4 => PushReceiver.Says(http, 200),
                // It has them, and cannot say so.
                4 => PushReceiver.DiesAsync(http),
                5 => PushReceiver.Says(http, 502),
                6 => PushReceiver.Says(http, 429, retryAfter: "2"),
                7 => PushReceiver.Says(http, request.Lines.Count > 4 ? 413 : 500),
                8 => PushReceiver.Says(http, 422, "not today"),
                _ => PushReceiver.Says(http, 500),
            };
        };
        var expected = new List<string>();
        var setting = Push(receiver) with { Batch = 40 };
        Start(setting);
        while (expected.Count < 1000)
        {
            var ids = Enumerable.Range(expected.Count, random.Next(1, 60)).Select(id => $"{id}").ToArray();
            End(ids);
            expected.AddRange(ids);
            sink!.Nudge();
            await PassAsync(TimeSpan.FromSeconds(random.Next(20)));
            if (random.Next(4) == 0)
            {
                // This process dies, perhaps between an answer and its mark.
                store.ForgetfulOf = PushSink.Reader;
                await PassAsync(TimeSpan.FromMilliseconds(300));
                sink.Dispose();
                await sink.Exchange;
                store.ForgetfulOf = null;
                Start(setting);
            }
        }

        sink!.Nudge();
        await UntilAsync(
            () => store.CountAccounting(PushSink.Reader) == 0,
            TimeSpan.FromHours(48),
            TimeSpan.FromSeconds(1)
        );
        Assert.That(kept, Is.EqualTo(expected));
        Assert.That(
            receiver.Requests.Sum(request => request.Lines.Count),
            Is.GreaterThan(1000),
            "some came twice"
        );
    }

    private static PushSetting Push(PushReceiver receiver) => new() { Url = receiver.Url };

    /// <summary>Starts a sink, after a crash of the one before if there was one.</summary>
    private void Start(PushSetting setting, PrivacyConfiguration? privacy = null)
    {
        sink?.Dispose();
        sink = new PushSink(
            setting.Configuration,
            "cs-a",
            new Masking(privacy ?? PrivacyConfiguration.Open),
            store,
            clock,
            time,
            () => 0.5,
            log
        );
    }

    private void End(params string[] ids) =>
        store.Commit(TestRows.Commit("gw1") with { Cdrs = [.. ids.Select(id => TestRows.Cdr(id))] });

    private async Task PassAsync(TimeSpan span)
    {
        for (var passed = TimeSpan.Zero; passed < span; passed += Step)
        {
            time.AdvanceBy(Step);
            await sink!.Exchange;
        }

        // What the last answer leads to at once.
        time.AdvanceBy(TimeSpan.FromTicks(1));
        await sink!.Exchange;
        time.AdvanceBy(TimeSpan.FromTicks(1));
        await sink!.Exchange;
    }

    private async Task UntilAsync(Func<bool> isSo, TimeSpan longest, TimeSpan? step = null)
    {
        for (var passed = TimeSpan.Zero; !isSo(); passed += step ?? Step)
        {
            Assert.That(passed, Is.LessThan(longest), log.Text);
            time.AdvanceBy(step ?? Step);
            await sink!.Exchange;
        }
    }

    /// <summary>A configuration that a test can change.</summary>
    private sealed record PushSetting
    {
        public required Uri Url { get; init; }
        public byte[]? Token { get; init; }
        public IReadOnlyList<X509Certificate2> Authorities { get; init; } = [];
        public int Batch { get; init; } = 500;
        public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(5);
        public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(30);
        public IReadOnlyList<string> Records { get; init; } = [AccountingKind.Stop];
        public long? GzipFrom { get; init; }

        public PushConfiguration Configuration =>
            new()
            {
                Url = Url,
                Token = Token,
                Authorities = Authorities,
                Batch = Batch,
                Every = Every,
                Deadline = Deadline,
                Records = Records,
                GzipFrom = GzipFrom,
            };
    }
}
