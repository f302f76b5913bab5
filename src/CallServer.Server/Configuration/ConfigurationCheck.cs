using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>A configuration that is right, and what is unwise about it.</summary>
/// <param name="Configuration">What a server would run with.</param>
/// <param name="Warnings">What is legal and unwise, in file order.</param>
public sealed record ConfigurationCheck(
    ServerConfiguration Configuration,
    IReadOnlyList<ConfigurationMistake> Warnings
)
{
    /// <summary>
    /// Reads a file as a server would, and looks for what is unwise. Throws ConfigurationException with every mistake.
    /// </summary>
    public static ConfigurationCheck Of(
        string path,
        IReadOnlyDictionary<string, string> environment,
        GatewayProtocols protocols
    ) => Of(ConfigurationFile.Octets(path), path, environment, protocols);

    /// <summary>The same of octets that have been read; <paramref name="source"/> names them.</summary>
    public static ConfigurationCheck Of(
        byte[] octets,
        string source,
        IReadOnlyDictionary<string, string> environment,
        GatewayProtocols protocols
    )
    {
        var configuration = ConfigurationLoader.Read(octets, source, environment, protocols);
        var doubts = new Doubts(ConfigurationFile.Parse(octets, source), source).About(configuration);
        return new ConfigurationCheck(
            configuration,
            [.. configuration.Warnings.Concat(doubts).OrderBy(doubt => doubt.Line)]
        );
    }
}
