namespace CallServer.Server.Web.Contract;

/// <summary>What a parameter's text must look like.</summary>
internal enum ParameterKind
{
    /// <summary>Any text.</summary>
    Text,

    /// <summary>A text in which <c>*</c> stands for any characters.</summary>
    Pattern,

    /// <summary>One of the parameter's words.</summary>
    Word,

    /// <summary>A whole number between two bounds.</summary>
    Number,

    /// <summary>A time such as 2026-01-31T10:00:00Z.</summary>
    Time,

    /// <summary>A duration such as 10s or 2h.</summary>
    Duration,
}

/// <summary>
/// A parameter of the API. The handlers read by these definitions, and the OpenAPI document is written from them, so that
/// the two cannot differ.
/// </summary>
/// <param name="Name">Its name in the request.</param>
/// <param name="Kind">What its text must look like.</param>
/// <param name="Description">What it does, for people.</param>
/// <param name="Example">A text that is allowed.</param>
internal sealed record Parameter(string Name, ParameterKind Kind, string Description, string Example)
{
    /// <summary>The words that a <see cref="ParameterKind.Word"/> may be.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>The least number.</summary>
    public long Least { get; init; }

    /// <summary>The greatest number.</summary>
    public long Most { get; init; } = long.MaxValue;

    /// <summary>Whether a request without it is refused.</summary>
    public bool IsRequired { get; init; }
}
