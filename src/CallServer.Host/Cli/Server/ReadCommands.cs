using System.CommandLine;

namespace CallServer.Host.Cli.Server;

/// <summary>The verbs that read a running server: status, hosts, gateways, audits, connections, calls, cdrs, control-log.</summary>
public static class ReadCommands
{
    /// <summary>What builds each of them, with its name.</summary>
    public static IEnumerable<(string Name, Func<Command> Build)> All(
        Terminal terminal,
        Surroundings surroundings
    )
    {
        (string Name, Func<Command> Build) Of(string name, string description, ServerView? view) =>
            (name, () => new Verb(name, description, view).Build(terminal, surroundings));

        return
        [
            Of("status", "Shows the server's name, role and health.", null),
            Of(
                "hosts",
                "Lists the hosts that share the gateways, and what each of them holds.",
                ServerView.Hosts
            ),
            Of("gateways", "Lists the gateways, and what the last audit of each told.", ServerView.Gateways),
            Of(
                "audits",
                "Lists the latest audits: when, how complete, how long they took.",
                ServerView.Audits
            ),
            Of(
                "connections",
                "Lists the record: every active connection, and how exactly its start is known.",
                ServerView.Connections
            ),
            Of(
                "calls",
                "Lists the calls: connections that belong together, also across gateways.",
                ServerView.Calls
            ),
            Of("cdrs", "Lists the call detail records (CDRs) of ended connections.", ServerView.Cdrs),
            Of(
                "control-log",
                "Lists who had the server do what: from where, when, and what came of it.",
                ServerView.ControlLog
            ),
        ];
    }

    // The name is also the list's name on the server; <c>status</c> is a single object and has no view.
    private sealed record Verb(string Name, string Description, ServerView? View)
    {
        private readonly ServerOptions server = new();

        private readonly Option<bool> findings = new("--findings")
        {
            Description = "Only calls whose sources disagree",
        };

        private readonly Option<Since?> since = new("--since")
        {
            Description =
                "Only what ended since then: a time such as 2026-01-31T10:00:00Z, or how long ago, such as 2h",
            HelpName = "TIME",
            CustomParser = result => Options.Read<Since?>(result, text => Since.Parse(text)),
        };

        private readonly Option<bool> csv = new("--csv")
        {
            Description = "Comma-separated values with a header, as in the CSV file",
        };

        private readonly Option<bool> json = Options.Json("One JSON object a line, as the server tells it");

        private readonly Option<bool> watch = new("--watch")
        {
            Description =
                "Look again and again until q or Ctrl-C; in a pipe, print a line for whatever is new or has changed",
        };

        public Command Build(Terminal terminal, Surroundings surroundings)
        {
            var command = new Command(Name, Description);
            var gateway = server.Gateway("Only what belongs to this gateway", surroundings);
            server.AddTo(command);
            if (View is not null && View != ServerView.ControlLog && View != ServerView.Hosts)
                command.Options.Add(gateway);
            if (View == ServerView.Calls)
                command.Options.Add(findings);
            if (View == ServerView.Cdrs)
            {
                command.Options.Add(since);
                command.Options.Add(csv);
                command.Validators.Add(result =>
                {
                    if (result.GetValue(csv) && result.GetValue(json))
                        result.AddError("--csv and --json are two formats: take one");
                });
            }
            command.Options.Add(json);
            command.Options.Add(watch);
            command.SetAction(
                async (parsed, cancel) =>
                {
                    using var client = server.Client(parsed, surroundings);
                    var reading = new Reading(
                        client,
                        Name,
                        View,
                        parsed.GetValue(gateway),
                        Filter(parsed, surroundings)
                    );
                    var lines =
                        View == ServerView.Cdrs && parsed.GetValue(csv) ? LineFormat.Csv
                        : parsed.GetValue(json) ? LineFormat.Json
                        : null;
                    if (parsed.GetValue(watch))
                        await reading.WatchAsync(terminal, lines, surroundings, cancel);
                    else if (lines is not null)
                        await reading.WriteLinesAsync(terminal, lines, cancel);
                    else
                        await reading.WriteAsync(terminal, cancel);
                    return ExitCode.Complete;
                }
            );
            return command;
        }

        private string? Filter(ParseResult parsed, Surroundings surroundings)
        {
            if (View == ServerView.Calls && parsed.GetValue(findings))
                return "findings=true";
            return View == ServerView.Cdrs && parsed.GetValue(since) is { } from
                ? $"since={Uri.EscapeDataString(from.Before(surroundings.Clock))}"
                : null;
        }
    }
}
