using CallServer.Bench.Fleet;
using CallServer.Bench.Performance.Tools;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Lines;

/// <summary>
/// What real gateways spend on a server that polls each of them every second, and what they spend when nobody asks.
/// </summary>
internal sealed class HarmLine : ILine
{
    // snmpInTotalReqVars (RFC 3418): variables that were read.
    private const string Read = "1.3.6.1.2.1.11.13.0";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(0.5);

    public string Name => "harm";

    public string What => "what real gateways spend on a server that polls them every second";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var seconds = size == Size.Long ? 10 : 3;
        var (snmp, ng, sip) = size == Size.Long ? (1000, 1000, 100) : (50, 20, 10);
        await using var scope = new Scope();
        var measured = new List<Measured>();

        var snmpd = await SnmpdPeer.StartAsync(scope, await CiscoCalls.MakeAsync(scope, snmp));
        measured.Add(
            await PollAsync(
                $"snmpd, {snmp:N0} calls",
                $"snmp://127.0.0.1:{snmpd.Port}?profile=cisco-voice",
                snmpd.Process.Id,
                snmp,
                seconds,
                async () => (await SnmpGet.TryAsync(snmpd.Port, Read))?[0],
                cancel
            )
        );
        var rtpengine = await RtpenginePeer.StartAsync(scope, ng);
        await NgCall.MakeAsync(rtpengine.Proxy, 0, ng);
        measured.Add(
            await PollAsync(
                $"rtpengine, {ng:N0} calls",
                $"ng+tcp://127.0.0.1:{rtpengine.Tcp}",
                rtpengine.Process.Id,
                2 * ng,
                seconds,
                null,
                cancel
            )
        );
        var kamailio = await KamailioPeer.StartAsync(scope);
        await kamailio.CallAsync(sip);
        measured.Add(
            await PollAsync(
                $"Kamailio, {sip:N0} calls",
                kamailio.Uri("gw1", ";transport=tcp"),
                kamailio.Process.Id,
                sip,
                seconds,
                null,
                cancel
            )
        );
        return new Measured(
            [.. measured.SelectMany(each => each.Rows)],
            [.. measured.SelectMany(each => each.Wrong)]
        );
    }

    private static async Task<Measured> PollAsync(
        string what,
        string uri,
        int process,
        int connections,
        int seconds,
        Func<Task<uint?>>? varbinds,
        CancellationToken cancel
    )
    {
        var idle = await CpuAsync(process, seconds, cancel);
        using var folder = new TempFolder();
        var gateways = new Dictionary<string, string> { ["gw1"] = uri };
        await using var server = new ServerUnderTest(folder.Path, Interval, Timeout, gateways);
        await server.StartAsync(cancel);
        var (read, before) = (varbinds is null ? null : await varbinds(), await AuditsAsync(server, cancel));
        var busy = await CpuAsync(process, seconds, cancel);
        var (readThen, after) = (
            varbinds is null ? null : await varbinds(),
            await AuditsAsync(server, cancel)
        );
        var held = (await server.StatusAsync(cancel)).Number("connections");
        var requests = (after.Requests - before.Requests) / (double)seconds;
        var variables =
            readThen is { } then && read is { } first
                ? FormattableString.Invariant($", {unchecked(then - first) / (double)seconds:N0} varbinds")
                : "";
        return new Measured(
            [
                new Row($"{what}: its CPU a second", new Samples("ms of CPU", 1000 * busy / seconds))
                {
                    Beside = $"while nobody asks it: {new Samples("ms of CPU", 1000 * idle / seconds)}",
                    Note = FormattableString.Invariant(
                        $"{requests:N1} requests{variables} a second in {(after.Count - before.Count) / (double)seconds:0.0} audits"
                    ),
                },
            ],
            held == connections ? [] : [$"{what}: {held} of {connections} connections are in the record"]
        );
    }

    private static async Task<double> CpuAsync(int process, int seconds, CancellationToken cancel)
    {
        var before = ProcessTree.Cpu(process);
        await Task.Delay(TimeSpan.FromSeconds(seconds), cancel);
        return ProcessTree.Cpu(process) - before;
    }

    private static async Task<(int Count, long Requests)> AuditsAsync(
        ServerUnderTest server,
        CancellationToken cancel
    )
    {
        var audits = (await server.Client.AllAsync("audits", null, cancel))
            .Items.Select(FleetAudit.Of)
            .ToList();
        return (audits.Count, audits.Sum(audit => (long)audit.Requests));
    }
}
