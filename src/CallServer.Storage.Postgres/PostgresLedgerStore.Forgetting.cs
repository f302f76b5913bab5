using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>What is not kept any longer goes with its partition, and only what has no partition to go with one by one.</summary>
public sealed partial class PostgresLedgerStore
{
    public Forgotten Forget(DateTimeOffset now, int limit) =>
        Writing(() =>
        {
            var before = Micros.Of(now - _options.CdrsKeptFor);
            var (old, surplus) = DropCdrs(before, limit);
            DropChanges();
            DropAudits();
            return _session.Write(
                // Deleting may be lost with the power: the next run, a minute later, repeats it.
                durable: false,
                from => new Forgotten(
                    old + ForgetOld(from, now, limit - old),
                    surplus + ForgetSurplus(from, limit - surplus),
                    _options.ChangesKeptFor is { } age
                        ? from.Execute(Sql.ForgetOldChanges, new { before = Micros.Of(now - age), limit })
                        : 0,
                    ForgetControls(from, now, limit)
                )
            );
        });

    /// <summary>CDRs that are older than a partition could explain.</summary>
    private int ForgetOld(Transaction from, DateTimeOffset now, int limit) =>
        limit <= 0
            ? 0
            : from.Execute(
                Sql.ForgetOldCdrs,
                new { before = Micros.Of(now - _options.CdrsKeptFor * (1 + _options.Slack)), limit }
            );

    private int ForgetSurplus(Transaction from, int limit) =>
        limit <= 0
            ? 0
            : from.Execute(
                Sql.ForgetSurplusCdrs,
                new { last = from.Numbers.Cdrs - (long)(_options.CdrsKept * (1 + _options.Slack)), limit }
            );

    private static int Count(Transaction from, bool refused, int kept, int limit) =>
        from.Execute(
            Sql.ForgetSurplusControls,
            new
            {
                refused,
                kept,
                limit,
            }
        );

    private int ForgetControls(Transaction from, DateTimeOffset now, int limit) =>
        from.Execute(Sql.ForgetOldControls, new { before = Micros.Of(now - _options.ControlsKeptFor), limit })
        + Count(from, refused: false, _options.ControlsKept, limit)
        + Count(from, refused: true, _options.RefusalsKept, limit);

    /// <summary>Drops partitions of which no CDR is kept, until the limit is reached; a partition counts with all its CDRs.</summary>
    private (int Old, int Surplus) DropCdrs(long before, int limit)
    {
        var (old, surplus) = (0, 0);
        while (old < limit && surplus < limit)
        {
            var dropped = Drop<(int Old, int Surplus)>(
                Partitions.Cdrs,
                numbers => numbers.Cdrs,
                (from, partition) =>
                {
                    var part = from.Query<(long Count, long Latest)>(Sql.PartOfCdrs, partition).Single();
                    var isOld = part.Latest < before;
                    if (!isOld && partition.Until - 1 > from.Numbers.Cdrs - _options.CdrsKept)
                        return null;
                    from.Execute(Sql.DropCdrIds, partition);
                    var count = checked((int)part.Count);
                    return isOld ? (count, 0) : (0, count);
                }
            );
            if (dropped is not { } some)
                break;
            (old, surplus) = (old + some.Old, surplus + some.Surplus);
        }
        return (old, surplus);
    }

    private void DropChanges()
    {
        while (
            Drop<bool>(
                Partitions.Changes,
                numbers => numbers.Changes,
                (from, partition) =>
                    partition.Until - 1 <= from.Numbers.Changes - _options.ChangesKept ? true : null
            )
                is not null
        ) { }
    }

    /// <summary>
    /// Drops the oldest audits as soon as there are twice as many as need be kept. Those that are kept all the same, since their
    /// gateway is seldom asked, move to a table of their own.
    /// </summary>
    private void DropAudits()
    {
        while (
            Drop<bool>(
                Partitions.Audits,
                numbers => numbers.Audits,
                (from, partition) =>
                {
                    var needed = from.Scalar<long>(Sql.CountGateways) * _options.AuditsKept;
                    if (from.Numbers.Audits - partition.Until + 1 < 2 * needed)
                        return null;
                    from.Execute(
                        Sql.KeepAudits,
                        new
                        {
                            partition.First,
                            partition.Until,
                            kept = _options.AuditsKept,
                        }
                    );
                    from.Execute(Sql.DropKeptAudits, new { kept = _options.AuditsKept });
                    return true;
                }
            )
                is not null
        ) { }
    }

    /// <summary>
    /// Drops the oldest full partition in a transaction of its own, if the test says so. If somebody reads from it for long,
    /// it stays until the next time.
    /// </summary>
    /// <returns>What the test says; null if nothing was dropped.</returns>
    private T? Drop<T>(
        string parent,
        Func<Numbers, long> newest,
        Func<Transaction, Partitions.Range, T?> test
    )
        where T : struct
    {
        try
        {
            return _session.Write(
                durable: false,
                from =>
                {
                    if (Partitions.OldestFull(from, parent, newest(from.Numbers)) is not { } partition)
                        return null;
                    var said = test(from, partition);
                    if (said is not null)
                        Partitions.Drop(from, parent, partition);
                    return said;
                }
            );
        }
        catch (PostgresException busy) when (busy.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return null;
        }
    }
}
