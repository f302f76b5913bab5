using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using CallServer.Server.Web.Reading;
using CallServer.Storage;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace CallServer.Server.Web.Contract;

/// <summary>
/// The OpenAPI document of the API and its reference page. What it says of an operation are the same definitions that the
/// handlers read their parameters by.
/// </summary>
internal static class ApiDocument
{
    /// <summary>Where the document is.</summary>
    public const string Path = "/openapi/v1.json";

    private const string Name = "v1";
    private const string Bearer = "bearer";

    private static readonly (int Status, string Why)[] OfEveryRequest =
    [
        (400, "A parameter is wrong, or is not known here: `parameters` says what to change."),
        (401, "The token is missing or wrong."),
        (403, "Without a token only localhost is answered; a token that may only read gives no orders."),
    ];

    /// <summary>Adds what the document and the page need.</summary>
    public static void Add(IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            json.SerializerOptions.Encoder = RecordJson.Camel.Encoder;
        });
        services.AddOpenApi(
            Name,
            options =>
            {
                options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
                options.AddOperationTransformer(
                    (operation, context, _) =>
                    {
                        Describe(operation, context.Description, context.Document!);
                        return Task.CompletedTask;
                    }
                );
                options.AddDocumentTransformer(
                    (document, context, _) =>
                    {
                        Complete(document, context.DescriptionGroups.SelectMany(group => group.Items));
                        return Task.CompletedTask;
                    }
                );
            }
        );
    }

    /// <summary>Maps the document and the page.</summary>
    public static void Map(WebApplication app)
    {
        app.MapOpenApi("/openapi/{documentName}.json");
        Reference.Map(app);
    }

    private static Operation? Of(ApiDescription described) =>
        described.ActionDescriptor.EndpointMetadata.OfType<Operation>().FirstOrDefault()
        ?? Orders.ByRoute.GetValueOrDefault($"{described.HttpMethod} /{described.RelativePath}");

    private static void Describe(
        OpenApiOperation operation,
        ApiDescription described,
        OpenApiDocument document
    )
    {
        if (Of(described) is not { } told)
        {
            operation.OperationId ??= $"{described.HttpMethod} /{described.RelativePath}";
            return;
        }

        operation.OperationId = told.Id;
        operation.Summary = told.Summary;
        operation.Description = told.Description;
        operation.Tags = new HashSet<OpenApiTagReference> { new(told.Tag, document) };
        operation.Parameters =
        [
            .. told.Path.Select(parameter => ParameterOf(parameter, ParameterLocation.Path)),
            .. told.Query.Select(parameter => ParameterOf(parameter, ParameterLocation.Query)),
            .. told.Headers.Select(parameter => ParameterOf(parameter, ParameterLocation.Header)),
        ];
        operation.RequestBody = told.Body is { } body
            ? new OpenApiRequestBody
            {
                Required = told.NeedsBody,
                Content = Content("application/json", Schemas.Reference(body, document), told.BodyExample),
            }
            : null;
        operation.Responses = Responses(told, document);
        if (told.IsForAll)
            operation.Security = [];
    }

    private static OpenApiParameter ParameterOf(Parameter parameter, ParameterLocation place) =>
        new()
        {
            Name = parameter.Name,
            In = place,
            Description = parameter.Description,
            Required = place == ParameterLocation.Path || parameter.IsRequired,
            Schema = Schemas.Of(parameter),
            Example = Schemas.ExampleOf(parameter),
        };

    private static OpenApiResponses Responses(Operation told, OpenApiDocument document)
    {
        var responses = new OpenApiResponses();
        foreach (var replies in told.Replies.GroupBy(reply => reply.Status))
        {
            var content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal);
            foreach (var reply in replies.Where(reply => reply.MediaType is not null))
                content[reply.MediaType!] = MediaType(
                    reply.Type is { } type ? Schemas.Reference(type, document) : Schemas.Text(),
                    reply.MediaType!,
                    reply.Example
                );
            responses[Code(replies.Key)] = new OpenApiResponse
            {
                Description = replies.First().Description,
                Content = content,
            };
        }

        var problems = told.IsForAll ? told.Problems : told.Problems.Concat(OfEveryRequest);
        foreach (var (status, why) in problems)
            responses.TryAdd(
                Code(status),
                new OpenApiResponse
                {
                    Description = why,
                    Content = Content(
                        Problems.ContentType,
                        Schemas.Reference(typeof(Problem), document),
                        status == StatusCodes.Status400BadRequest ? Examples.Problem : null
                    ),
                }
            );
        return responses;
    }

    private static string Code(int status) =>
        status.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static Dictionary<string, OpenApiMediaType> Content(
        string type,
        IOpenApiSchema schema,
        string? example
    ) => new(StringComparer.Ordinal) { [type] = MediaType(schema, type, example) };

    private static OpenApiMediaType MediaType(IOpenApiSchema schema, string type, string? example) =>
        new()
        {
            Schema = schema,
            Example =
                example is null ? null
                : type.EndsWith("json", StringComparison.Ordinal) ? JsonNode.Parse(example)
                : JsonValue.Create(example),
        };

    private static void Complete(OpenApiDocument document, IEnumerable<ApiDescription> descriptions)
    {
        document.Info = new OpenApiInfo
        {
            Title = "CallServer",
            Version = ServerAnswers.Version,
            Description =
                "The record of every active media connection, rebuilt by asking the media gateways. Times are UTC with "
                + "microseconds; what is not known is null.",
            License = new OpenApiLicense { Name = "Apache-2.0", Identifier = "Apache-2.0" },
        };
        document.Servers = [new OpenApiServer { Url = "/" }];
        var operations = descriptions.Select(Of).OfType<Operation>().ToList();
        document.Tags = operations
            .Select(operation => operation.Tag)
            .Distinct(StringComparer.Ordinal)
            .Select(tag => new OpenApiTag { Name = tag })
            .ToHashSet();
        document.Components ??= new OpenApiComponents();
        document.Components.Schemas = Schemas.Components(
            operations
                .SelectMany(operation => operation.Replies.Select(reply => reply.Type).Append(operation.Body))
                .OfType<Type>()
                .Append(typeof(Problem)),
            document
        );
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(
            StringComparer.Ordinal
        )
        {
            [Bearer] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = Bearer,
                Description =
                    "`server.token`, `readToken` or `controlToken` of the configuration, or a token of its issuer (`server.oidc`). A server that has none of them answers localhost alone.",
            },
        };
        document.Security =
        [
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, document)] = [] },
        ];
    }
}
