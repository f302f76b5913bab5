using System.CommandLine;
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
        "Where its token stands [default: env:CALLSERVER_TOKEN, if set]"
    );

    public void AddTo(Command command)
    {
        command.Options.Add(server);
        command.Options.Add(token);
    }

    public ServerClient Client(ParseResult parsed, Surroundings surroundings)
    {
        var secret = Options.RevealText(parsed.GetValue(token)) ?? surroundings.Variable("CALLSERVER_TOKEN");
        return new ServerClient(
            parsed.GetValue(server) ?? new Uri(DefaultServer),
            string.IsNullOrEmpty(secret) ? null : secret
        );
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
