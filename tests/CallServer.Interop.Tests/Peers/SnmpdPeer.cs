using System.Globalization;

namespace CallServer.Interop.Peers;

/// <summary>
/// Debian's snmpd, which serves calls as a Cisco voice gateway does. Users and passphrases are in
/// setups/snmp/start.sh.
/// </summary>
internal sealed class SnmpdPeer
{
    public const string AuthPassphrase = "authpass12345";
    public const string PrivPassphrase = "privpass12345";

    private readonly string table;

    private SnmpdPeer(ChildProcess process, int port, string table, TimeBase timeBase)
    {
        Process = process;
        Port = port;
        this.table = table;
        TimeBase = timeBase;
    }

    public ChildProcess Process { get; }

    public int Port { get; }

    public TimeBase TimeBase { get; }

    /// <summary>Starts it on a free port, and returns when it answers.</summary>
    /// <param name="uptime">sysUpTime at load, in centiseconds; eleven days by default.</param>
    /// <param name="configuration">more lines for snmpd.conf</param>
    public static async Task<SnmpdPeer> StartAsync(
        Scope scope,
        CiscoCalls calls,
        uint uptime = 100_000_000,
        string configuration = ""
    )
    {
        Programs.Require("snmpd");
        var module = await TableAgentModule.BuildAsync(scope);
        var roots = await CiscoCalls.RootsAsync(scope);
        var state = scope.NewFolder("snmpd");
        var table = Path.Combine(state, "calls.txt");
        await calls.WriteAsync(table);
        var environment = new Dictionary<string, string?>
        {
            ["STATE"] = state,
            ["MODULE"] = module,
            ["UPTIME_CS"] = uptime.ToString(CultureInfo.InvariantCulture),
            ["SNMPD_CONF"] = configuration,
        };
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort.Udp();
            string[] arguments = [Programs.Script("snmp", "start.sh"), $"{port}", table, roots];
            var snmpd = scope.Start("/bin/sh", arguments, environment);
            if (await AnswersAsync(snmpd, port))
                return new SnmpdPeer(snmpd, port, table, await TimeBase.AskAsync(port));
            if (attempt == 3)
                throw Trouble.Failed($"snmpd does not start: {snmpd}");
        }
    }

    /// <summary>Serves these calls from now on. The answer brackets the moment of the change.</summary>
    public async Task<Bracket> ServeAsync(CiscoCalls calls, int version)
    {
        var before = DateTimeOffset.UtcNow;
        await calls.WriteAsync(table, version);
        await Eventually.GetAsync(
            async () =>
                await SnmpGet.TryAsync(Port, SnmpGet.Version) is { } answer && answer[0] == version
                    ? answer
                    : null,
            () => $"version {version} of snmpd's table"
        );
        return new Bracket(before, DateTimeOffset.UtcNow);
    }

    /// <summary>Centiseconds since the agent loaded its table.</summary>
    public async Task<int> SinceLoadAsync()
    {
        var values =
            await SnmpGet.TryAsync(Port, SnmpGet.SysUpTime, SnmpGet.Load)
            ?? throw Trouble.Failed("snmpd stopped answering");
        return (int)unchecked(values[0] - values[1]);
    }

    // False if it ended: another program took the port in between.
    private static async Task<bool> AnswersAsync(ChildProcess snmpd, int port)
    {
        var answer = await Eventually.GetAsync(
            async () => snmpd.HasExited ? [] : await SnmpGet.TryAsync(port, SnmpGet.Load, SnmpGet.SysUpTime),
            () => $"an answer of {snmpd}"
        );
        return answer.Length > 0;
    }
}
