namespace CallServer.Interop.Peers;

/// <summary>
/// snmpsim, another vendor's agent with other habits (64 varbinds a reply, the rest padded), serving the same calls.
/// </summary>
internal sealed class SnmpsimPeer
{
    private const uint Uptime = 100_000_000;

    private SnmpsimPeer(int port, TimeBase timeBase)
    {
        Port = port;
        TimeBase = timeBase;
    }

    public int Port { get; }

    public TimeBase TimeBase { get; }

    public static async Task<SnmpsimPeer> StartAsync(Scope scope, CiscoCalls calls)
    {
        var program = Programs.Find("snmpsimd");
        var folder = scope.NewFolder("snmpsim");
        string data = Directory.CreateDirectory(Path.Combine(folder, "data")).FullName,
            cache = Directory.CreateDirectory(Path.Combine(folder, "cache")).FullName;
        await File.WriteAllLinesAsync(
            Path.Combine(data, "public.snmprec"),
            Snmprec.Of(calls.Lines(), Uptime)
        );
        string[] user = Environment.IsPrivilegedProcess
            ? [$"--process-user={Environment.UserName}", $"--process-group={Environment.UserName}"]
            : [];
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort.Udp();
            string[] arguments =
            [
                $"--data-dir={data}",
                $"--cache-dir={cache}",
                $"--agent-udpv4-endpoint=127.0.0.1:{port}",
                .. user,
            ];
            var snmpsim = scope.Start(program, arguments);
            var answer = await Eventually.GetAsync(
                async () =>
                    snmpsim.HasExited ? [] : await SnmpGet.TryAsync(port, SnmpGet.SysUpTime, SnmpGet.Load),
                () => $"an answer of {snmpsim}"
            );
            if (answer.Length > 0)
                return new SnmpsimPeer(port, await TimeBase.AskAsync(port));
            if (attempt == 3)
                throw new AssertionException($"snmpsim does not start: {snmpsim}");
        }
    }
}
