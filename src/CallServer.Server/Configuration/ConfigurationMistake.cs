using System.Globalization;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>One thing that is wrong with the configuration, and where it stands.</summary>
/// <param name="Source">The file, or the environment.</param>
/// <param name="Line">From 1; 0 where there is no line.</param>
/// <param name="Path">Such as <c>gateways[1].uri</c>; for the environment, the variable.</param>
/// <param name="Message">What is wrong, without any secret.</param>
public sealed record ConfigurationMistake(string Source, int Line, string Path, string Message)
{
    /// <summary>What the core found in a document of that name.</summary>
    internal static ConfigurationMistake Of(string source, DocumentMistake mistake) =>
        new(source, mistake.Line, mistake.Path, mistake.Message);

    /// <summary><c>callserver.json:12: gateways[1].uri: …</c></summary>
    public override string ToString() =>
        Line > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{Source}:{Line}: {Path}: {Message}")
            : $"{Source}: {Path}: {Message}";
}

/// <summary>The configuration cannot be taken, for all of these reasons: exit status 64.</summary>
public sealed class ConfigurationException(IReadOnlyList<ConfigurationMistake> mistakes)
    : Exception(string.Join(Environment.NewLine, mistakes))
{
    /// <summary>Every mistake, in the order of the file.</summary>
    public IReadOnlyList<ConfigurationMistake> Mistakes { get; } = mistakes;
}
