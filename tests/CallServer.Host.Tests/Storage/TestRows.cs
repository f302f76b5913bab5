using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Host.Tests.Storage;

/// <summary>Rows as the record writes them, with all fields filled; a test changes the fields it is about.</summary>
internal static class TestRows
{
    /// <summary>2026-01-31T10:00:00Z in microseconds.</summary>
    public const long Noon = 1_769_853_600_000_000;

    public static GatewayRow Gateway(string id = "gw1", Action<GatewayRow>? change = null)
    {
        var row = new GatewayRow
        {
            Gateway = id,
            AbsencesToClose = 2,
            IdsTiedToBoot = true,
            ReusesIds = false,
            StalenessMicros = 5_000_000,
            DriftPpm = 12.5,
            BootToken = "80001f8880/3",
            BootScope = "agent",
            BootEarliest = Noon - 9_000_000,
            BootLatest = Noon - 8_000_000,
            BootPeriodMicros = 42_949_672_960_000,
            BootReadAt = Noon,
            Run = 3,
            RunEarliest = Noon - 9_000_000,
            RunLatest = Noon - 8_000_000,
            LastAsked = Noon,
            LastAnswered = Noon + 84_000,
            Completes = $"{Noon},{Noon - 10_000_000}",
            OpenedTotal = 5_000_000_000,
            ClosedTotal = 4_999_999_000,
            ConflictsTotal = 7,
            Balance = $"5 6 0 1 {Noon - 60_000_000} {Noon - 59_000_000} 4711 {Noon} 1 30 25 4 6",
            HistorySince = Noon - 7_000_000,
            HistoryReadTo = Noon - 1_000_000,
            HistoryCursor = "4711",
            HistoryRecent = $"2b3c1f6e6a3f5d439d0b6c8f0b7ad6a1:{Noon}",
            Step = 41,
            StepsSince = 30,
            Heard = [0, 200, 1],
        };
        change?.Invoke(row);
        return row;
    }

    public static ConnectionRow Connection(
        string id,
        string gateway = "gw1",
        Action<ConnectionRow>? change = null
    )
    {
        var row = new ConnectionRow
        {
            Gateway = gateway,
            Id = id,
            Stamp = "123456",
            BootToken = "80001f8880/3",
            Run = 3,
            SetupEarliest = Noon - 64_880_000,
            SetupLatest = Noon - 64_860_000,
            SetupEvidence = "reported",
            StartEarliest = Noon - 60_010_000,
            StartLatest = Noon - 59_990_000,
            StartEvidence = "reported",
            Call = "E0C1-4F",
            Endpoint = "S2/DS1-0/1",
            Originator = "+41791234567",
            Remote = "+18005550100",
            Direction = "incoming",
            Codec = "PCMU",
            ClockRate = 8000,
            Dscp = 46,
            Service = "guaranteed",
            QosReported = "b8",
            Mode = "sendrecv",
            State = "active",
            LocalMedia = "192.0.2.1:16384",
            RemoteMedia = "[2001:db8::9]:20000",
            OtherMedia = "video VP8/90000 192.0.2.1:16386 -",
            FirstHeard = Noon - 50_000_000,
            LastHeard = Noon,
            ConfirmedCount = 6,
            Status = "confirmed",
            Recovered = true,
            Absences = 1,
            Conflicts = 2,
            ConflictAt = Noon - 20_000_000,
            ConflictEarliest = Noon - 90_000_000,
            ConflictLatest = Noon - 80_000_000,
            Step = 41,
        };
        change?.Invoke(row);
        return row;
    }

    /// <summary>Moments as a gateway's row has them.</summary>
    public static byte[] Heard(params long[] micros)
    {
        List<byte> octets = [];
        var before = 0L;
        foreach (var moment in micros)
        {
            var apart = moment - before;
            var left = (ulong)((apart << 1) ^ (apart >> 63));
            for (; left >= 0x80; left >>= 7)
                octets.Add((byte)(left | 0x80));
            octets.Add((byte)left);
            before = moment;
        }
        return [.. octets];
    }

