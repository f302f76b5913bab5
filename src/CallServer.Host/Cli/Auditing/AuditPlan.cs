using CallServer.Host.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>One gateway to be asked once.</summary>
public sealed record AuditOrder(GatewayUri Uri, AuditTarget Target);

/// <summary>From the words of the command line to gateways to ask; every mistake is named, not only the first.</summary>
public sealed class AuditPlan(IAuditTargetFactory targets, TimeSpan within)
{
    private const int Attempts = 6;

    // Each repeat waits half as long again: six take 20.8 times the first wait, and some time is spent before. So a lost
    // datagram costs little, and a gateway that is slow to answer is not asked again and again.
    private const double Waits = 25;

    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(2);

    public IReadOnlyList<AuditOrder> Make(
        IReadOnlyList<string> texts,
        SecretReference? communityFrom,
        SecretReference? authFrom,
        SecretReference? privFrom
    )
    {
        var mistakes = new List<string>();
        var uris = texts.Select(text => Read(text, mistakes)).OfType<GatewayUri>().ToList();
        var community = Secret(communityFrom, mistakes);
        var auth = Secret(authFrom, mistakes);
        var priv = Secret(privFrom, mistakes);
        if (mistakes.Count == 0)
        {
            Unused(
                "--community-from",
                communityFrom,
                uris.Any(uri => uri.TakesCommunity),
                "an SNMPv2c gateway",
                mistakes
            );
            Unused(
                "--auth-from",
                authFrom,
                uris.Any(uri => uri.TakesAuth),
                "a URI with auth= or from=",
                mistakes
            );
            Unused("--priv-from", privFrom, uris.Any(uri => uri.TakesPriv), "a URI with priv=", mistakes);
        }

        var secrets = uris.Select(uri => new GatewaySecrets(
                uri.TakesCommunity ? community : null,
                uri.TakesAuth ? auth : null,
                uri.TakesPriv ? priv : null
            ))
            .ToList();
        if (mistakes.Count == 0)
        {
            foreach (var (uri, its) in uris.Zip(secrets))
                mistakes.AddRange(
                    its.Check(uri).Select(wrong => $"{uri}: --{wrong.Secret}-from: {wrong.Mistake}")
                );
        }

        if (mistakes.Count > 0)
        {
            throw new CommandFailedException(
                ExitCode.Usage,
                [.. mistakes.Distinct().Select(mistake => $"callserver: {mistake}")]
            );
        }

        var wait = TimeSpan.FromTicks(
            Math.Clamp((long)(within.Ticks / Waits), ShortestWait.Ticks, LongestWait.Ticks)
        );
        return
        [
            .. uris.Zip(
                secrets,
                (uri, its) => new AuditOrder(uri, targets.Create(uri.Authority, uri, its, wait, Attempts))
            ),
        ];
    }

    private GatewayUri? Read(string text, List<string> mistakes)
    {
        if (!GatewayUri.TryParse(text, out var uri, out var wrong))
        {
            mistakes.AddRange(wrong.Select(mistake => $"{text}: {mistake}"));
            return null;
        }
        if (uri.Profile is { } profile && !targets.ProfileNames.Contains(profile))
        {
            var known = string.Join(", ", targets.ProfileNames);
            var hint = Nearest.Hint(profile, targets.ProfileNames);
            mistakes.Add($"{text}: there is no profile '{profile}'{hint}; known are {known}");
        }
        return uri;
    }

    private static byte[]? Secret(SecretReference? reference, List<string> mistakes)
    {
        if (reference is null)
            return null;
        if (reference.TryRead(out var secret, out var mistake))
            return secret;
        mistakes.Add(mistake);
        return null;
    }

    private static void Unused(
        string option,
        SecretReference? reference,
        bool used,
        string wanted,
        List<string> mistakes
    )
    {
        if (reference is not null && !used)
            mistakes.Add($"{option} is given, but not {wanted}");
    }
}
