namespace CallServer.Interop.Peers;

/// <summary>net-snmp's own client.</summary>
internal static class NetSnmp
{
    private const string CallState = "1.3.6.1.2.1.10.21.1.3.1.1.9";

    // No MIB files: objects are numbers here.
    private static readonly Dictionary<string, string?> Environment = new() { ["MIBS"] = "" };

    /// <summary>SNMPv2c with the community <c>public</c>.</summary>
    public static IReadOnlyList<string> Public { get; } = ["-v2c", "-c", "public"];

    /// <summary>SNMPv3 as this user.</summary>
    public static IReadOnlyList<string> U256 { get; } =
    [
        .. (string[])["-v3", "-u", "u256", "-l", "authPriv"],
        .. (string[])["-a", "SHA-256", "-A", SnmpdPeer.AuthPassphrase],
        .. (string[])["-x", "AES", "-X", SnmpdPeer.PrivPassphrase],
    ];

    /// <summary>One line for each call that an agent shows; fails the test if the walk fails.</summary>
    public static async Task<IReadOnlyList<string>> WalkCallsAsync(
        Scope scope,
        int port,
        IReadOnlyList<string> credentials
    )
    {
        var program = Programs.Find("snmpbulkwalk");
        string[] arguments = [.. credentials, "-Cr50", "-Onq", $"127.0.0.1:{port}", CallState];
        var walk = await scope.RunAsync(program, arguments, Environment);
        return walk.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
