using System.Text;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Output;
using CallServer.Host.Tests.Cli;
using CallServer.Host.Tests.Storage;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Server.Recording;
using CallServer.Surface;
using Microsoft.Extensions.Logging;

namespace CallServer.Host.Tests.Documents;

/// <summary>
/// Runs the commands of one page in their order: with simulated gateways, a folder for their files, and the server
/// that the page runs. A page that reads a server without running one gets a server of four gateways.
/// </summary>
internal sealed class Workbench : IAsyncDisposable
{
    private const string UsualConfiguration = """
        { "server": { "name": "cs-b" }, "gateways": [
          { "id": "gw1", "uri": "snmp://192.0.2.10?profile=cisco-voice" },
          { "id": "gw2", "uri": "mgcp://192.0.2.11" },
          { "id": "kam", "uri": "sip:all@192.0.2.12" },
          { "id": "rtp", "uri": "ng+tcp://192.0.2.13:2223" } ] }
        """;

    /// <summary>Verbs that ask a server.</summary>
    private static readonly string[] Asking =
    [
        "status",
        "gateways",
        "audits",
        "connections",
        "calls",
        "cdrs",
        "control-log",
        "top",
        "recovery",
        "dispute",
    ];

    /// <summary>Options and verbs that a file's name follows.</summary>
    private static readonly string[] BeforeFiles = ["--config", "--profiles", "--truth", "check", "dispute"];

    private readonly TestDirectory folder = new();
    private readonly Surrogates surrogates;
    private RunningServer? server;

    public Workbench() => surrogates = new Surrogates(folder);

    /// <summary>Keeps a file that the page shows.</summary>
    public void Keep(Block file, Surrogates.Wanted wanted) =>
        File.WriteAllText(folder.File(file.Words), surrogates.InPlaceOf(file.Text, wanted));

    public async Task<CliRun> RunAsync(string text, Surrogates.Wanted wanted, CancellationToken cancel)
    {
        var command = CommandWords.Of(surrogates.InPlaceOf(text, wanted));
        var words = command.Words.Skip(1).ToList();
        for (var at = 1; at < words.Count; at++)
        {
            if (BeforeFiles.Contains(words[at - 1]))
                words[at] = folder.File(words[at]);
        }

        if (words is ["run", "--config", var file])
        {
            await ServeAsync(file, cancel);
            return new CliRun(0, "", "");
        }

        if (words[0] == "gateway")
            Shorten(words);
        else if (Asking.Contains(words[0]) || words.Contains("--server"))
            await AskAsync(words, cancel);
        var run = await RunAsync(words, cancel);
        if (command.Into is not { } into)
            return run;
        await File.WriteAllTextAsync(folder.File(into), run.Out, cancel);
        return run with { Out = "" };
    }

    /// <summary>Runs as in a pipe. What would go on for ever ends with the first thing that it prints.</summary>
    private static async Task<CliRun> RunAsync(List<string> words, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var error = CliRun.Writer();
        await using TextWriter output = words.Contains("--watch") ? new FirstPrint(stop) : CliRun.Writer();
        var status = await new CommandLine(
            new Terminal(output, error),
            new Surroundings { Variable = _ => null, Typed = null }
        ).RunAsync(words, stop.Token);
        if (words.Contains("--watch") && status == ExitCode.Interrupted && !cancel.IsCancellationRequested)
            status = ExitCode.Complete;
        return new CliRun(status, output.ToString()!, error.ToString());
    }

    /// <summary>Any free ports, and an end at once.</summary>
    private static void Shorten(List<string> words)
    {
        for (var at = 1; at < words.Count; at++)
        {
            if (
                words[at - 1]
                is "--snmp"
                    or "--mgcp"
                    or "--h248"
                    or "--sip"
                    or "--ng"
                    or "--jsonrpc"
                    or "--esl"
                    or "--ari"
                    or "--mi"
                    or "--restconf"
            )
                words[at] = "0";
        }
        words.AddRange(["--stop-after", "1ms"]);
    }

    private async Task AskAsync(List<string> words, CancellationToken cancel)
    {
        if (server is null)
        {
            var file = folder.File("usual.json");
            await File.WriteAllTextAsync(
                file,
                surrogates.InPlaceOf(UsualConfiguration, new Surrogates.Wanted()),
                cancel
            );
            await ServeAsync(file, cancel);
        }
        var at = words.IndexOf("--server");
        if (at >= 0)
            words.RemoveRange(at, 2);
        words.AddRange(["--server", server!.Address.ToString()]);
    }

    /// <summary>Runs a server with a configuration, but on a free port and with its files in the page's folder.</summary>
    private async Task ServeAsync(string file, CancellationToken cancel)
    {
        var read = ServerConfiguration.Load(
            file,
            new Dictionary<string, string>(StringComparer.Ordinal),
            GatewayProtocols.BuiltIn
        );
        server = await ServerHost.StartAsync(
            read with
            {
                Listen = new Uri("http://127.0.0.1:0"),
                Data = folder.File($"{Path.GetFileNameWithoutExtension(file)}.db"),
                CdrFile = read.CdrFile is null ? null : folder.File(Path.GetFileName(read.CdrFile)),
                CdrCsv = read.CdrCsv is null ? null : folder.File(Path.GetFileName(read.CdrCsv)),
            },
            cancel,
            new ServerParts { Logging = logging => logging.ClearProviders() }
        );
        while (!HasHeardAll(server.Runtime))
        {
            await Task.WhenAny(server.Runtime.Events.News, Task.Delay(50, cancel));
            cancel.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Ready alone may also mean that gateways have had their time.</summary>
    private static bool HasHeardAll(ServerRuntime runtime) =>
        runtime.IsReady
        && runtime.Configuration.Gateways.All(gateway =>
            runtime.Ledger.Find(gateway.Id) is { Record.Count: > 0 }
        );

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
            await server.DisposeAsync();
        await surrogates.DisposeAsync();
        folder.Dispose();
    }

    /// <summary>Ends a command when it has printed a line.</summary>
    private sealed class FirstPrint(CancellationTokenSource stop) : TextWriter
    {
        private readonly StringBuilder text = new();

        public override Encoding Encoding => Encoding.Unicode;

        public override void Write(char value)
        {
            text.Append(value);
            if (value == '\n')
                stop.Cancel();
        }

        public override string ToString() => text.ToString();
    }
}
