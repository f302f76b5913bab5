using System.CommandLine;
using System.CommandLine.Parsing;
using CallServer.Gateway;

namespace CallServer.Host.Cli.Simulation;

/// <summary><c>callserver gateway</c>: a media gateway to try things on, on loopback unless told otherwise.</summary>
public sealed class GatewayCommand(Terminal terminal, Surroundings surroundings)
{
    private static readonly TimeSpan DownFor = TimeSpan.FromSeconds(2);

    private readonly GatewayOptions options = new();

    public Command Build()
    {
        var command = new Command("gateway", "Simulates a media gateway on this machine, to try things on.");
        options.AddTo(command);
        command.SetAction((parsed, cancel) => RunAsync(parsed, cancel));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var gateway = options.Make(parsed, surroundings.Clock.Now.Steady);
        using var open = new GatewayPorts(
            options
                .Spoken(parsed)
                .Select(spoken =>
                    GatewayPort.Open(
                        spoken.Protocol,
                        spoken.Port,
                        SimulatedGateway.UsesStreams(spoken.Protocol),
                        parsed.GetValue(options.Address)
                    )
                )
        );
        using var lines = Append(parsed.GetValue(options.Truth));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var running = new GatewayLoop(
            gateway,
            open.All,
            surroundings.Clock,
            new PathSettings(
                parsed.GetValue(options.Delay) ?? TimeSpan.Zero,
                parsed.GetValue(options.Loss),
                parsed.GetValue(options.Seed)
            ),
            lines
        );
        running.Start();
        if (parsed.GetValue(options.RebootAfter) is { } wait)
            running.RebootAfter(wait, DownFor);
        await terminal.Out.WriteLineAsync("ready");
        foreach (var port in open.All)
            await terminal.Out.WriteLineAsync($"{options.Uri(parsed, port)}  {gateway.Count} connections");
        await terminal.Out.FlushAsync(cancel);
        if (parsed.GetValue(options.StopAfter) is { } life)
            stop.CancelAfter(life);
        await running.ServeAsync(stop.Token);
        return ExitCode.Complete;
    }

    private static StreamWriter? Append(FileInfo? file)
    {
        try
        {
            return file is null
                ? null
                : new StreamWriter(
                    new FileStream(file.FullName, FileMode.Append, FileAccess.Write, FileShare.Read)
                )
                {
                    AutoFlush = true,
                    NewLine = "\n",
                };
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException(ExitCode.Usage, $"callserver: --truth: {fault.Message}");
        }
    }
}
