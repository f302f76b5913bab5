using System.CommandLine;
using System.CommandLine.Completions;
using System.Net;
using System.Text.Json;
using CallServer.Server;

namespace CallServer.Host.Cli.Server;

/// <summary><c>callserver release</c>: has one connection ended, by hand only.</summary>
internal sealed class ReleaseCommand
{
    private readonly Terminal terminal;
    private readonly Surroundings surroundings;

    private readonly Argument<string> connection = new("CONNECTION")
    {
        HelpName = "CONNECTION",
        Description = "GATEWAY/ID, as `callserver calls` lists it; its ID alone with --gateway",
    };

    private readonly Option<string> reason = new("--reason")
    {
        Description = "Why it is ended: stands in the CDR and in the log",
        HelpName = "TEXT",
        Required = true,
    };

    private readonly Option<bool> yes = new("--yes") { Description = "Do not ask for confirmation" };

    private readonly ServerOptions server;
    private readonly Option<string?> gateway;
    private readonly Option<bool> json = Options.Json("The outcome as one JSON object");

    public ReleaseCommand(Terminal terminal, Surroundings surroundings)
    {
        this.terminal = terminal;
        this.surroundings = surroundings;
        server = new ServerOptions();
        gateway = server.Gateway("The gateway whose connection it is", surroundings);
        connection.CompletionSources.Add(context =>
            server.Gateways(context, surroundings).Select(item => new CompletionItem($"{item.Label}/"))
        );
    }

    public Command Build()
    {
        var command = new Command("release", "Has a gateway end one of its connections (MGCP, ng).")
        {
            connection,
            reason,
            gateway,
            yes,
        };
        server.AddTo(command);
        command.Options.Add(json);
        command.SetAction(RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var order = new Order(
            parsed.GetValue(gateway),
            parsed.GetValue(connection)!,
            parsed.GetValue(reason)!,
            surroundings.User
        );
        if (string.IsNullOrWhiteSpace(order.Reason))
            throw new CommandFailedException(
                ExitCode.Usage,
                "callserver: --reason: say why, for whoever reads the CDR"
            );
        if (!parsed.GetValue(yes) && !await IsMeantAsync(order, cancel))
        {
            terminal.Complain($"{order.Name} is not released: it was not meant");
            return ExitCode.Partial;
        }

        using var client = server.Client(parsed, surroundings);
        var (status, answer) = await client.PostAsync("v1/connections/release", order, cancel);
        var asJson = parsed.GetValue(json);
        if (status == HttpStatusCode.OK)
        {
            await terminal.Out.WriteLineAsync(asJson ? JsonText.Line(answer) : Told(answer));
            return ExitCode.Complete;
        }

        var why = answer.Text("detail") ?? answer.Text("title") ?? "the server does not say why";
        if (asJson)
            await terminal.Out.WriteLineAsync(
                JsonSerializer.Serialize(
                    new
                    {
                        order.Gateway,
                        order.Connection,
                        Released = false,
                        order.By,
                        order.Reason,
                        Status = (int)status,
                        Detail = why,
                    },
                    JsonText.Options
                )
            );
        terminal.Complain(
            status == HttpStatusCode.GatewayTimeout
                ? $"nobody knows whether {order.Name} ended, and its record stays open: {why}"
                : $"{order.Name} is not released: {why}"
        );
        return status is HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout
            ? ExitCode.Unavailable
            : ExitCode.Partial;
    }

    private async Task<bool> IsMeantAsync(Order order, CancellationToken cancel)
    {
        if (surroundings.Typed is not { } typed)
            throw new CommandFailedException(
                ExitCode.Usage,
                "callserver: nobody is here to be asked whether it is meant: --yes says that it is"
            );
        await terminal.Error.WriteAsync(
            Printable.Of($"Release {order.Name}: {order.Reason}. The call ends. Is it meant? [y/N] ")
        );
        await terminal.Error.FlushAsync(cancel);
        // Reading a line cannot be cancelled, so a cancelled read is abandoned.
        var line = await Task.Run(typed, CancellationToken.None).WaitAsync(cancel);
        return line?.Trim().ToUpperInvariant() is "Y" or "YES";
    }

    private static string Told(JsonElement answer)
    {
        var counters = answer.Member("counters");
        var counted = string.Join(
            ", ",
            new (string Name, string Words)[]
            {
                ("packetsSent", "packets sent"),
                ("packetsReceived", "received"),
                ("packetsLost", "lost"),
            }
                .Where(each => counters.Number(each.Name) is not null)
                .Select(each => $"{counters.Text(each.Name)} {each.Words}")
        );
        var cdr = answer.Text("cdr") is { } id
            ? $"; CDR {id}"
            : "; an audit had found it gone, and its CDR says so";
        return Printable.Of(
            $"{answer.Text("gateway")}/{answer.Text("connection")} is released"
                + (counted.Length == 0 ? "" : $": {counted}")
                + cdr
        );
    }

    private sealed record Order(string? Gateway, string Connection, string Reason, string By)
    {
        [System.Text.Json.Serialization.JsonIgnore]
        public string Name => Gateway is null ? Connection : $"{Gateway}/{Connection}";
    }
}
