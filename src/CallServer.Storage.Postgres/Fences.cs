namespace CallServer.Storage.Postgres;

/// <summary>Which commits of a transaction may be written: those of units that this host still holds.</summary>
internal static class Fences
{
    /// <summary>What a refused commit added.</summary>
    public static CommitResult Refused { get; } = new([], [], Refused: true);

    /// <summary>Finds out which commits may be written, and keeps their units from being taken until the transaction ends.</summary>
    /// <param name="to">The transaction.</param>
    /// <param name="commits">The commits.</param>
    /// <param name="tenure">How this host writes together with others; null if it writes alone, and may write everything.</param>
    /// <returns>For each commit whether it may.</returns>
    public static bool[] Hold(Transaction to, IReadOnlyList<StoreCommit> commits, SharedTenure? tenure)
    {
        if (tenure is null)
            return [.. commits.Select(_ => true)];
        var fences = commits.Select(Of).Distinct().ToArray();
        var held = to.Query<UnitFence>(
                Sql.Fence,
                new
                {
                    units = Array.ConvertAll(fences, fence => fence.Unit),
                    epochs = Array.ConvertAll(fences, fence => fence.Epoch),
                    writer = tenure.Timeline,
                }
            )
            .ToHashSet();
        foreach (var commit in commits.Where(commit => !held.Contains(Of(commit))))
            Meet(to, commit);
        return [.. commits.Select(commit => held.Contains(Of(commit)))];
    }

    private static UnitFence Of(StoreCommit commit) =>
        commit.Fence
        ?? throw new InvalidOperationException(
            $"{commit.Gateway.Gateway}: a record that hosts share is written by unit and epoch alone"
        );

    /// <summary>What an earlier transaction may have written of it need not be remembered: it never comes again.</summary>
    private static void Meet(Transaction to, StoreCommit commit)
    {
        foreach (
            var item in (IEnumerable<object>)
                [
                    .. commit.Cdrs,
                    .. commit.Starts,
                    .. commit.Interims,
                    .. commit.Changes,
                    .. commit.Audits,
                    .. commit.Releases,
                ]
        )
            to.IsWritten(item, out _);
    }
}
