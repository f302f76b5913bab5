using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// One value of the configuration: what it is called, what it may be, and what it means. Readers take their ranges and
/// words from it, and the schema for editors is made of it.
/// </summary>
/// <param name="Name">Its name in its section.</param>
/// <param name="Means">What it means, in one sentence.</param>
internal abstract record Key(string Name, string Means)
{
    /// <summary>What holds if it is absent, as one would write it; null if nothing does.</summary>
    public string? Usual { get; init; }

    /// <summary>Its value in a section; null if it is absent or null.</summary>
    public Document? In(Document? section) => DocumentReader.Member(section, Name);
}

/// <summary>A text.</summary>
internal sealed record TextKey(string Name, string Means) : Key(Name, Means)
{
    /// <summary>A regular expression (ECMA 262) that every right value matches.</summary>
    public string? Pattern { get; init; }
}

/// <summary>One of these words.</summary>
internal sealed record WordKey(string Name, string[] Words, string Means) : Key(Name, Means);

/// <summary>The place of a secret: <c>env:NAME</c> or <c>file:PATH</c>.</summary>
internal sealed record SecretKey(string Name, string Means) : Key(Name, Means);

/// <summary>True or false.</summary>
internal sealed record SwitchKey(string Name, string Means) : Key(Name, Means);

/// <summary>A whole number in a range.</summary>
internal sealed record IntegerKey(string Name, int Low, int High, string Means) : Key(Name, Means);

/// <summary>A duration in a range.</summary>
internal sealed record DurationKey(string Name, TimeSpan Low, TimeSpan High, string Means) : Key(Name, Means);

/// <summary>A size in a range, in octets.</summary>
internal sealed record SizeKey(string Name, long Low, long High, string Means) : Key(Name, Means);

/// <summary>An address and a port.</summary>
internal sealed record EndPointKey(string Name, string Means) : Key(Name, Means);

/// <summary>A list of texts.</summary>
internal sealed record TextsKey(string Name, string Means) : Key(Name, Means)
{
    /// <summary>What the texts may be; null for anything.</summary>
    public string[]? Words { get; init; }
}
