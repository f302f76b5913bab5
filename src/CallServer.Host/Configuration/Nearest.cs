namespace CallServer.Host.Configuration;

/// <summary>What somebody probably meant.</summary>
public static class Nearest
{
    /// <summary>
    /// The candidate closest to the word, where one is close enough to be a misspelling of it; else null.
    /// </summary>
    public static string? To(string word, IEnumerable<string> candidates)
    {
        ArgumentNullException.ThrowIfNull(word);
        ArgumentNullException.ThrowIfNull(candidates);
        var best = candidates
            .Select(candidate => (candidate, distance: Distance(word, candidate)))
            .OrderBy(pair => pair.distance)
            .FirstOrDefault();
        return best.candidate is not null && best.distance <= Math.Max(1, word.Length / 3)
            ? best.candidate
            : null;
    }

    /// <summary>" (did you mean X?)", or nothing.</summary>
    public static string Hint(string word, IEnumerable<string> candidates) =>
        To(word, candidates) is { } nearest ? $" (did you mean {nearest}?)" : "";

    // Levenshtein's distance with neighbours swapped as one slip, letters of either case alike.
    private static int Distance(string a, string b)
    {
        var costs = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
                costs[i, j] = Cost(i, j);
        }

        return costs[a.Length, b.Length];

        int Cost(int i, int j)
        {
            if (i == 0 || j == 0)
                return i + j;
            var cost = Math.Min(
                Math.Min(costs[i - 1, j], costs[i, j - 1]) + 1,
                costs[i - 1, j - 1] + (Same(i - 1, j - 1) ? 0 : 1)
            );
            var swapped = i > 1 && j > 1 && Same(i - 1, j - 2) && Same(i - 2, j - 1);
            return swapped ? Math.Min(cost, costs[i - 2, j - 2] + 1) : cost;
        }

        bool Same(int i, int j) => char.ToUpperInvariant(a[i]) == char.ToUpperInvariant(b[j]);
    }
}
