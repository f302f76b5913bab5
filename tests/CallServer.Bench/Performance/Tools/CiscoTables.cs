using System.Text.Json;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Tools;

/// <summary>A real snmpd's three tables of calls, read by CallServer and by net-snmp's own program.</summary>
internal static class CiscoTables
{
    /// <summary>callActiveEntry, cvVoIPCallActiveEntry and cvCommonDcCallActiveEntry.</summary>
    public static readonly IReadOnlyList<string> Entries =
    [
        "1.3.6.1.2.1.10.21.1.3.1.1",
        "1.3.6.1.4.1.9.9.63.1.3.2.1",
        "1.3.6.1.4.1.9.10.55.1.1.1.1",
    ];

    /// <summary>callActiveCallState: one value for each call.</summary>
    public const string State = "1.3.6.1.2.1.10.21.1.3.1.1.9";

    /// <summary>Audits it by a whole process, with JSON.</summary>
    public static Task<WholeProcess> AuditAsync(Scope scope, int port) =>
        WholeProcess.CallServerAsync(
            scope,
            "audit",
            $"snmp://127.0.0.1:{port}?profile=cisco-voice",
            "--json",
            "--timeout",
            "60s"
        );

    /// <summary>Walks the same tables by snmpbulkwalk, one process for each.</summary>
    public static Task<WholeProcess> WalkAsync(Scope scope, int port)
    {
        var walk = $"'{Programs.Find("snmpbulkwalk")}' -v2c -c public -Cr50 -Onq 127.0.0.1:{port}";
        var all = string.Join(" && ", Entries.Select(entry => $"{walk} {entry}"));
        return WholeProcess.RunAsync(scope, "/bin/sh", "-c", all);
    }

    /// <summary>The requests that an audit printed.</summary>
    public static double Requests(WholeProcess audit) => Json(audit).Number("requests") ?? double.NaN;

    /// <summary>What an audit told wrongly.</summary>
    public static IEnumerable<string> Faults(WholeProcess audit, CiscoCalls calls)
    {
        if (audit.ExitCode != ExitCode.Complete)
            yield return $"an audit ended with {audit.ExitCode}";
        var listed = Json(audit).Member("connections").EnumerateArray().ToList();
        var told = listed.Select(connection => connection.Text("remoteMedia")).ToHashSet();
        var missed = calls.Truth.Count(call => !told.Contains(call.RemoteMedia));
        if (missed > 0 || listed.Count != calls.Truth.Count)
            yield return $"an audit lists {listed.Count} of {calls.Truth.Count} calls, and misses {missed}";
    }

    /// <summary>What a walk told wrongly.</summary>
    public static IEnumerable<string> WalkFaults(WholeProcess walk, CiscoCalls calls)
    {
        var rows = walk
            .Output.Split('\n')
            .Count(line => line.StartsWith($".{State}.", StringComparison.Ordinal));
        if (walk.ExitCode != 0 || rows != calls.Truth.Count)
            yield return $"snmpbulkwalk ended with {walk.ExitCode} and {rows} of {calls.Truth.Count} rows";
    }

    private static JsonElement Json(WholeProcess audit)
    {
        using var document = JsonDocument.Parse(audit.Output);
        return document.RootElement.Clone();
    }
}
