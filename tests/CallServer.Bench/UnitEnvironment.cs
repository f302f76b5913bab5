namespace CallServer.Bench;

/// <summary>What systemd's unit gives the server in its environment: a server is measured as it is installed.</summary>
internal static class UnitEnvironment
{
    private const string Key = "Environment=";

    public static IReadOnlyDictionary<string, string> Variables { get; } =
        File.ReadLines(Path.Combine(AppContext.BaseDirectory, "callserver.service"))
            .Where(line => line.StartsWith(Key, StringComparison.Ordinal))
            .Select(line => line[Key.Length..].Split('=', 2))
            .ToDictionary(pair => pair[0], pair => pair[1]);
}
