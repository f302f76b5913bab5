using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using CallServer.Server.Configuration;
using CallServer.Surface;
using Spectre.Console;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// <c>callserver audit URI...</c>: looks once at each gateway, all in parallel, and reports them in the order given.
/// </summary>
public sealed class AuditCommand(Terminal terminal, Surroundings surroundings)
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    private readonly Argument<string[]> uris = new("URI")
    {
        Description =
            string.Join(", ", surroundings.Protocols.Forms.SkipLast(1))
            + $", or {surroundings.Protocols.Forms[^1]}",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<bool> json = Options.Json(
        "One JSON object a line, one a gateway, in the order given"
    );

    private readonly Option<TimeSpan?> timeout = Options.Duration(
        "--timeout",
        $"The longest that one gateway may take [default: {Durations.Format(DefaultTimeout)}]"
    );

    private readonly Option<SecretReference?> community = Options.Secret(
        "--community-from",
        "Where the SNMPv2c community stands [default: the community 'public']"
    );

    private readonly Option<SecretReference?> auth = Options.Secret(
        "--auth-from",
        "Where the SNMPv3 passphrase for authentication stands, or the SIP password of the user in from="
    );

    private readonly Option<SecretReference?> priv = Options.Secret(
        "--priv-from",
        "Where the SNMPv3 passphrase for encryption stands"
    );

    private readonly Option<string?> profiles = new("--profiles")
    {
        Description =
            "SNMP profiles of your own: a JSON object of name to profile; they are tried before the built-in ones",
        HelpName = "FILE",
    };

    private readonly Option<string?> config = new("--config")
    {
        Description =
            "A server's configuration, whose \"profiles\" are taken likewise; nothing else in it is",
        HelpName = "FILE",
    };

    public Command Build()
    {
        var command = new Command("audit", "Asks gateways for all their active connections, once.")
        {
            uris,
            json,
            timeout,
            community,
            auth,
            priv,
            profiles,
            config,
        };
        command.SetAction((parsed, cancel) => RunAsync(parsed, cancel));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var within = parsed.GetValue(timeout) ?? DefaultTimeout;
        var protocols = Protocols(parsed.GetValue(config), parsed.GetValue(profiles));
        var plan = new AuditPlan(protocols, within);
        var orders = plan.Make(
            parsed.GetValue(uris)!,
            parsed.GetValue(community),
            parsed.GetValue(auth),
            parsed.GetValue(priv)
        );

        Rehearsal.Hold(protocols, surroundings.Clock, orders.Select(order => order.Uri));
        await using var look = new OneLook(surroundings);
        var asking = orders.Select(order => look.AskAsync(order, within, cancel)).ToList();
        var status = ExitCode.Complete;
        for (var i = 0; i < orders.Count; i++)
        {
            var report = await ShowWaiting(orders[i], asking[i], parsed.GetValue(json));
            cancel.ThrowIfCancellationRequested();
            status = Math.Max(status, report.Status);
            var told = JsonSerializer.SerializeToElement(report.View, JsonText.Options);
            if (parsed.GetValue(json))
                await terminal.Out.WriteLineAsync(JsonText.Line(told));
            else
                AuditPage.Write(terminal, told, report.Status, first: i == 0);
            foreach (var trouble in report.Troubles)
                terminal.Complain(trouble);
        }
        return status;
    }

    /// <summary>Adds the user's own profiles; those of --profiles take precedence over those of --config.</summary>
    private GatewayProtocols Protocols(string? configuration, string? own)
    {
        var protocols = surroundings.Protocols;
        if (configuration is not null && ProfilesOf(configuration) is { } its)
            protocols = protocols.WithProfiles(its, configuration);
        return own is null ? protocols : protocols.WithProfiles(ConfigurationFile.Read(own), own);
    }

    private static Document? ProfilesOf(string configuration) =>
        ConfigurationFile
            .Read(configuration)
            .Members.Where(member => member.Key == "profiles")
            .Select(member => member.Value)
            .FirstOrDefault();

    /// <summary>Shows on a terminal which gateway is being waited for.</summary>
    private async Task<AuditReport> ShowWaiting(AuditOrder order, Task<AuditReport> asking, bool asJson)
    {
        if (terminal.Screen is { } screen && !asJson && !asking.IsCompleted)
        {
            return await screen
                .Status()
                .StartAsync($"asking {Markup.Escape(order.Uri.Authority)}", _ => asking);
        }
        return await asking;
    }
}
