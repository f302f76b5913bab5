using CallServer.Interop.Peers;

namespace CallServer.Interop;

/// <summary>The module for snmpd, built once for all tests of a run.</summary>
[SetUpFixture]
internal sealed class TableAgentModule
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

    [OneTimeTearDown]
    public void Remove()
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
