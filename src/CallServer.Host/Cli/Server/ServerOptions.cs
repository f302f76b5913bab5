using System.CommandLine;
using System.CommandLine.Completions;
using CallServer.Host.Cli.Completion;
using CallServer.Server.Configuration;

namespace CallServer.Host.Cli.Server;

/// <summary>The server that a command talks to, and its credentials.</summary>
internal sealed class ServerOptions
{
    private const string DefaultServer = "http://127.0.0.1:8080";

    private readonly Option<Uri?> server = new("--server")
    {
        Description = $"The server's address [default: {DefaultServer}]",
        HelpName = "URL",
        CustomParser = result => Options.Read<Uri?>(result, ReadServer),
    };

    private readonly Option<SecretReference?> token = Options.Secret(
        "--token-from",
        "Where its token is kept [default: env:CALLSERVER_TOKEN, if set]"
    );

    public void AddTo(Command command)
    {
        command.Options.Add(server);
        command.Options.Add(token);
    }

    public ServerClient Client(ParseResult parsed, Surroundings surroundings) =>
        new(Address(parsed), Token(parsed, surroundings));

    /// <summary>An option that names a gateway; a shell is offered those of the server.</summary>
    public Option<string?> Gateway(string description, Surroundings surroundings)
    {
        var gateway = new Option<string?>("--gateway") { Description = description, HelpName = "ID" };
        gateway.CompletionSources.Add(context => Gateways(context, surroundings));
        return gateway;
    }

    /// <summary>The server's address.</summary>
    public Uri Address(ParseResult parsed) => parsed.GetValue(server) ?? new Uri(DefaultServer);

    /// <summary>The server's gateways, for a shell.</summary>
    public IEnumerable<CompletionItem> Gateways(CompletionContext context, Surroundings surroundings)
    {
        try
        {
            return Suggestions.OfGateways(
                Address(context.ParseResult),
                Token(context.ParseResult, surroundings)
            );
        }
        catch (Exception fault) when (fault is CommandFailedException or InvalidOperationException)
        {
            // The half-typed line does not say which server, or its token cannot be read.
            return [];
        }
    }

    private string? Token(ParseResult parsed, Surroundings surroundings)
    {
        var secret = Options.RevealText(parsed.GetValue(token)) ?? surroundings.Variable("CALLSERVER_TOKEN");
        return string.IsNullOrEmpty(secret) ? null : secret;
    }

    private static Uri ReadServer(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address.UserInfo.Length == 0
                ? address
                : throw new FormatException(
                    "a secret must not stand in an address: --token-from names its place"
                )
            : throw new FormatException($"'{text}' is no address: http://HOST:PORT is expected");
}
