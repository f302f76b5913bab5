using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// Parses a user's JSON file (comments and trailing commas allowed) into a document that knows the line of each
/// value.
/// </summary>
internal static class ConfigurationFile
{
    /// <summary>Throws ConfigurationException if the file cannot be read or is not JSON.</summary>
    public static Document Read(string path) => Parse(Octets(path), path);

    /// <summary>
    /// Parses octets that have already been read; <paramref name="source"/> names them in mistakes. Throws
    /// ConfigurationException if they are not JSON.
    /// </summary>
    public static Document Parse(byte[] octets, string source)
    {
        var unreadable = Document.TryParse(octets, out var document);
        return unreadable.Count == 0 ? document : throw Wrong(source, unreadable);
    }

    /// <summary>
    /// Adds the profiles of a JSON object (name to profile) to a catalog, ahead of its own. Throws
    /// ConfigurationException with every mistake.
    /// </summary>
    public static GatewayProtocols WithProfiles(
        this GatewayProtocols protocols,
        Document profiles,
        string source
    )
    {
        var more = protocols.WithProfiles(profiles, out var mistakes);
        return mistakes.Count == 0 ? more : throw Wrong(source, mistakes);
    }

    private static ConfigurationException Wrong(string source, IEnumerable<DocumentMistake> mistakes) =>
        new([.. mistakes.Select(mistake => ConfigurationMistake.Of(source, mistake))]);

    /// <summary>The file's content. Throws ConfigurationException if it cannot be read.</summary>
    public static byte[] Octets(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception fault)
            when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            var reason = fault switch
            {
                FileNotFoundException or DirectoryNotFoundException => "there is no such file",
                UnauthorizedAccessException => "access is denied",
                _ => "it cannot be opened",
            };
            throw new ConfigurationException([
                new ConfigurationMistake(path, 0, "$", $"the file cannot be read: {reason}"),
            ]);
        }
    }
}
