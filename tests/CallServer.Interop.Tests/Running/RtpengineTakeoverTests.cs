using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// The primary of a real rtpengine is killed: its backup has the record, and bills what ended meanwhile.
/// </summary>
internal sealed class RtpengineTakeoverTests : PeerTest
{
    private const int Many = 36;

    // The report rounds each width to microseconds.
    private const double Rounding = 1e-4;

    [TestCase(0)]
    [TestCase(1)]
    public async Task A_killed_primarys_backup_has_every_call_and_every_end_has_one_id(int door)
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, Many);
        var calls = new RtpengineCalls(rtpengine);
        await calls.MakeAsync(Many);
        var speaking = calls.Alive.TakeLast(4).ToList();
        await using var media = await NgMedia.BeginAsync(rtpengine.Proxy, speaking);
        var pair = await ServerPair.StartAsync(Scope, rtpengine.Uris[door]);
        var (primary, backup) = (pair.Primary, pair.Backup);
        calls.AssertRecord(await primary.ConnectionsAsync());
        calls.AssertRecord(await backup.ConnectionsAsync());

        await calls.EndAsync(2);
        await primary.AskNowAsync();
        await backup.AskNowAsync();
        calls.AssertRecord(await backup.ConnectionsAsync());
        await calls.EndAsync(2);
        await primary.AskNowAsync();
        calls.AssertCdrs(await CdrsAsync(primary, calls.Ended.Count));
        var billed = calls.Ended.ToHashSet();
        await Server.CdrFileAsync(pair.OfPrimary, billed.Count);
        // Only the backup sees these end, and it leaves their CDRs to the primary.
        await calls.EndAsync(1);
        await backup.AskNowAsync();
        var known = calls.Ended.ToHashSet();
        // Nobody has seen these end.
        await calls.EndAsync(1);
        Assert.That((await backup.StatusAsync()).Role, Is.EqualTo("standby"), "no takeover without a reason");

        await primary.KillAsync();
        await calls.EndAsync(3);
        var unseen = (await calls.MakeAsync(4)).SelectMany(call => call.Ids).ToList();
        var changed = DateTimeOffset.UtcNow;

        var status = await backup.StatusAsync(status => status.Role == "active");
        Assert.That((status.Name, status.Epoch), Is.EqualTo(("cs-b", 2)));
        var report = await backup.RecoveryAsync(2);
        Assert.That(report.Decided, Is.GreaterThan(changed), "too slow a machine for what this test needs");
        var record = await backup.ConnectionsAsync();
        calls.AssertRecord(record);
        Assert.That(
            record.Select(connection => connection.Recovered),
            Is.All.True,
            "the record was lost with the primary"
        );
        AssertCodecs(record, speaking);
        AssertReport(report, record, unseen.Count, calls.Ended.Count - known.Count);
        var cdrs = await CdrsAsync(backup, calls.Ended.Count);
        calls.AssertCdrs(cdrs);
        Assert.That(
            cdrs.Where(cdr => !known.Contains(cdr.Connection)).Select(cdr => (cdr.Server, cdr.Epoch)),
            Is.All.EqualTo(("cs-b", 2))
        );

        await calls.EndAsync(2);
        await calls.MakeAsync(2);
        await backup.AskNowAsync();
        record = await backup.ConnectionsAsync();
        calls.AssertRecord(record);
        Assert.That(
            record.Select(connection => connection.Recovered),
            Is.EqualTo(record.Select(connection => connection.Start!.Earliest < report.Decided)),
            "what may have begun before the takeover"
        );
        Assert.That(await backup.RecoveriesAsync(), Has.Count.EqualTo(1), "asking is no takeover");
        await backup.StopAsync();
        var written = await pair.ReadCdrFilesAsync();
        calls.AssertCdrs(written);
        Assert.That(
            written.Where(cdr => cdr.Server == "cs-a").Select(cdr => cdr.Connection).Distinct(),
            Is.EquivalentTo(billed),
            "what the primary had written before it was killed"
        );
    }

    [Test]
    public async Task A_killed_primary_comes_back_as_standby_and_acts_again_at_a_stepdown()
    {
        var rtpengine = await RtpenginePeer.StartAsync(Scope, Many);
        var calls = new RtpengineCalls(rtpengine);
        await calls.MakeAsync(Many);
        var pair = await ServerPair.StartAsync(Scope, rtpengine.Uris[1]);
        var backup = pair.Backup;
        await calls.EndAsync(2);
        await pair.Primary.AskNowAsync();
        await CdrsAsync(pair.Primary, calls.Ended.Count);
        await pair.Primary.KillAsync();
        await backup.RecoveryAsync(2);
        await calls.EndAsync(2);

        await pair.StartPrimaryAgainAsync();

        var primary = pair.Primary;
        var returned = await primary.StatusAsync(status => status.Role == "standby");
        Assert.That((returned.Name, returned.Epoch), Is.EqualTo(("cs-a", 2)));
        Assert.That(await backup.StatusAsync(), Has.Property("Role").EqualTo("active"));

        var stepped = await backup.OrderAsync("stepdown");

        Assert.That((stepped.Name, stepped.Role, stepped.Epoch), Is.EqualTo(("cs-b", "standby", 3)));
        var acting = await primary.StatusAsync(status => status.Role == "active");
        Assert.That((acting.Name, acting.Epoch), Is.EqualTo(("cs-a", 3)));
        var report = await primary.RecoveryAsync(3);
        Assert.That((report.Server, report.Cause), Is.EqualTo(("cs-a", "handed-over")));
        var record = await primary.ConnectionsAsync();
        calls.AssertRecord(record);
        AssertReport(report, record, 0, 0);

        await calls.EndAsync(2);
        await calls.MakeAsync(2);
        await backup.AskNowAsync();
        await primary.AskNowAsync();
        calls.AssertRecord(await primary.ConnectionsAsync());
        calls.AssertRecord(await backup.ConnectionsAsync());
        calls.AssertCdrs(await CdrsAsync(primary, calls.Ended.Count));
        calls.AssertCdrs([.. await primary.CdrsAsync(), .. await backup.CdrsAsync()]);
        Assert.That(await backup.StatusAsync(), Has.Property("Role").EqualTo("standby"));
        await primary.StopAsync();
        await backup.StopAsync();
        calls.AssertCdrs(await pair.ReadCdrFilesAsync());
    }

    /// <summary>Waits until a server has this many CDRs.</summary>
    private static Task<IReadOnlyList<CallDetail>> CdrsAsync(Server server, int count) =>
        Eventually.GetAsync(
            async () => await server.CdrsAsync() is var cdrs && cdrs.Count >= count ? cdrs : null,
            () => $"{count} CDRs"
        );

    private static void AssertCodecs(IReadOnlyList<RecordedConnection> record, IReadOnlyList<NgCall> speaking)
    {
        var ids = speaking.SelectMany(call => call.Ids).ToHashSet();
        var codecs = record.ToLookup(connection => ids.Contains(connection.Id), each => each.Codec);
        Assert.That(codecs[true].ToList(), Has.Count.EqualTo(ids.Count).And.All.EqualTo("PCMU"));
        Assert.That(codecs[false], Is.All.Null, "rtpengine tells the codec of what it has heard");
    }

    /// <param name="report">The report of a takeover after which nobody asked again.</param>
    /// <param name="record">The record after it.</param>
    /// <param name="found">Connections that the server had not heard before.</param>
    /// <param name="ended">Connections that it found ended.</param>
    private static void AssertReport(
        RecordedRecovery report,
        IReadOnlyList<RecordedConnection> record,
        int found,
        int ended
    )
    {
        Assert.That(report.Gateways, Is.EqualTo(new GatewaysLine(1, 1, 0, 0, 0)));
        Assert.That(
            report.Connections,
            Is.EqualTo(new RecoveredLine(found, record.Count - found, ended, Unknown: 0))
        );
        Assert.That(report.LastHeard, Is.LessThanOrEqualTo(report.Decided));
        Assert.That(
            report.DetectionSeconds,
            Is.EqualTo((report.Decided - report.LastHeard!.Value).TotalSeconds).Within(Rounding)
        );
        var widths = record.Select(connection => connection.Start!.Width.TotalSeconds).ToList();
        Assert.That((report.Starts.Bounded, report.Starts.Unbounded), Is.EqualTo((widths.Count, 0)));
        Assert.That(report.Starts.WorstSeconds, Is.EqualTo(widths.Max()).Within(Rounding));
        var risk = report.AtRisk;
        Assert.That(risk.Active, Is.EqualTo(widths.Sum()).Within(Rounding));
        Assert.That(risk.Ended, ended == 0 ? Is.Zero : Is.Positive);
        Assert.That(risk.Unknown, Is.Zero);
        Assert.That(report.SecondsAtRisk, Is.EqualTo(risk.Active + risk.Ended).Within(Rounding));
    }
}
