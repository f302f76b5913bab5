using System.Globalization;

namespace CallServer.Storage.Postgres;

/// <summary>
/// Partitions by range of the row's number. A table is made first and attached then, which waits for no reader; dropping one
/// waits for those that read, and gives up soon.
/// </summary>
internal static class Partitions
{
    public const string Cdrs = "cdrs";
    public const string Changes = "changes";
    public const string Audits = "audits";

    /// <summary>Makes partitions until there is one for this number.</summary>
    public static void Reach(Transaction to, string parent, long number, long rows)
    {
        var until = to.Numbers.Until.GetValueOrDefault(parent, 1);
        if (number < until)
            return;
        while (until <= number)
        {
            var name = Name(parent, until);
            var next = until + rows;
            to.Execute(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"""
                    CREATE TABLE {name} (LIKE {parent} INCLUDING ALL);
                    ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ({until}) TO ({next});
                    INSERT INTO partitions (parent, first, until) VALUES ('{parent}', {until}, {next});
                    """
                )
            );
            until = next;
        }
        to.Numbers = to.Numbers with
        {
            Until = new Dictionary<string, long>(to.Numbers.Until) { [parent] = until },
        };
    }

    /// <summary>The oldest partition that is full; null if there is none.</summary>
    public static Range? OldestFull(Transaction to, string parent, long newest) =>
        to.Query<Range>(Sql.OldestFullPartition, new { parent, newest }).SingleOrDefault();

    public static void Drop(Transaction from, string parent, Range partition)
    {
        from.Execute($"SET LOCAL lock_timeout = '500ms'; DROP TABLE {Name(parent, partition.First)}");
        from.Execute(Sql.DropPartition, new { parent, partition.First });
    }

    private static string Name(string parent, long first) =>
        string.Create(CultureInfo.InvariantCulture, $"{parent}_{first}");

    /// <summary>Numbers from the first on, below the other.</summary>
    public sealed record Range(long First, long Until);
}
