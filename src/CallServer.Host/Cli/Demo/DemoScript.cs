using System.Globalization;
using System.Text.Json;
using CallServer.Host.Cli.Server;

namespace CallServer.Host.Cli.Demo;

/// <summary>The demonstration from beginning to end. Every process that it starts is its own child, and ended by it.</summary>
public sealed class DemoScript(DemoPage page, Surroundings surroundings, string folder)
{
    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Dead = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    // One a protocol. SNMP stamps every call to 10 ms, MGCP tells no time at all, SIP a duration that includes ringing, ng
    // stamps to the microsecond with a clock of its own. The first two share the calls of a trunk, and so do the last two.
    private readonly DemoGateway[] cast =
    [
        new("gw1", "snmp", Connections: 120, Churn: 3, Trunk: "5:20:0.4"),
        new("gw2", "mgcp", Connections: 60, Churn: 1, Trunk: "5:20:0.4:far"),
        new("gw3", "sip", Connections: 40, Churn: 1, Trunk: "6:20:0.4"),
        new("gw4", "ng", Connections: 40, Churn: 1, Trunk: "6:20:0.4:far"),
    ];

    private readonly List<DemoProcess> children = [];
    private readonly int port = DemoProcess.FreePort();

    private string Server => $"http://127.0.0.1:{port}";

    /// <summary>Plays it and gives the verdict.</summary>
    public async Task<DemoVerdict> PlayAsync(CancellationToken cancel)
    {
        try
        {
            page.Title("A call server is killed while calls go on. What does its record lose?");
            await RaiseGatewaysAsync(cancel);

            page.Step("A call server asks them every second and keeps the record");
            var server = await RaiseServerAsync(cancel);
            await page.WaitAsync("the record grows", Task.Delay(Watched, cancel));
            await ShowRecordAsync(cancel);

            page.Step($"kill -9 {server.Id}: the server dies in the middle of its work");
            await server.KillAsync();
            var killed = Now;
            await page.WaitAsync("nobody asks; calls begin and end", Task.Delay(Dead, cancel));
            page.Say($"For {Seconds(Dead)} nobody asks. The gateways carry the calls all the same.");

            page.Step("The server is started again");
            var restarted = Now;
            await RaiseServerAsync(cancel);
            page.Say("Its file gave back what it knew, as unconfirmed; then it asked the gateways.");
            await page.WaitAsync(
                "the audits confirm, close and find connections",
                Task.Delay(Watched, cancel)
            );
            await ShowRecordAsync(cancel);
            await ShowCallsAsync(cancel);

            page.Step("The record against what the gateways say truly happened");
            var verdict = await JudgeAsync(killed, restarted, cancel);
            Tell(verdict);
            return verdict;
        }
        finally
        {
            foreach (var child in children)
                await child.DisposeAsync();
        }
    }

    private long Now => (surroundings.Clock.Now.Steady + surroundings.Clock.Correction).Micros;

    private async Task RaiseGatewaysAsync(CancellationToken cancel)
    {
        page.Step("Four media gateways carry calls, one a protocol: simulated, each a process of its own");
        // The two ends of a trunk have to begin with the same calls.
        var since = surroundings.Clock.Now.Steady.ToString();
        foreach (var gateway in cast)
        {
            var child = DemoProcess.Start(
                "gateway",
                $"--{gateway.Protocol}",
                "0",
                "--since",
                since,
                "--trunk",
                gateway.Trunk,
                "--connections",
                Text(gateway.Connections),
                "--churn",
                Text(gateway.Churn),
                "--seed",
                gateway.Id[2..],
                "--truth",
                Truth(gateway),
                // Should the demonstration itself be killed, they do not stay for ever.
                "--stop-after",
                "5m"
            );
            children.Add(child);
            gateway.Process = child;
        }
        foreach (var gateway in cast)
        {
            await page.WaitAsync($"{gateway.Id} starts", AddressAsync(gateway, cancel));
            page.Say(
                $"{gateway.Id}  {gateway.Protocol, -5} {gateway.Connections, 3} calls of its own, {gateway.Churn} begin and {gateway.Churn} end a second"
            );
        }
        page.Say("gw1 and gw2 carry the two ends of 20 calls more, gw3 and gw4 of another 20.");
    }

    private static async Task AddressAsync(DemoGateway gateway, CancellationToken cancel)
    {
        while (await gateway.Process!.ReadLineAsync(cancel) is { } line)
        {
            if (!line.StartsWith($"{gateway.Protocol}:", StringComparison.Ordinal))
                continue;
            gateway.Uri = line.Split(' ')[0];
            gateway.Process.Ignore();
            return;
        }
        throw Failed($"{gateway.Id} did not start", gateway.Process);
    }

    private async Task<DemoProcess> RaiseServerAsync(CancellationToken cancel)
    {
        var config = Path.Combine(folder, "callserver.json");
        await File.WriteAllTextAsync(config, Configuration(), cancel);
        var from = Now;
        var child = DemoProcess.Start("run", "--config", config);
        child.Ignore();
        children.Add(child);
        await page.WaitAsync("the server starts", ReadyAsync(child, cancel));
        page.Say($"{Server}  ready after {(Now - from) / 1e6:0.0} s");
        return child;
    }

    private string Configuration() =>
        JsonSerializer.Serialize(
            new
            {
                server = new
                {
                    name = "demo",
                    listen = Server,
                    data = Path.Combine(folder, "callserver.db"),
                },
                polling = new { interval = "1s", timeout = "500ms" },
                cdr = new { file = Path.Combine(folder, "cdr.ndjson") },
                gateways = cast.Select(gateway => new { id = gateway.Id, uri = gateway.Uri }),
            },
            JsonText.Options
        );

