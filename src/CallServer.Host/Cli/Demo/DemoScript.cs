using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using CallServer.Host.Cli.Server;

namespace CallServer.Host.Cli.Demo;

/// <summary>
/// The demonstration from beginning to end. Every process it starts is its own child, and ends with it.
/// </summary>
internal sealed class DemoScript(DemoPage page, Surroundings surroundings, DemoCaretaker caretaker)
{
    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    // The old primary writes what only it knew once it has seen that nobody else knows it: after two audits at a
    // standby's pace, and the grace period.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(15);

    /// <summary>Plays the demonstration and returns its verdict.</summary>
    public async Task<DemoVerdict> PlayAsync(CancellationToken cancel)
    {
        await using var cast = new DemoCast(page, surroundings, caretaker);
        var (first, second) = (DemoServer.FreeUrl(), DemoServer.FreeUrl());
        var secret = Path.Combine(caretaker.Folder, "pair.secret");
        await File.WriteAllTextAsync(secret, RandomNumberGenerator.GetHexString(64), cancel);
        using var primary = new DemoServer("cs-a", first, caretaker) { Peer = second, Secret = secret };
        using var backup = new DemoServer("cs-b", second, caretaker)
        {
            Peer = first,
            Secret = secret,
            IsBackup = true,
        };
        var servers = new List<DemoProcess>();
        try
        {
            page.Title("A call server is killed while calls go on. What does the record lose?");
            page.Step(
                "Four media gateways carry calls, one a protocol: simulated, each a process of its own"
            );
            await cast.RaiseAsync(cancel);

            page.Step(
                "A primary asks them every second; a backup watches it. They share no file and no state"
            );
            servers.Add(primary.Start(cast.Uris));
            await page.WaitAsync("cs-a starts", ReadyAsync(primary, cancel));
            servers.Add(backup.Start(cast.Uris));
            await page.WaitAsync("cs-b starts", ReadyAsync(backup, cancel));
            page.Say($"cs-a  {primary.Url}  primary, epoch 1");
            page.Say($"cs-b  {backup.Url}  standby: a heartbeat every 250 ms, four misses and it takes over");
            await page.WaitAsync("the record grows", Task.Delay(Watched, cancel));
            await ShowRecordAsync(primary, cancel);

            page.Step($"kill -9 {primary.Process.Id}: the primary dies in the middle of its work");
            var killed = Now;
            await primary.Process.KillAsync();
            var (active, report) = await TakeoverAsync(backup, killed, cancel);

            page.Step("The backup's record: nothing was copied to it, the gateways told it");
            await ShowRecordAsync(backup, cancel);

            page.Step("The old primary is started again on its own file");
            servers.Add(primary.Start(cast.Uris));
            var returned = primary.UntilStatusAsync("a standby", IsWatching, cancel);
            await page.WaitAsync("cs-a asks who acts", returned);
            page.Say(
                $"cs-a  {(await returned).Text("role")}, epoch {(await returned).Number("epoch")}: it heard of the takeover and stepped down by itself."
            );
            await page.WaitAsync("what only cs-a had heard is written by cs-a", Task.Delay(Settled, cancel));
            await ShowCallsAsync(backup, cancel);

            page.Step("The record against what the gateways say truly happened");
            var verdict = await JudgeAsync(cast, primary, backup, killed, active, cancel);
            verdict = verdict with
            {
                DetectionSeconds = (active - killed) / 1e6,
                RecoverySeconds = report.Number("recoverySeconds") ?? 0,
                SecondsAtRisk = report.Number("secondsAtRisk") ?? 0,
            };
            DemoTelling.Tell(page, verdict, cast.ProtocolOf);
            return verdict;
        }
        finally
        {
            foreach (var server in servers)
                await server.DisposeAsync();
        }
    }

    private long Now => (surroundings.Clock.Now.Steady + surroundings.Clock.Correction).Micros;

    private static Task<JsonElement> ReadyAsync(DemoServer server, CancellationToken cancel) =>
        server.UntilStatusAsync("ready", status => status.Flag("ready") == true, cancel);

    private static bool IsWatching(JsonElement status) =>
        status.Text("role") == "standby" && status.Number("epoch") > 1;

