using CallServer.Host.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>One gateway to be asked once.</summary>
public sealed record AuditOrder(GatewayUri Uri, AuditTarget Target);

/// <summary>From the words of the command line to gateways to ask; every mistake is named, not only the first.</summary>
public sealed class AuditPlan(IAuditTargetFactory targets, TimeSpan within)
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(2);

    public IReadOnlyList<AuditOrder> Make(
        IReadOnlyList<string> texts,
        SecretReference? communityFrom,
        SecretReference? authFrom,
        SecretReference? privFrom
    )
    {
        // What stands behind an option that is none may be a secret: nothing of it is repeated.
        if (texts.FirstOrDefault(text => text.StartsWith('-')) is { } option)
        {
            throw new CommandFailedException(
                ExitCode.Usage,
                $"callserver: audit has no option {option.Split('=')[0]}; secrets are named, not given: --community-from env:NAME"
            );
        }

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

        return [.. uris.Zip(secrets, Order)];
    }

    private AuditOrder Order(GatewayUri uri, GatewaySecrets secrets)
    {
        var (waits, attempts) = Pace(uri);
        var wait = TimeSpan.FromTicks(
            Math.Clamp((long)(within.Ticks / waits), ShortestWait.Ticks, LongestWait.Ticks)
        );
        return new AuditOrder(uri, targets.Create(uri.Authority, uri, secrets, wait, attempts));
    }

    /// <summary>
    /// Into how many first waits the time is divided, so that a lost datagram costs little, a gateway that is
    /// slow to answer is not asked again and again, and silence is known before the time is over; and how
    /// often is asked.
    /// </summary>
    private static (double Waits, int Attempts) Pace(GatewayUri uri) =>
        uri.Protocol switch
        {
            // Each repeat waits twice as long: five take 31 times the first wait.
            "mgcp" => (36, 5),
            // It repeats by SIP's own clock until all waits are over; without a transport there are two ways.
            "sip" => (uri.Transport is null ? 14 : 7, 6),
            // Each repeat waits half as long again: six take 20.8 times the first wait, and some time is spent
            // before.
            _ => (25, 6),
        };

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
