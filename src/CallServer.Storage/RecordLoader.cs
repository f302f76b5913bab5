using System.Text.Json;
using CallServer.Surface;

namespace CallServer.Storage;

/// <summary>A row of the ledger as a store has read it.</summary>
/// <param name="Gateway">The id of its gateway.</param>
/// <param name="Connection">The connection's id; null for the gateway's own row.</param>
/// <param name="Row">The row; null if the store cannot read it.</param>
/// <param name="Why">Why not, in words.</param>
internal readonly record struct RowRead<TRow>(string Gateway, string? Connection, TRow? Row, string? Why)
    where TRow : class;

/// <summary>
/// Restores the whole ledger from a store's rows, one gateway at a time, so that rows and restored connections are
/// never both in memory at once. A row that it cannot understand is named and left out; the rest of its gateway is
/// restored without it.
/// </summary>
/// <param name="restore">Makes a gateway's record of its rows; null for a record that goes on (rule 10).</param>
internal sealed class RecordLoader(
    Func<GatewayRow, IEnumerable<ConnectionRow>, GatewayRecord>? restore = null
)
{
    private readonly Func<GatewayRow, IEnumerable<ConnectionRow>, GatewayRecord> _restore =
        restore ?? GatewayRecord.Restore;
    private readonly Dictionary<string, GatewayRow> _gateways = new(StringComparer.Ordinal);
    private readonly Dictionary<string, AuditSummary> _audits = new(StringComparer.Ordinal);
    private readonly List<StoredGateway> _restored = [];

    public List<UnreadableRow> Unreadable { get; } = [];

    /// <summary>What was restored.</summary>
    public IReadOnlyList<StoredGateway> Restored => _restored;

    /// <param name="audits">The newest audit of each gateway, as JSON.</param>
    /// <param name="gateways">All gateways' own rows.</param>
    /// <param name="connections">All connections, those of one gateway after another.</param>
    public void Load(
        IEnumerable<(string Gateway, string Json)> audits,
        IEnumerable<RowRead<GatewayRow>> gateways,
        IEnumerable<RowRead<ConnectionRow>> connections
    )
    {
        foreach (var (gateway, json) in audits)
            ReadAudit(gateway, json);
        foreach (var read in gateways)
        {
            if (read.Row is { } row)
                _gateways[read.Gateway] = row;
            else
                Unreadable.Add(new UnreadableRow(read.Gateway, null, read.Why!));
        }
        ReadConnections(connections);
        // The remaining gateways have no connections.
        foreach (var row in _gateways.Values.ToArray())
            Restore(row.Gateway, []);
    }

    /// <summary>The whole record, with what was restored.</summary>
    /// <param name="identity">The server that the store belongs to.</param>
    /// <param name="correction">The sum of all steps of the wall clock in microseconds; null if there was none.</param>
    /// <param name="steps">The newest steps of the wall clock: when, and by how much, in microseconds.</param>
    public StoreImage Image(
        StoreIdentity identity,
        long? correction,
        IEnumerable<(long At, long By)> steps
    ) =>
        new(
            identity,
            TimeSpan.FromMicroseconds(correction ?? 0),
            [
                .. steps.Select(step => new ClockStep(
                    new Model.Instant(step.At),
                    TimeSpan.FromMicroseconds(step.By)
                )),
            ],
            _restored,
            Unreadable
        );

    private void ReadAudit(string gateway, string json)
    {
        try
        {
            if (JsonSerializer.Deserialize<AuditSummary>(json, RecordJson.Camel) is { } audit)
                _audits[gateway] = audit;
        }
        catch (JsonException)
        {
            // Audits are only shown, and the next one takes its place in the list: they are not part of the record.
        }
    }

    private void ReadConnections(IEnumerable<RowRead<ConnectionRow>> connections)
    {
        List<ConnectionRow> rows = [];
        string? current = null;
        foreach (var read in connections)
        {
            if (read.Gateway != current)
            {
                if (current is not null)
                    Restore(current, rows);
                rows = [];
                current = read.Gateway;
            }
            if (read.Row is { } row)
                rows.Add(row);
            else
                Unreadable.Add(new UnreadableRow(read.Gateway, read.Connection, read.Why!));
        }
        if (current is not null)
            Restore(current, rows);
    }

    private void Restore(string gateway, List<ConnectionRow> rows)
    {
        var row = _gateways.Remove(gateway, out var known) ? Readable(known) : null;
        row ??= Nothing(gateway, rows);
        // Before the rows that cannot be read are left out, because the gateway's row counts on all of them.
        rows = [.. StoredConnections.Present(row, rows)];
        if (TryRestore(row, [], out _) is { } whyNot)
        {
            // Not even the gateway can be restored: its rows stay where they are.
            Unreadable.AddRange(rows.Select(left => new UnreadableRow(gateway, left.Id, whyNot)));
            return;
        }
        if (TryRestore(row, rows, out var record) is not null)
        {
            rows.RemoveAll(suspect => IsUnreadable(row, suspect));
            record = _restore(row, rows);
        }
        _restored.Add(new StoredGateway(gateway, record!, _audits.GetValueOrDefault(gateway)));
    }

    private GatewayRow? Readable(GatewayRow row)
    {
        if (TryRestore(row, [], out _) is not { } why)
            return row;
        Unreadable.Add(new UnreadableRow(row.Gateway, null, why));
        return null;
    }

    private bool IsUnreadable(GatewayRow gateway, ConnectionRow row)
    {
        if (TryRestore(gateway, [row], out _) is not { } why)
            return false;
        Unreadable.Add(new UnreadableRow(row.Gateway, row.Id, why));
        return true;
    }

    /// <summary>Null if it succeeded, else why not. The core throws at what it does not know.</summary>
    private string? TryRestore(GatewayRow row, List<ConnectionRow> rows, out GatewayRecord? record)
    {
        try
        {
            record = _restore(row, rows);
            return null;
        }
        catch (Exception error)
            when (error is InvalidDataException or ArgumentException or FormatException or OverflowException)
        {
            record = null;
            return error.Message;
        }
    }

    /// <summary>The row of a gateway of which only the connections are known: no boot, no earlier audit.</summary>
    private static GatewayRow Nothing(string gateway, List<ConnectionRow> rows)
    {
        var step = rows.Select(row => row.Step).Append(0).Max();
        return new GatewayRow
        {
            Gateway = gateway,
            AbsencesToClose = 1,
            Run = rows.Select(row => row.Run).Append(1).Max(),
            Completes = "",
            // Nothing has confirmed the rows since they were written.
            Step = step,
            StepsSince = step,
        };
    }
}