    private async Task ReadyAsync(DemoProcess child, CancellationToken cancel)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        late.CancelAfter(Patience);
        using var client = new ServerClient(new Uri(Server), null);
        using var timer = new PeriodicTimer(Glance);
        try
        {
            while (await timer.WaitForNextTickAsync(late.Token))
            {
                if (child.Over)
                    throw Failed("the server ended by itself", child);
                try
                {
                    if ((await client.GetAsync("v1/status", late.Token)).Flag("ready") == true)
                        return;
                }
                catch (CommandFailedException)
                {
                    // Not there yet.
                }
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw Failed($"the server was not ready within {Seconds(Patience)}", child);
        }
    }

    private async Task ShowRecordAsync(CancellationToken cancel)
    {
        using var client = new ServerClient(new Uri(Server), null);
        var gateways = await client.AllAsync("gateways", null, cancel);
        var connections = await client.AllAsync("connections", null, cancel);
        page.Say($"The record: {connections.Items.Count} connections, and how exactly it knows their starts");
        page.Table(DemoColumns.Gateways, DemoColumns.Rows(gateways, connections));
    }

    private async Task ShowCallsAsync(CancellationToken cancel)
    {
        using var client = new ServerClient(new Uri(Server), null);
        var calls = await client.AllAsync("calls", null, cancel);
        page.Step("Connections that belong together are one call, across gateways and protocols");
        page.Say(DemoCalls.Summary(calls.Items));
        foreach (var line in DemoCalls.Examples(calls.Items))
            page.Say(line);
    }

    private async Task<DemoVerdict> JudgeAsync(long killed, long restarted, CancellationToken cancel)
    {
        using var client = new ServerClient(new Uri(Server), null);
        var from = Now;
        var audits = await client.AllAsync("audits", null, cancel);
        var connections = await client.AllAsync("connections", null, cancel);
        var cdrs = await client.AllAsync("cdrs", null, cancel);
        var calls = await client.AllAsync("calls", null, cancel);
        var to = Now;
        // A moment later every gateway has told what happened until now.
        await Task.Delay(Glance, cancel);
        var truth = new List<TrueConnection>();
        foreach (var gateway in cast)
            truth.AddRange(DemoTruth.Read(gateway.Id, await DemoTruth.LinesAsync(Truth(gateway), cancel)));
        var record = new DemoRecord(
            connections.Items,
            cdrs.Items,
            calls.Items,
            [.. audits.Items.Select(AuditTime.Of).OfType<AuditTime>()],
            from,
            to
        );
        // One complete audit without it proves an end at each of these kinds.
        return DemoVerdict.Of(truth, record, killed, restarted, new Dictionary<string, int>());
    }

    private void Tell(DemoVerdict verdict)
    {
        page.Say($"alive now                     {verdict.Alive, 4}");
        page.Say(
            $"in the record                 {verdict.Recorded, 4}   missed {verdict.Missed}, wrong {verdict.Wrong}"
        );
        if (verdict.JustEnded + verdict.JustBegun > 0)
        {
            page.Aside(
                $"{verdict.JustEnded} ended and {verdict.JustBegun} began so lately that the next audits will tell"
            );
        }
        page.Say($"known before the kill, kept   {verdict.Kept, 4}");
        page.Say($"begun unheard, and found      {verdict.Found, 4}");
        page.Say(
            $"ended unheard, and closed     {verdict.EndedUnwatched, 4}   their ends bounded by two audits"
        );
        page.Say(
            $"CDRs due                      {verdict.CdrsDue, 4}   written {verdict.CdrsWritten}, double or false {verdict.CdrsWrong}"
        );
        page.Say(
            $"true times compared           {verdict.TimesCompared, 4}   outside the record's bounds {verdict.OutsideBounds}"
        );
        page.Say(
            $"calls across gateways         {verdict.CallsDue, 4}   joined {verdict.CallsJoined}, joined wrongly {verdict.CallsWrong}"
        );
        foreach (var start in verdict.Starts)
        {
            var kind = cast.Single(gateway => gateway.Id == start.Gateway).Protocol;
            page.Say(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"starts of {kind, -20}off by {start.WorstErrorMs, 4:0} ms at worst; the record says ±{Math.Ceiling(start.WorstBoundMs):0} ms"
                )
            );
        }
        foreach (var fault in verdict.Faults.Take(10))
            page.Bad($"   {fault}");
        if (verdict.Faults.Count > 10)
            page.Bad($"   … and {verdict.Faults.Count - 10} more");
        page.Aside("A call that began and ended while nobody asked has no CDR:");
        page.Aside("these gateways keep no history of ended calls.");
        page.Say("");
        if (verdict.NothingLost)
            page.Good("Lost: nothing.");
        else
            page.Bad($"Lost: {verdict.Faults.Count} facts. That is a fault of CallServer.");
    }

    private string Truth(DemoGateway gateway) => Path.Combine(folder, $"{gateway.Id}.truth.ndjson");

    private static CommandFailedException Failed(string what, DemoProcess child) =>
        new(ExitCode.Fault, [$"callserver demo: {what}", .. child.LastWords.Select(line => $"  {line}")]);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan span) =>
        string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.#} s");

    private sealed record DemoGateway(string Id, string Protocol, int Connections, int Churn, string Trunk)
    {
        public DemoProcess? Process { get; set; }
        public string? Uri { get; set; }
    }
}
