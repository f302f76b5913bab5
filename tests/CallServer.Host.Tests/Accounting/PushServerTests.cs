using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CallServer.Host.Cli;
using CallServer.Host.Tests.Cli;
using CallServer.Host.Tests.Measuring;
using CallServer.Host.Tests.Storage;
using CallServer.Host.Tests.Web;
using CallServer.Server.Accounting;
using CallServer.Server.Configuration;

namespace CallServer.Host.Tests.Accounting;

/// <summary>A whole server that posts its CDRs.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class PushServerTests : IDisposable
{
    private const string Token = "a-token-nobody-guesses";

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    [Test]
    public async Task WhatEndsIsPostedAndARefusalIsToldWhereverOneLooks(CancellationToken cancel)
    {
        await using var receiver = await PushReceiver.StartAsync();
        gateways.Connections[1] = [1, 2, 3];
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    Token = Encoding.UTF8.GetBytes(Token),
                    CdrHttp = new PushConfiguration
                    {
                        Url = receiver.Url,
                        Every = TimeSpan.FromMilliseconds(100),
                        Records = ["start", "stop"],
                    },
                }
        );
        await server.UntilAskedAsync(cancel);
        await server.UntilAsync(runtime => runtime.Push!.Sink.Tally.Records == 3, cancel);
        gateways.Connections[1] = [3];
        server.Runtime.Polling.Trigger("gw1", Server.Polling.AuditCause.Operator);
        await server.UntilAsync(runtime => runtime.Push!.Sink.Tally.Records == 5, cancel);
        Assert.That(
            receiver.Requests.SelectMany(request => request.Lines).Select(Described),
            Is.EquivalentTo(new[] { "c1 0", "c2 0", "c3 0", "c1 final", "c2 final" }),
            "a start has the number 0"
        );

        server.MayComplain = true;
        Assert.That(
            (await ReadyAsync(server, cancel)).GetRawText(),
            Is.EqualTo("""{"reason":null,"waiting":0,"oldestSeconds":null}""")
        );
        receiver.Answer = (_, http) => PushReceiver.Says(http, 403, "not you");
        gateways.Connections[1] = [];
        server.Runtime.Polling.Trigger("gw1", Server.Polling.AuditCause.Operator);
        await server.UntilAsync(runtime => runtime.Push!.Sink.IsRefused, cancel);
        var stranger = await ReadyAsync(server, cancel);
        Assert.That(stranger.GetProperty("reason").GetString(), Is.EqualTo("told with the token"));
        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        var friend = await ReadyAsync(server, cancel);
        Assert.That(
            friend.GetProperty("reason").GetString(),
            Does.Contain("HTTP status 403: not you").And.Contain("cdr.http.token")
        );
        Assert.That(friend.GetProperty("waiting").GetInt64(), Is.EqualTo(1));

        var facts = await server.GetAsync("v1/server", cancel);
        Assert.That(facts.GetProperty("cdrForms").GetRawText(), Is.EqualTo("""["http"]"""));
        Assert.That(
            facts.GetProperty("troubles").EnumerateArray().Single().GetString(),
            Does.StartWith("cdr.http: ").And.Contain("403")
        );
        var run = await CliRun.Of(
            new Surroundings { Variable = name => name == "CALLSERVER_TOKEN" ? Token : null },
            ["status", "--server", server.Http.BaseAddress!.ToString()],
            cancel
        );
        Assert.That(run.Lines[^1], Does.StartWith("trouble").And.Contain("refuses records"));
        var shown = await Exposition.OfAsync(server, cancel);
        Assert.Multiple(() =>
        {
            Assert.That(shown["callserver_push_failing{why=\"refused\"}"], Is.EqualTo(1));
            Assert.That(shown["callserver_push_failing{why=\"away\"}"], Is.Zero);
            Assert.That(shown["callserver_push_requests_total{result=\"refused\"}"], Is.EqualTo(1));
            Assert.That(shown["callserver_push_records_total"], Is.EqualTo(5));
            Assert.That(shown["callserver_outbox_waiting{reader=\"cdr-http\"}"], Is.EqualTo(1));
        });
        Assert.That(server.Log.Text, Does.Contain("refuses records").And.Contain("None is dropped"));
    }

    [Test]
    public async Task AServerStopsAlsoWhileAReceiverSaysNothing(CancellationToken cancel)
    {
        await using var receiver = await PushReceiver.StartAsync();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        receiver.Answer = (_, http) =>
        {
            asked.TrySetResult();
            return Task.Delay(Timeout.Infinite, http.RequestAborted);
        };
        gateways.Connections[1] = [1];
        var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    CdrHttp = new PushConfiguration
                    {
                        Url = receiver.Url,
                        Every = TimeSpan.FromMilliseconds(100),
                        Records = ["start"],
                    },
                }
        );
        await asked.Task.WaitAsync(cancel);
        await server.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20), cancel);
        Assert.That(
            server.Log.Text,
            Does.Contain($"before {receiver.Url.GetLeftPart(UriPartial.Path)} answered")
        );
    }

    private static string Described(string line)
    {
        var record = JsonDocument.Parse(line).RootElement;
        return record.GetProperty("partial").GetBoolean()
            ? $"{record.GetProperty("connection").GetString()} {record.GetProperty("record_seq").GetInt32()}"
            : $"{record.GetProperty("connection").GetString()} final";
    }

    private static async Task<JsonElement> ReadyAsync(TestServer server, CancellationToken cancel)
    {
        using var answer = await server.Http.GetAsync(new Uri("readyz", UriKind.Relative), cancel);
        return JsonDocument
            .Parse(await answer.Content.ReadAsStringAsync(cancel))
            .RootElement.GetProperty("cdrHttp")
            .Clone();
    }
}
