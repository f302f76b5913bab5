using CallServer.Surface;

namespace CallServer.Host.Configuration;

/// <summary>
/// <c>mgcp://HOST[:2427][?endpoints=PATTERN,PATTERN…][&amp;verify=mdcx][&amp;version=0.1|ncs|tgcp]</c>. A pattern is
/// an endpoint's name, <c>LOCAL</c> or <c>LOCAL@DOMAIN</c>, with the all-of wildcard <c>*</c> for whole terms (RFC
/// 3435 §2.1.2) and ranges such as <c>aaln/[1-24]</c> (RFC 3624 §2).
/// </summary>
internal static class MgcpUri
{
    // RFC 3435 §3.2.1.3: each side of the @.
    private const int LongestPart = 255;

    public static GatewayUri? Parse(UriReader read)
    {
        if (read.Split() is not var (authority, query))
            return null;
        read.RefuseUser(ref authority);
        read.ReadHost(authority);
        var options = read.ReadQuery(query, "endpoints", "verify", "version");
        return new GatewayUri(read)
        {
            Transport = "udp",
            Endpoints = ReadPatterns(read, options),
            VerifiesByModifying = read.ReadWord(options, "verify", "mdcx") is not null,
            MgcpVersion = read.ReadWord(options, "version", "0.1", "ncs", "tgcp"),
        };
    }

    private static List<string> ReadPatterns(UriReader read, Dictionary<string, string> options)
    {
        if (!options.TryGetValue("endpoints", out var list))
            return ["*"];
        var patterns = Split(list).Select(part => read.Decode(part, "endpoints=")).ToList();
        foreach (var pattern in patterns)
        {
            if (MistakeIn(pattern) is { } mistake)
                read.Fail($"endpoints=: '{pattern}' {mistake}");
        }

        foreach (var twice in patterns.GroupBy(pattern => pattern).Where(group => group.Count() > 1))
            read.Fail($"endpoints=: '{twice.Key}' stands there twice");
        return patterns;
    }

    /// <summary>At commas that stand in no range.</summary>
    private static IEnumerable<string> Split(string list)
    {
        var start = 0;
        var isRange = false;
        for (var at = 0; at < list.Length; at++)
        {
            if (list[at] is '[' or ']')
                isRange = list[at] == '[';
            else if (list[at] == ',' && !isRange)
            {
                yield return list[start..at];
                start = at + 1;
            }
        }

        yield return list[start..];
    }

    private static string? MistakeIn(string pattern)
    {
        var at = pattern.IndexOf('@', StringComparison.Ordinal);
        var local = at >= 0 ? pattern[..at] : pattern;
        var domain = at >= 0 ? pattern[(at + 1)..] : null;
        if (pattern.Any(c => c is <= ' ' or > '~'))
            return "is no endpoint: printable ASCII without spaces is expected";
        if (pattern.Contains('$', StringComparison.Ordinal))
            return "has the wildcard $, which means any one endpoint: an audit asks for all of them with *";
        if (local.Length == 0 || domain is { Length: 0 })
            return "is no endpoint: LOCAL or LOCAL@DOMAIN is expected";
        if (domain?.Contains('@', StringComparison.Ordinal) == true)
            return "has more than one @";
        if (local.Length > LongestPart || domain is { Length: > LongestPart })
            return $"is longer than the {LongestPart} characters that MGCP allows on either side of the @";
        if (local.Split('/').Any(term => term.Length == 0))
            return "has an empty term between slashes";
        return local.Split('/').Any(term => term.Length > 1 && term.Contains('*', StringComparison.Ordinal))
            ? "has a * within a term: it stands for a whole one, as in aaln/*"
            : MgcpTarget.RangeMistake(local);
    }
}
