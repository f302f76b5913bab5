namespace CallServer.Server.Web.Contract;

/// <summary>What a path answers with one status, and an example of it.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Description">When it is answered.</param>
/// <param name="MediaType">The type of the body; null for none.</param>
/// <param name="Type">The type whose JSON the body is; null if it is no JSON.</param>
/// <param name="Example">A body as an example; null for none.</param>
internal sealed record Reply(
    int Status,
    string Description,
    string? MediaType = "application/json",
    Type? Type = null,
    string? Example = null
);

/// <summary>
/// One operation of the API as its OpenAPI document describes it: metadata of the endpoint that serves it.
/// </summary>
/// <param name="Id">The <c>operationId</c>, unique.</param>
/// <param name="Tag">The group that it belongs to.</param>
/// <param name="Summary">What it does, in a line.</param>
internal sealed record Operation(string Id, string Tag, string Summary)
{
    /// <summary>More about it; null for nothing.</summary>
    public string? Description { get; init; }

    /// <summary>The parameters of its path, in order.</summary>
    public IReadOnlyList<Parameter> Path { get; init; } = [];

    /// <summary>The parameters of its query; any other one is refused.</summary>
    public IReadOnlyList<Parameter> Query { get; init; } = [];

    /// <summary>Headers that it reads, besides those of every request.</summary>
    public IReadOnlyList<Parameter> Headers { get; init; } = [];

    /// <summary>The type of its JSON body; null if it needs none.</summary>
    public Type? Body { get; init; }

    /// <summary>An example of its body.</summary>
    public string? BodyExample { get; init; }

    /// <summary>Whether a request without a body is refused.</summary>
    public bool NeedsBody { get; init; }

    /// <summary>Whether it is answered without a token.</summary>
    public bool IsForAll { get; init; }

    /// <summary>Its own answers.</summary>
    public IReadOnlyList<Reply> Replies { get; init; } = [];

    /// <summary>Statuses of problems (RFC 9457) that it may answer, with the reason.</summary>
    public IReadOnlyList<(int Status, string Why)> Problems { get; init; } = [];
}
