using System.Text.Json;

namespace CallServer.Bench.CdrKill;

/// <summary>
/// Plays a billing system that drops duplicate ids, and compares its bill with the archive in the store.
/// </summary>
internal static class CdrBilling
{
    /// <summary>The final CDRs in the files, each id once.</summary>
    public static IReadOnlyList<CdrLine> Bill(IEnumerable<CdrLine> lines) =>
        [.. lines.Where(line => !line.Partial).DistinctBy(line => line.Id)];

    /// <summary>Where the files disagree with the archive or with themselves.</summary>
    /// <param name="folder">The CDR files.</param>
    /// <param name="due">The ids that must be in the files.</param>
    /// <param name="archive">The store's CDRs by id; the newest may not have reached the files yet.</param>
    public static IEnumerable<string> Faults(
        CdrFolder folder,
        IReadOnlySet<string> due,
        IReadOnlyDictionary<string, JsonElement> archive
    )
    {
        foreach (var (kind, lines) in new[] { ("NDJSON", folder.Json), ("CSV", folder.Csv) })
        {
            var billed = Bill(lines);
            foreach (var id in due.Except(billed.Select(line => line.Id)))
                yield return $"{id}: in the archive, but in no {kind} file";
            foreach (var line in billed)
            {
                if (!archive.TryGetValue(line.Id, out var cdr))
                    yield return $"{line.Id}: in a {kind} file, but not in the archive";
                else if (cdr.GetProperty("billsec").GetInt64() != line.Billsec)
                    yield return $"{line.Id}: {kind} bills {line.Billsec} s, the archive does not";
            }

            foreach (var fault in Numbers(kind, lines))
                yield return fault;
        }

        foreach (var line in folder.Json.Where(line => !line.Partial))
        {
            if (archive.TryGetValue(line.Id, out var cdr) && cdr.GetRawText() != line.Text)
                yield return $"{line.Id}: its line is not the archive's";
        }
    }

    /// <summary>Record numbers must run from 1 without gaps, and the CDR must have the last one.</summary>
    private static IEnumerable<string> Numbers(string kind, IReadOnlyList<CdrLine> lines)
    {
        foreach (var same in lines.GroupBy(line => line.Id))
        {
            var numbers = same.Select(line => line.Number).Distinct().Order().ToArray();
            var finals = same.Where(line => !line.Partial).Select(line => line.Number).Distinct().ToArray();
            if (
                !numbers.SequenceEqual(Enumerable.Range(1, numbers.Length))
                || finals.Length > 1
                || (finals.Length == 1 && finals[0] != numbers[^1])
            )
                yield return $"{same.Key}: {kind} numbers {string.Join(' ', numbers)}, of CDRs {string.Join(' ', finals)}";
        }
    }
}
