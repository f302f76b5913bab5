using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CallServer.Host.Tests.Documents;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Web.Api;

/// <summary>docs/api.md: it has every path and every parameter, and its examples are what a server answers.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed partial class ApiPageTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();
    private readonly string page = File.ReadAllText(
        Path.Combine(Path.GetDirectoryName(Here())!, "../../../../docs/api.md")
    );

    public ApiPageTests()
    {
        gateways.Connections[1] = [1, 101, 102, 103, 105];
        gateways.Connections[2] = [111, 113];
        gateways.Release = (_, _) => 0;
    }

    public void Dispose() => directory.Dispose();

    private static string Here([CallerFilePath] string path = "") => path;

    private async Task<TestServer> StartAsync(CancellationToken cancel)
    {
        var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    Gateways =
                    [
                        configuration.Gateways[0] with
                        {
                            Target = ScriptedAudit.Releasing("gw1", TimeSpan.FromSeconds(1)),
                        },
                        configuration.Gateways[1],
                    ],
                }
        );
        await server.UntilAskedAsync(cancel);
        gateways.Connections[1] = [1, 101, 102, 103];
        server.Runtime.Polling.Trigger("gw1", AuditCause.Operator);
        await server.UntilAsync(runtime => runtime.Store.ReadCdrs(null, null, 0, 1).Items.Count > 0, cancel);
        return server;
    }

    private Dictionary<string, string> Sections() =>
        Section()
            .Split(page)
            .Skip(1)
            .Chunk(2)
            .ToDictionary(chunk => chunk[0], chunk => chunk[1], StringComparer.Ordinal);

    [Test]
    public async Task EveryPathHasASectionWithEveryParameter(CancellationToken cancel)
    {
        await using var server = await StartAsync(cancel);
        using var document = JsonDocument.Parse(
            await server.Http.GetStringAsync(new Uri("openapi/v1.json", UriKind.Relative), cancel)
        );
        var sections = Sections();
        var described = new List<string>();
        using var all = Assert.EnterMultipleScope();
        foreach (var path in document.RootElement.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                var name = $"{operation.Name.ToUpperInvariant()} {path.Name}";
                described.Add(name);
                var text = sections.GetValueOrDefault(name) ?? "";
                Assert.That(text, Does.Contain("```http"), $"{name} has no example");
                if (!operation.Value.TryGetProperty("parameters", out var parameters))
                    continue;
                foreach (var parameter in parameters.EnumerateArray())
                    Assert.That(text, Does.Contain($"`{parameter.GetProperty("name")}`"), name);
            }
        }

        Assert.That(sections.Keys, Is.EquivalentTo(described));
    }

    [Test]
    public async Task EveryExampleIsWhatAServerAnswers(CancellationToken cancel)
    {
        await using var server = await StartAsync(cancel);
        var examples = Example().Matches(page);
        Assert.That(examples, Has.Count.GreaterThan(25));
        foreach (Match example in examples)
            await RunAsync(server, example, cancel);
    }

    private static async Task RunAsync(TestServer server, Match example, CancellationToken cancel)
    {
        var lines = example.Groups["request"].Value.Split('\n');
        var (method, path) = (lines[0].Split(' ')[0], lines[0].Split(' ')[1][1..]);
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(path, UriKind.Relative));
        if (method == "POST")
            request.Content = new StringContent(lines[^1], Encoding.UTF8, "application/json");
        using var response = await server.Http.SendAsync(
            request,
            HttpCompletionOption.ResponseHeadersRead,
            cancel
        );
        var status = example.Groups["status"] is { Success: true, Value: var told }
            ? (HttpStatusCode)int.Parse(told, CultureInfo.InvariantCulture)
            : HttpStatusCode.OK;
        Assert.That(response.StatusCode, Is.EqualTo(status), lines[0]);
        if (!example.Groups["answer"].Success)
            return;
        var text = await response.Content.ReadAsStringAsync(cancel);
        using var documented = JsonDocument.Parse(example.Groups["answer"].Value);
        using var answered = JsonDocument.Parse(text);
        Assert.That(
            Shape.Differences(documented.RootElement, answered.RootElement, "$"),
            Is.Empty,
            $"{lines[0]}\n{text}"
        );
    }

    [GeneratedRegex(@"^### `(\w+ /[^`]+)`$", RegexOptions.Multiline)]
    private static partial Regex Section();

    [GeneratedRegex(
        @"^```http\n(?<request>.*?)\n```\n(?:\n```json ?(?<status>\d+)?\n(?<answer>.*?)\n```$)?",
        RegexOptions.Multiline | RegexOptions.Singleline
    )]
    private static partial Regex Example();
}
