using System.Globalization;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>One thing that is wrong with the configuration, and where it stands.</summary>
/// <param name="Source">The file, or the environment.</param>
/// <param name="Line">Counted from 1; 0 if there is no line.</param>
/// <param name="Path">For example <c>gateways[1].uri</c>; for the environment, the variable's name.</param>
/// <param name="Message">What is wrong; never contains a secret.</param>
public sealed record ConfigurationMistake(string Source, int Line, string Path, string Message)
{
    /// <summary>Converts a mistake that the core found in the named document.</summary>
    internal static ConfigurationMistake Of(string source, DocumentMistake mistake) =>
        new(source, mistake.Line, mistake.Path, mistake.Message);

    /// <summary><c>callserver.json:12: gateways[1].uri: …</c></summary>
    public override string ToString() =>
        Line > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{Source}:{Line}: {Path}: {Message}")
            : $"{Source}: {Path}: {Message}";
}

/// <summary>The configuration is rejected, for all of these reasons. Leads to exit status 64.</summary>
public sealed class ConfigurationException(IReadOnlyList<ConfigurationMistake> mistakes)
    : Exception(string.Join(Environment.NewLine, mistakes))
{
    /// <summary>Every mistake, in file order.</summary>
    public IReadOnlyList<ConfigurationMistake> Mistakes { get; } = mistakes;
}
