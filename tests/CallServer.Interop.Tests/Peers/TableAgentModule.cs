namespace CallServer.Interop.Peers;

/// <summary>The module for snmpd, built once for a whole run.</summary>
internal static class TableAgentModule
{
    private static readonly Lock Gate = new();
    private static Task<string>? built;
    private static string? folder;

    /// <summary>The path of table_agent.so.</summary>
    public static Task<string> BuildAsync(Scope scope)
    {
        lock (Gate)
            return built ??= BuildNowAsync(scope);
    }

    /// <summary>Deletes what was built.</summary>
    public static void Remove()
    {
        if (folder is not null)
            Directory.Delete(folder, recursive: true);
    }

    private static async Task<string> BuildNowAsync(Scope scope)
    {
        Programs.Require("gcc", "net-snmp-config");
        folder = Directory.CreateTempSubdirectory("callserver-interop-module-").FullName;
        await scope.RunAsync("/bin/sh", [Programs.Script("snmp", "build.sh"), folder]);
        return Path.Combine(folder, "table_agent.so");
    }
}
