using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>One gateway to ask once.</summary>
public sealed record AuditOrder(GatewayUri Uri, AuditTarget Target);

/// <summary>Turns the command line's words into gateways to ask. Reports every mistake, not only the first.</summary>
public sealed class AuditPlan(
    GatewayProtocols protocols,
    TimeSpan within,
    string verb,
    IReadOnlyList<string> options
)
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
        // What follows an unknown option may be a secret, so none of it is repeated.
        if (texts.FirstOrDefault(text => text.StartsWith('-')) is { } option)
        {
            var name = option.Split('=')[0];
            throw new CommandFailedException(
                ExitCode.Usage,
                $"callserver: {verb} has no option {name}{Nearest.Hint(name, options)}; secrets are named, not given: --community-from env:NAME"
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

        var given = new GatewaySecrets(community, auth, priv);
        var secrets = uris.Select(uri => uri.Pick(given)).ToList();
        if (mistakes.Count == 0)
        {
            foreach (var (uri, its) in uris.Zip(secrets))
                mistakes.AddRange(
                    uri.Check(its).Select(wrong => $"{uri}: --{wrong.Secret}-from: {wrong.Mistake}")
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
        var wait = TimeSpan.FromTicks(
            Math.Clamp((long)(within.Ticks / uri.Waits), ShortestWait.Ticks, LongestWait.Ticks)
        );
        return new AuditOrder(uri, protocols.Target(uri.Authority, uri, secrets, wait, uri.Attempts));
    }

    private GatewayUri? Read(string text, List<string> mistakes)
    {
        if (protocols.TryParse(text, out var uri, out var wrong))
            return uri;
        mistakes.AddRange(wrong.Select(mistake => $"{text}: {mistake}"));
        return null;
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
