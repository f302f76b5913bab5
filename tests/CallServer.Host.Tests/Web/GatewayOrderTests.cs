using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Tests.Web;

/// <summary>Gateways that are added and removed while the server runs, in the file as well or not at all.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class GatewayOrderTests : IDisposable
{
    private const string Token = "control-token-5d92e6a3f1";

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    private string FilePath => directory.File("callserver.json");

    private string Text => File.ReadAllText(FilePath);

    private string Written
    {
        get
        {
            var (data, token) = (directory.File("callserver.db"), directory.File("token"));
            return $$"""
                {
                  // Our own.
                  "server": { "name": "test", "listen": "http://127.0.0.1:0", "data": "{{data}}",
                              "token": "file:{{token}}" },
                  "gateways": [
                    { "id": "gw1", "uri": "snmp://127.0.0.1:1?profile=cisco-voice", "interval": "1h" }, // in Bern
                    { "id": "gw2", "uri": "ng://127.0.0.1:2", "interval": "1h" } // in Basel
                  ],
                }
                """;
        }
    }

    private Task<TestServer> StartAsync()
    {
        File.WriteAllText(directory.File("token"), Token);
        File.WriteAllText(directory.File("community"), "a-community");
        File.WriteAllText(FilePath, Written);
        return StartedAsync();
    }

    private async Task<TestServer> StartedAsync()
    {
        var server = await TestServer.StartAsync(directory, gateways, _ => Load());
        server.Http.DefaultRequestHeaders.Authorization = new("Bearer", Token);
        return server;
    }

    private ServerConfiguration Load() =>
        ServerConfiguration.Load(FilePath, new Dictionary<string, string>(), GatewayProtocols.BuiltIn);

    private const UnixFileMode Mode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    private void SetMode()
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(FilePath, Mode);
    }

    private void HasThatMode()
    {
        if (!OperatingSystem.IsWindows())
            Assert.That(File.GetUnixFileMode(FilePath), Is.EqualTo(Mode));
    }

    private static string[] Ids(TestServer server) =>
        [.. server.Runtime.Configuration.Gateways.Select(gateway => gateway.Id)];

    private static async Task<(HttpStatusCode Status, JsonElement Answer)> AddAsync(
        TestServer server,
        string gateway,
        CancellationToken cancel
    )
    {
        using var content = new StringContent(gateway, Encoding.UTF8, "application/json");
        using var answer = await server.Http.PostAsync(
            new Uri("v1/gateways", UriKind.Relative),
            content,
            cancel
        );
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(cancel));
    }

    private static async Task<HttpStatusCode> RemoveAsync(
        TestServer server,
        string id,
        CancellationToken cancel
    )
    {
        using var answer = await server.Http.DeleteAsync(
            new Uri($"v1/gateways/{id}", UriKind.Relative),
            cancel
        );
        return answer.StatusCode;
    }

    [Test]
    public async Task ANewGatewayIsAskedAndStandsInTheFileAsAPersonWouldWriteIt(CancellationToken cancel)
    {
        await using (var server = await StartAsync())
        {
            SetMode();
            var (status, answer) = await AddAsync(
                server,
                $$"""{"id":"a/b","uri":"snmp://127.0.0.1:3","community":"file:{{directory.File("community")}}","interval":"1h"}""",
                cancel
            );
            Assert.That(status, Is.EqualTo(HttpStatusCode.Created), answer.ToString());
            Assert.That(answer.GetProperty("gateway").GetString(), Is.EqualTo("a/b"));
            Assert.That(Ids(server), Is.EqualTo(new[] { "gw1", "gw2", "a/b" }));
            Assert.That(
                Text,
                Is.EqualTo(
                    Written.Replace(
                        "\"1h\" } // in Basel\n",
                        "\"1h\" }, // in Basel\n    { \"id\": \"a/b\", \"uri\": \"snmp://127.0.0.1:3\", \"community\": \"file:"
                            + $"{directory.File("community")}\", \"interval\": \"1h\" }}\n"
                    )
                )
            );
            HasThatMode();
            using var audit = await server.Http.PostAsync(
                new Uri("v1/gateways/a%2Fb/audit", UriKind.Relative),
                JsonContent.Create(new { }),
                cancel
            );
            Assert.That(audit.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
            Assert.That(server.Log.Text, Does.Not.Contain("a-community"));
        }

        await using (var again = await StartedAsync())
        {
            Assert.That(Ids(again), Is.EqualTo(new[] { "gw1", "gw2", "a/b" }));
            Assert.That(await RemoveAsync(again, "a%2Fb", cancel), Is.EqualTo(HttpStatusCode.OK));
            Assert.That(Text, Is.EqualTo(Written));
            Assert.That(await RemoveAsync(again, "gw1", cancel), Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await RemoveAsync(again, "gw1", cancel), Is.EqualTo(HttpStatusCode.NotFound));
            Assert.That(Ids(again), Is.EqualTo(new[] { "gw2" }));
            Assert.That(Load().Gateways.Single().Id, Is.EqualTo("gw2"));
            Assert.That(Text, Does.Contain("// Our own.").And.Contain("// in Basel").And.Not.Contain("Bern"));
        }
    }

    [Test]
    public async Task WhatHasMistakesChangesNothing(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        var elsewhere = Path.GetTempFileName();
        await File.WriteAllTextAsync(elsewhere, "something", cancel);
        try
        {
            foreach (
                var (gateway, status, says) in new[]
                {
                    ("""{"id":"gw1","uri":"ng://h"}""", HttpStatusCode.Conflict, "already"),
                    ("""{"uri":"ng://h"}""", HttpStatusCode.BadRequest, "lacks \\\"id\\\""),
                    ("""{"id":"x"}""", HttpStatusCode.BadRequest, "uri"),
                    ("""{"id":"x y","uri":"ng://h"}""", HttpStatusCode.BadRequest, "printable"),
                    ("""{"id":"x","uri":"gopher://h"}""", HttpStatusCode.BadRequest, "uri"),
                    ("""{"id":"x","uri":"ng://h","colour":"red"}""", HttpStatusCode.BadRequest, "colour"),
                    (
                        """{"id":"x","uri":"ng://h","uri":"ng://i"}""",
                        HttpStatusCode.BadRequest,
                        "second time"
                    ),
                    (
                        """{"id":"x","uri":"ng://h","interval":{"a":1}}""",
                        HttpStatusCode.BadRequest,
                        "interval"
                    ),
                    (
                        """{"id":"x","uri":"snmp://h","community":"topsecret"}""",
                        HttpStatusCode.BadRequest,
                        "never written"
                    ),
                    (
                        $$"""{"id":"x","uri":"snmp://h","community":"file:{{directory.File("token")}}"}""",
                        HttpStatusCode.BadRequest,
                        "of the server itself"
                    ),
                    (
                        $$"""{"id":"x","uri":"snmp://h","community":"file:{{elsewhere}}"}""",
                        HttpStatusCode.BadRequest,
                        "beside the configuration"
                    ),
                    (
                        """{"id":"x","uri":"snmp://h","community":"env:CALLSERVER_NO_SUCH"}""",
                        HttpStatusCode.BadRequest,
                        "the environment has no"
                    ),
                    ("""[{"id":"x","uri":"ng://h"}]""", HttpStatusCode.BadRequest, "no JSON object"),
                    ("""{"id":"x","uri":"ng://h"} }, {""", HttpStatusCode.BadRequest, "no JSON object"),
                }
            )
            {
                var (answered, answer) = await AddAsync(server, gateway, cancel);
                Assert.That(answered, Is.EqualTo(status), $"{gateway}: {answer}");
                Assert.That(answer.GetRawText(), Does.Contain(says), gateway);
                Assert.That(answer.GetRawText(), Does.Not.Contain("topsecret"));
                Assert.That(Text, Is.EqualTo(Written), gateway);
            }
        }
        finally
        {
            File.Delete(elsewhere);
        }

        Assert.That(Ids(server), Is.EqualTo(new[] { "gw1", "gw2" }));
        using var log = await server.Http.GetAsync(new Uri("v1/control-log", UriKind.Relative), cancel);
        Assert.That(
            await log.Content.ReadAsStringAsync(cancel),
            Does.Not.Contain("topsecret").And.Contain("POST /v1/gateways")
        );
    }

    [Test]
    public async Task AFileThatCannotBeWrittenChangesNothing(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        Directory.CreateDirectory(FilePath + ".new");
        var (status, answer) = await AddAsync(server, """{"id":"x","uri":"ng://127.0.0.1:5"}""", cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.ServiceUnavailable), answer.ToString());
        Assert.That(await RemoveAsync(server, "gw1", cancel), Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(Text, Is.EqualTo(Written));
        Assert.That(Ids(server), Is.EqualTo(new[] { "gw1", "gw2" }));
        Directory.Delete(FilePath + ".new");
    }

    [Test]
    public async Task WhoEditedTheFileHasItReadFirst(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        await File.WriteAllTextAsync(FilePath, Written.Replace("in Bern", "in Berne"), cancel);
        var (status, answer) = await AddAsync(server, """{"id":"x","uri":"ng://127.0.0.1:5"}""", cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.Conflict));
        Assert.That(answer.GetProperty("detail").GetString(), Does.Contain("SIGHUP"));
        Assert.That(server.Runtime.TryReload(Load), Is.Empty);
        (status, _) = await AddAsync(server, """{"id":"x","uri":"ng://127.0.0.1:5"}""", cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(Text, Does.Contain("in Berne"));
    }

    [Test]
    public async Task ALinkToTheFileStaysALink(CancellationToken cancel)
    {
        File.WriteAllText(directory.File("token"), Token);
        await File.WriteAllTextAsync(directory.File("real.json"), Written, cancel);
        File.CreateSymbolicLink(FilePath, directory.File("real.json"));
        await using var server = await StartedAsync();
        var (status, answer) = await AddAsync(server, """{"id":"x","uri":"ng://127.0.0.1:5"}""", cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.Created), answer.ToString());
        Assert.That(new FileInfo(FilePath).LinkTarget, Is.Not.Null);
        Assert.That(await File.ReadAllTextAsync(directory.File("real.json"), cancel), Does.Contain("\"x\""));
    }

    [Test]
    public async Task AServerThatWasNotStartedFromAFileKeepsItsGateways(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var (status, _) = await AddAsync(server, """{"id":"x","uri":"ng://127.0.0.1:5"}""", cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.Conflict));
        Assert.That(await RemoveAsync(server, "gw1", cancel), Is.EqualTo(HttpStatusCode.Conflict));
        Assert.That(Ids(server), Is.EqualTo(new[] { "gw1", "gw2" }));
    }
}