    /// <summary>From the kill until the backup has asked everybody: when it acted, and its report.</summary>
    private async Task<(long Active, JsonElement Report)> TakeoverAsync(
        DemoServer backup,
        long killed,
        CancellationToken cancel
    )
    {
        var acts = backup.UntilStatusAsync("active", status => status.Text("role") == "active", cancel);
        await page.WaitAsync("cs-b misses heartbeats", acts);
        var active = Now;
        page.Say(
            $"{Seconds(active - killed)} after the kill cs-b acts, under epoch {(await acts).Number("epoch")}, and asks every gateway at once."
        );
        var shown = -1.0;
        var whole = backup.UntilAsync(
            "whole",
            () => backup.Client.GetAsync("v1/recoveries", cancel),
            list =>
            {
                var newest = list.Items("items").FirstOrDefault();
                Progress(newest, ref shown);
                return newest.Flag("whole") == true;
            },
            cancel
        );
        await page.WaitAsync("the gateways answer", whole);
        var report = (await whole).Items("items").First();
        page.Say($"{Seconds(Now - killed)} after the kill every gateway has answered. Its own report:");
        foreach (var line in RecoveryPage.Lines(report))
            page.Say($"  {line}");
        return (active, report);
    }

    private void Progress(JsonElement report, ref double shown)
    {
        var gateways = report.Member("gateways");
        if (gateways.Number("total") - gateways.Number("waiting") is not { } answered || answered == shown)
            return;
        shown = answered;
        var connections = report.Member("connections");
        page.Aside(
            $"{answered} of {gateways.Number("total")} gateways have answered: {connections.Number("recovered") + connections.Number("confirmed")} connections"
        );
    }

    private async Task ShowRecordAsync(DemoServer server, CancellationToken cancel)
    {
        var gateways = await server.Client.AllAsync("gateways", null, cancel);
        var connections = await server.Client.AllAsync("connections", null, cancel);
        page.Say($"The record: {connections.Items.Count} connections, and how exactly it knows their starts");
        page.Table(DemoColumns.Gateways, DemoColumns.Rows(gateways, connections));
    }

    private async Task ShowCallsAsync(DemoServer server, CancellationToken cancel)
    {
        var calls = await server.Client.AllAsync("calls", null, cancel);
        page.Step("Connections that belong together are one call, across gateways and protocols");
        page.Say(DemoCalls.Summary(calls.Items));
        foreach (var line in DemoCalls.Examples(calls.Items))
            page.Say(line);
    }

    private async Task<DemoVerdict> JudgeAsync(
        DemoCast cast,
        DemoServer primary,
        DemoServer backup,
        long killed,
        long active,
        CancellationToken cancel
    )
    {
        // What only the old primary hears, as a standby, it writes after a grace period, so it is due later.
        var before = (await AuditsAsync(primary, cancel)).Where(audit => audit.Answered < killed);
        var from = Now;
        var audits = await AuditsAsync(backup, cancel);
        var connections = await backup.Client.AllAsync("connections", null, cancel);
        var calls = await backup.Client.AllAsync("calls", null, cancel);
        var to = Now;
        // After a moment every gateway has reported what happened until now, and the last CDRs are in the files.
        await Task.Delay(Glance * 5, cancel);
        var written = (await primary.WrittenAsync(cancel)).Concat(await backup.WrittenAsync(cancel)).ToList();
        // A billing system drops duplicates: one id is one connection.
        var cdrs = written.DistinctBy(cdr => cdr.Text("id")).ToList();
        var record = new DemoRecord(connections.Items, cdrs, calls.Items, [.. before, .. audits], from, to);
        var truth = await cast.TruthAsync(cancel);
        // For each of these gateways, one complete audit without a connection proves its end.
        return DemoVerdict.Of(truth, record, killed, active, new Dictionary<string, int>()) with
        {
            CdrsTwice = written.Count - cdrs.Count,
        };
    }

    private static async Task<IReadOnlyList<AuditTime>> AuditsAsync(
        DemoServer server,
        CancellationToken cancel
    ) =>
        [
            .. (await server.Client.AllAsync("audits", null, cancel))
                .Items.Select(AuditTime.Of)
                .OfType<AuditTime>(),
        ];

    private static string Seconds(long micros) =>
        string.Create(CultureInfo.InvariantCulture, $"{micros / 1e6:0.0} s");
}
