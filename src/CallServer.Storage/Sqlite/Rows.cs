using CallServer.Surface;

namespace CallServer.Storage.Sqlite;

/// <summary>
/// Binds the ledger's rows to statements and reads them back. The order is that of the column lists in <see cref="Sql"/>,
/// and each pair of methods names the fields in the same order.
/// </summary>
internal static class Rows
{
    public static Statement Bind(this Statement to, GatewayRow row) =>
        to.Bind(row.Gateway)
            .Bind(row.AbsencesToClose)
            .Bind(row.IdsTiedToBoot)
            .Bind(row.ReusesIds)
            .Bind(row.StalenessMicros)
            .Bind(row.DriftPpm)
            .Bind(row.BootToken)
            .Bind(row.BootScope)
            .Bind(row.BootEarliest)
            .Bind(row.BootLatest)
            .Bind(row.BootPeriodMicros)
            .Bind(row.BootReadAt)
            .Bind(row.Run)
            .Bind(row.RunEarliest)
            .Bind(row.RunLatest)
            .Bind(row.LastAsked)
            .Bind(row.LastAnswered)
            .Bind(row.Completes)
            .Bind(row.OpenedTotal)
            .Bind(row.ClosedTotal)
            .Bind(row.ConflictsTotal)
            .Bind(row.HistorySince)
            .Bind(row.HistoryReadTo)
            .Bind(row.HistoryCursor)
            .Bind(row.HistoryRecent);

    public static GatewayRow Gateway(Statement from) =>
        new()
        {
            Gateway = from.Text(0),
            AbsencesToClose = from.Int(1),
            IdsTiedToBoot = from.Bool(2),
            ReusesIds = from.Bool(3),
            StalenessMicros = from.Long(4),
            DriftPpm = from.Double(5),
            BootToken = from.Text(6),
            BootScope = from.Text(7),
            BootEarliest = from.LongOrNull(8),
            BootLatest = from.LongOrNull(9),
            BootPeriodMicros = from.LongOrNull(10),
            BootReadAt = from.LongOrNull(11),
            Run = from.Int(12),
            RunEarliest = from.LongOrNull(13),
            RunLatest = from.LongOrNull(14),
            LastAsked = from.LongOrNull(15),
            LastAnswered = from.LongOrNull(16),
            Completes = from.Text(17),
            OpenedTotal = from.Long(18),
            ClosedTotal = from.Long(19),
            ConflictsTotal = from.Long(20),
            HistorySince = from.LongOrNull(21),
            HistoryReadTo = from.LongOrNull(22),
            HistoryCursor = from.Text(23),
            HistoryRecent = from.Text(24),
        };

    public static Statement Bind(this Statement to, ConnectionRow row) =>
        to.Bind(row.Gateway)
            .Bind(row.Id)
            .Bind(row.Stamp)
            .Bind(row.BootToken)
            .Bind(row.Run)
            .Bind(row.SetupEarliest)
            .Bind(row.SetupLatest)
            .Bind(row.SetupEvidence)
            .Bind(row.StartEarliest)
            .Bind(row.StartLatest)
            .Bind(row.StartEvidence)
            .Bind(row.Call)
            .Bind(row.Endpoint)
            .Bind(row.Originator)
            .Bind(row.Remote)
            .Bind(row.Codec)
            .Bind(row.ClockRate)
            .Bind(row.Dscp)
            .Bind(row.Service)
            .Bind(row.QosReported)
            .Bind(row.Mode)
            .Bind(row.State)
            .Bind(row.LocalMedia)
            .Bind(row.RemoteMedia)
            .Bind(row.FirstHeard)
            .Bind(row.LastHeard)
            .Bind(row.ConfirmedCount)
            .Bind(row.Status)
            .Bind(row.Recovered)
            .Bind(row.Absences)
            .Bind(row.Conflicts)
            .Bind(row.ConflictAt)
            .Bind(row.ConflictEarliest)
            .Bind(row.ConflictLatest)
            .Bind(row.OtherMedia);

    public static ConnectionRow Connection(Statement from) =>
        new()
        {
            Gateway = from.Text(0),
            Id = from.Text(1),
            Stamp = from.Text(2),
            BootToken = from.Text(3),
            Run = from.Int(4),
            SetupEarliest = from.LongOrNull(5),
            SetupLatest = from.LongOrNull(6),
            SetupEvidence = from.Text(7),
            StartEarliest = from.LongOrNull(8),
            StartLatest = from.LongOrNull(9),
            StartEvidence = from.Text(10),
            Call = from.Text(11),
            Endpoint = from.Text(12),
            Originator = from.Text(13),
            Remote = from.Text(14),
            Codec = from.Text(15),
            ClockRate = from.IntOrNull(16),
            Dscp = from.IntOrNull(17),
            Service = from.Text(18),
            QosReported = from.Text(19),
            Mode = from.Text(20),
            State = from.Text(21),
            LocalMedia = from.Text(22),
            RemoteMedia = from.Text(23),
            FirstHeard = from.Long(24),
            LastHeard = from.Long(25),
            ConfirmedCount = from.Int(26),
            Status = from.Text(27),
            Recovered = from.Bool(28),
            Absences = from.Int(29),
            Conflicts = from.Int(30),
            ConflictAt = from.LongOrNull(31),
            ConflictEarliest = from.LongOrNull(32),
            ConflictLatest = from.LongOrNull(33),
            OtherMedia = from.Text(34),
        };
}