    /// <summary>A row with as few fields as possible.</summary>
    public static ConnectionRow Bare(string id, string gateway = "gw1") =>
        new()
        {
            Gateway = gateway,
            Id = id,
            Run = 1,
            StartEvidence = "bounded",
            Status = "unconfirmed",
        };

    public static CdrView Cdr(
        string id,
        string gateway = "gw1",
        string end = "2026-01-31T10:00:00.000000Z",
        bool reused = false,
        string originator = "+41791234567",
        string? remote = null
    ) =>
        new(
            id: id,
            uuid: id,
            call: "E0C1-4F",
            gateway: gateway,
            originator: originator,
            remote: remote,
            readCodec: "PCMU",
            qos: new QosView(46, null, "b8"),
            startStamp: null,
            answerStamp: "2026-01-31T09:59:00.010000Z",
            answerStampMin: "2026-01-31T09:58:59.990000Z",
            answerStampMax: "2026-01-31T09:59:00.010000Z",
            endStamp: end,
            endStampMin: end,
            endStampMax: end,
            duration: 66,
            billsec: 60,
            billsecMin: 60,
            billsecMax: 62,
            hangupCause: "NORMAL_UNSPECIFIED",
            startEvidence: "reported",
            endEvidence: "absent",
            recovered: false,
            lastConfirmed: "2026-01-31T09:59:59.000000Z",
            confirmedCount: 6,
            idReused: reused,
            connection: "1234.1",
            epoch: 1,
            server: "cs-a",
            sources: [gateway],
            counters: new CountersView(1245, null, 1240, 198_400, 3, 2, 40),
            releasedBy: "ops@noc1",
            releaseReason: "forgotten by the proxy",
            partial: false,
            recordSeq: 1,
            clockSteps: [new ClockStepView("2026-01-31T09:59:30.000000Z", 3_600_000)]
        );

    public static ChangeView Change(string kind, string? connection = "1234.1", string gateway = "gw1") =>
        ChangeView.Plain(kind, gateway, connection, "2026-01-31T10:00:00.000000Z", null);

    public static AuditSummary Audit(string gateway = "gw1", int requests = 12) =>
        new(
            gateway,
            $"snmp://192.0.2.1:161?profile=cisco-voice",
            "snmp",
            "cisco-voice",
            Complete: true,
            Silent: false,
            Proof: ["end-of-table", "same-boot"],
            Reasons: [],
            Asked: "2026-01-31T10:00:00.000000Z",
            Answered: "2026-01-31T10:00:00.084000Z",
            requests,
            Count: 2
        );

    public static RecoveryView Recovery(int epoch) =>
        new(
            "cs-b",
            epoch,
            "peer-silent",
            "2026-01-31T10:00:01.100000Z",
            "2026-01-31T10:00:00.000000Z",
            1.1,
            whole: true,
            recoverySeconds: 4.2,
            halfSeconds: 1.5,
            ninetySeconds: 3.9,
            new RecoveryGateways(total: 2, complete: 1, partial: 0, silent: 1, waiting: 0),
            new RecoveryConnections(recovered: 3, confirmed: 2, ended: 1, unknown: 4),
            new RecoveryUnseen(least: 3, most: 4, gateways: 1),
            new RecoveryStarts(bounded: 5, unbounded: 1, medianSeconds: 0.02, worstSeconds: 10.4),
            secondsAtRisk: 22.5,
            new RecoveryRisk(active: 10.5, ended: 2, unknown: 10),
            [
                new GatewayRecoveryView("gw1", "complete", [], 0.8, 3, 2, 1, 0),
                new GatewayRecoveryView("gw2", "silent", ["silent: no answer"], 4.2, 0, 0, 0, 4),
            ]
        );

    public static ReleaseEntry Release(string connection, string gateway = "gw1") =>
        new(
            gateway,
            connection,
            "ops@noc1",
            "forgotten by the proxy",
            "2026-01-31T10:00:00.000000Z",
            ReleaseEntry.Unknown,
            "silent: no answer"
        );

    public static StoreCommit Commit(string gateway = "gw1") => new() { Gateway = Gateway(gateway) };

    public static StoreCommit Commit(params ConnectionRow[] upserts) =>
        new() { Gateway = Gateway(upserts[0].Gateway), Upserts = upserts };
}
