using System.CommandLine;
using CallServer.Host.Cli.Completion;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Storage;

namespace CallServer.Host.Cli.Storing;

/// <summary><c>callserver store copy</c>: moves a record from one store to another.</summary>
internal sealed class StoreCommand(Terminal terminal)
{
    private readonly Argument<string> file = new("SQLITE")
    {
        HelpName = "SQLITE",
        Description = "The record: a SQLite file on which no server runs",
        CompletionSources = { Suggestions.OfFiles },
    };

    private readonly Argument<string> address = new("POSTGRES")
    {
        HelpName = "URI",
        Description = "postgres://USER@HOST[:PORT]/DATABASE, without a record yet",
    };

    private readonly Option<SecretReference?> password = Options.Secret(
        "--password-from",
        "Where the password for the database is kept"
    );

    public Command Build()
    {
        var command = new Command("store", "Works on stores while no server runs on them.");
        command.Subcommands.Add(Copy());
        return command;
    }

    private Command Copy()
    {
        var command = new Command(
            "copy",
            "Copies a whole record from a SQLite file into PostgreSQL, under its own numbers."
        )
        {
            file,
            address,
            password,
        };
        command.SetAction(parsed =>
        {
            if (!PostgresAddress.TryParse(parsed.GetValue(address)!, out var to, out var mistake))
                throw new CommandFailedException(ExitCode.Usage, $"callserver: URI: {mistake}");
            try
            {
                terminal.Out.WriteLine(
                    RecordStore.Copy(
                        parsed.GetValue(file)!,
                        to,
                        Options.RevealText(parsed.GetValue(password))
                    )
                );
                return ExitCode.Complete;
            }
            catch (StoreException fault)
            {
                throw new CommandFailedException(ExitCode.Usage, $"callserver: {fault.Message}");
            }
        });
        return command;
    }
}
