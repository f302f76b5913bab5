using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Web.Api;

/// <summary>The OpenAPI document: it is whole, and the server does what it says.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed partial class OpenApiTests : IDisposable
{
    // Those describe the API, or are for browsers alone, and are no part of it.
    private static readonly string[] apart =
    [
        "/openapi/{documentName}.json",
        "/docs",
        "/page/",
        "/v1/csp-reports",
    ];
    private static readonly string[] verbs = ["get", "put", "post", "delete", "patch"];

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public OpenApiTests()
    {
        gateways.Connections[1] = [1, 101, 102];
        gateways.Connections[2] = [111, 113];
    }

    public void Dispose() => directory.Dispose();

    private sealed record Described(string Method, string Path, JsonElement Operation)
    {
        public IEnumerable<JsonElement> Parameters =>
            Operation.TryGetProperty("parameters", out var parameters) ? parameters.EnumerateArray() : [];

        public JsonElement? Answer(string status) =>
            Operation.GetProperty("responses").TryGetProperty(status, out var answer) ? answer : null;

        public override string ToString() => $"{Method} {Path}";
    }

    /// <summary>A server and the document that it gives of itself.</summary>
    private sealed record Api(TestServer Server, JsonElement Document, IReadOnlyList<Described> Operations)
        : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }

    private async Task<Api> StartAsync(CancellationToken cancel)
    {
        var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        var document = await server.GetAsync("openapi/v1.json", cancel);
        return new Api(server, document, [.. OperationsOf(document)]);
    }

    private static bool Holds(JsonElement element, string name) => element.TryGetProperty(name, out _);

    private static IEnumerable<Described> OperationsOf(JsonElement document) =>
        from path in document.GetProperty("paths").EnumerateObject()
        from member in path.Value.EnumerateObject()
        where verbs.Contains(member.Name)
        select new Described(member.Name.ToUpperInvariant(), path.Name, member.Value);

    private static IEnumerable<JsonElement> Objects(JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.Object => element
                .EnumerateObject()
                .SelectMany(member => Objects(member.Value))
                .Prepend(element),
            JsonValueKind.Array => element.EnumerateArray().SelectMany(Objects),
            _ => [],
        };

    [Test]
    public async Task TheDocumentHasEveryPathAndNoOther(CancellationToken cancel)
    {
        await using var api = await StartAsync(cancel);
        var (server, document, operations) = api;
        Assert.That(document.GetProperty("openapi").GetString(), Does.StartWith("3.1."));
        Assert.That(document.GetProperty("info").GetProperty("title").GetString(), Is.EqualTo("CallServer"));
        var mapped = server.Routes.Where(route =>
            route != "GET /" && !apart.Any(path => route.Contains($" {path}", StringComparison.Ordinal))
        );
        Assert.That(operations.Select(operation => operation.ToString()), Is.EquivalentTo(mapped));
    }

    [Test]
    public async Task EveryOperationIsNamedAndEveryParameterDescribed(CancellationToken cancel)
    {
        await using var api = await StartAsync(cancel);
        var (server, document, operations) = api;
        Assert.That(
            operations.Select(each => each.Operation.GetProperty("operationId").GetString()),
            Is.Unique
        );
        using var all = Assert.EnterMultipleScope();
        foreach (var each in operations)
        {
            Assert.That(each.Operation.GetProperty("summary").GetString(), Is.Not.Empty, $"{each}");
            Assert.That(each.Operation.GetProperty("tags").GetArrayLength(), Is.EqualTo(1), $"{each}");
            foreach (var parameter in each.Parameters)
            {
                Assert.That(parameter.GetProperty("description").GetString(), Is.Not.Empty, $"{each}");
                Assert.That(Holds(parameter, "schema"), $"{each} {parameter}");
                Assert.That(Holds(parameter, "example"), $"{each} {parameter}");
            }

            var inPath = each.Parameters.Where(parameter =>
                parameter.GetProperty("in").GetString() == "path"
            );
            Assert.That(
                inPath.Select(parameter => parameter.GetProperty("name").GetString()),
                Is.EquivalentTo(PathParameter().Matches(each.Path).Select(match => match.Groups[1].Value)),
                $"{each}"
            );
        }

        var security = document
            .GetProperty("components")
            .GetProperty("securitySchemes")
            .GetProperty("bearer");
        Assert.That(security.GetProperty("scheme").GetString(), Is.EqualTo("bearer"));
    }

    [Test]
    public async Task EveryReferenceResolvesAndEveryMemberIsDescribed(CancellationToken cancel)
    {
        await using var api = await StartAsync(cancel);
        var (server, document, operations) = api;
        var check = new SchemaCheck(document);
        foreach (var reference in Objects(document).Where(each => Holds(each, "$ref")))
            Assert.That(
                check.Resolve(reference.GetProperty("$ref").GetString()!).ValueKind,
                Is.EqualTo(JsonValueKind.Object)
            );
        using var all = Assert.EnterMultipleScope();
        foreach (var schema in document.GetProperty("components").GetProperty("schemas").EnumerateObject())
        {
            Assert.That(Holds(schema.Value, "description"), schema.Name);
            if (!schema.Value.TryGetProperty("properties", out var properties))
                continue;
            foreach (var property in properties.EnumerateObject())
                Assert.That(
                    Holds(property.Value, "description"),
                    $"{schema.Name}.{property.Name} is not described"
                );
        }
    }

    [Test]
    public async Task EveryExampleFitsItsSchema(CancellationToken cancel)
    {
        await using var api = await StartAsync(cancel);
        var (server, document, operations) = api;
        var check = new SchemaCheck(document);
        var lists = 0;
        using var all = Assert.EnterMultipleScope();
        foreach (var each in operations)
        {
            foreach (var body in Objects(each.Operation).Where(found => Holds(found, "schema")))
            {
                if (!body.TryGetProperty("example", out var example))
                    continue;
                var schema = body.GetProperty("schema");
                if (example.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array))
                    continue;
                Assert.That(check.Faults(schema, example), Is.Empty, $"{each}");
                if (
                    example.ValueKind == JsonValueKind.Object
                    && example.TryGetProperty("items", out var items)
                    && Holds(example, "next")
                )
                {
                    lists++;
                    Assert.That(items.GetArrayLength(), Is.Positive, $"{each}");
                }
            }
        }

        Assert.That(lists, Is.GreaterThanOrEqualTo(10));
    }

    [Test]
    public async Task AClientThatKnowsTheDocumentAloneGetsWhatItPromises(CancellationToken cancel)
    {
        await using var api = await StartAsync(cancel);
        var (server, document, operations) = api;
        // A CDR, a story of an ended connection, and a dry run.
        gateways.Connections[1] = [101, 102];
        server.Runtime.Polling.Trigger("gw1", AuditCause.Operator);
        await server.UntilAsync(runtime => runtime.Store.ReadCdrs(null, null, 0, 1).Items.Count > 0, cancel);
        using var order = new StringContent("{}", Encoding.UTF8, "application/json");
        using var begun = await server.Http.PostAsync(
            new Uri("v1/recoveries/dry-run", UriKind.Relative),
            order,
            cancel
        );
        Assert.That(begun.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));

        var check = new SchemaCheck(document);
        foreach (var each in operations.Where(operation => operation.Method == "GET"))
        {
            var content = each.Answer("200")!.Value.GetProperty("content");
            foreach (var form in content.EnumerateObject())
                await PromiseAsync(server, check, each, form, cancel);
        }
    }

    private static async Task PromiseAsync(
        TestServer server,
        SchemaCheck check,
        Described each,
        JsonProperty form,
        CancellationToken cancel
    )
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get,
            new Uri(await FilledAsync(server, each, cancel), UriKind.Relative)
        );
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(form.Name));
        using var response = await server.Http.SendAsync(
            request,
            HttpCompletionOption.ResponseHeadersRead,
            cancel
        );
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"{each}");
        Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo(form.Name), $"{each}");
        if (form.Name == "text/event-stream")
            return;
        var text = await response.Content.ReadAsStringAsync(cancel);
        Assert.That(text, Is.Not.Empty);
        var schema = form.Value.GetProperty("schema");
        var values = form.Name switch
        {
            "application/json" => [text],
            "application/x-ndjson" => text.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            _ => [],
        };
        foreach (var value in values)
            Assert.That(
                check.Faults(schema, JsonDocument.Parse(value).RootElement),
                Is.Empty,
                $"{each} {value}"
            );
    }

    /// <summary>The path with what the server's own lists say, and the required parameters of its query.</summary>
    private static async Task<string> FilledAsync(TestServer server, Described each, CancellationToken cancel)
    {
        var (list, members) = each.Path switch
        {
            _ when each.Path.StartsWith("/v1/gateways/", StringComparison.Ordinal) => (
                "v1/gateways",
                new[] { ("id", "gateway") }
            ),
            _ when each.Path.StartsWith("/v1/connections/", StringComparison.Ordinal) => (
                "v1/connections",
                [("gateway", "gateway"), ("id", "id")]
            ),
            _ when each.Path.StartsWith("/v1/calls/", StringComparison.Ordinal) => (
                "v1/calls?call=*",
                [("id", "call")]
            ),
            _ => ("", []),
        };
        var path = each.Path[1..];
        if (members.Length > 0)
        {
            var first = (await server.GetAsync(list, cancel)).GetProperty("items")[0];
            foreach (var (name, member) in members)
                path = path.Replace(
                    $"{{{name}}}",
                    Uri.EscapeDataString(first.GetProperty(member).GetString()!),
                    StringComparison.Ordinal
                );
        }

        var query = each
            .Parameters.Where(parameter =>
                parameter.GetProperty("in").GetString() == "query"
                && parameter.TryGetProperty("required", out var required)
                && required.GetBoolean()
            )
            .Select(parameter => $"{parameter.GetProperty("name")}={parameter.GetProperty("example")}");
        return $"{path}?{string.Join('&', query)}".TrimEnd('?');
    }

    [Test]
    public async Task TheReferencePageAsksNobodyElse(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        using var response = await server.Http.GetAsync(new Uri("docs", UriKind.Relative), cancel);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        var html = await response.Content.ReadAsStringAsync(cancel);
        Assert.That(html, Does.Not.Match("(https?:)?//[a-z]"), "an address of another origin");
        var policy = response.Headers.GetValues("Content-Security-Policy").Single();
        Assert.That(policy, Does.Contain("default-src 'none'").And.Contain("connect-src 'self'"));
        var nonces = Nonce().Matches(html).Select(match => match.Groups[1].Value).Distinct().ToList();
        Assert.That(nonces, Has.Count.EqualTo(1));
        Assert.That(policy, Does.Contain($"'nonce-{nonces[0]}'"));

        foreach (Match script in Script().Matches(html))
        {
            var source = new Uri(response.RequestMessage!.RequestUri!, script.Groups[1].Value);
            using var file = await server.Http.GetAsync(source, cancel);
            Assert.That(file.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"{source}");
            Assert.That(file.Content.Headers.ContentType!.MediaType, Does.Contain("javascript"), $"{source}");
        }
    }

    [TestCase("openapi/v1.json")]
    [TestCase("docs")]
    public async Task BothAreBehindTheToken(string path, CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Token = "a-token-nobody-guesses"u8.ToArray() }
        );
        Assert.That(
            (await server.RefusedAsync(HttpMethod.Get, path, cancel)).Status,
            Is.EqualTo(HttpStatusCode.Unauthorized)
        );
    }

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex PathParameter();

    [GeneratedRegex("nonce=\"([^\"]+)\"")]
    private static partial Regex Nonce();

    [GeneratedRegex("<script[^>]* src=\"([^\"]+)\"")]
    private static partial Regex Script();
}
