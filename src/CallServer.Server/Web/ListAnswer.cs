using System.Text.Json;

namespace CallServer.Server.Web;

/// <summary>The envelope of every list, as the command line's contract has it.</summary>
/// <param name="AsOf">When the list was taken.</param>
/// <param name="Incomplete">Gateways that were not asked yet, or whose last audit did not list everything.</param>
/// <param name="Items">The items, each one JSON object.</param>
/// <param name="Next">The cursor of the next page; null at the end.</param>
internal sealed record ListAnswer(
    string AsOf,
    IReadOnlyList<string> Incomplete,
    IEnumerable<Action<Utf8JsonWriter>> Items,
    string? Next
) : IResult
{
    private static readonly JsonWriterOptions Writing = new()
    {
        Encoder = Storage.RecordJson.Camel.Encoder,
        // Raw items are our own output, so they are valid.
        SkipValidation = true,
    };

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        ArgumentNullException.ThrowIfNull(httpContext);
        httpContext.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(httpContext.Response.BodyWriter, Writing);
        json.WriteStartObject();
        json.WriteString("asOf", AsOf);
        json.WriteBoolean("complete", Incomplete.Count == 0);
        json.WriteStartArray("incomplete");
        foreach (var gateway in Incomplete)
            json.WriteStringValue(gateway);
        json.WriteEndArray();
        json.WriteStartArray("items");
        foreach (var item in Items)
            item(json);
        json.WriteEndArray();
        json.WriteString("next", Next);
        json.WriteEndObject();
        await json.FlushAsync(httpContext.RequestAborted);
        await httpContext.Response.BodyWriter.FlushAsync(httpContext.RequestAborted);
    }
}
