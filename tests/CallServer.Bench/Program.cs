using System.CommandLine;
using System.Runtime.InteropServices;
using CallServer.Bench.CdrKill;
using CallServer.Bench.Codec;
using CallServer.Bench.Dispute;
using CallServer.Bench.Fleet;
using CallServer.Bench.Hostile;
using CallServer.Bench.Hosts;
using CallServer.Bench.Kill;
using CallServer.Bench.Lists;
using CallServer.Bench.Performance;
using CallServer.Bench.Rtpengine;
using CallServer.Bench.Start;
using CallServer.Bench.Steady;
using CallServer.Bench.Takeover;
using CallServer.Host.Cli;

using var stop = new CancellationTokenSource();

// Children are stopped before this process ends.
void OnSignal(PosixSignalContext context)
{
    context.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);

var root = new RootCommand("Shows on this machine what CallServer promises.")
{
    FleetCommand.Build(),
    FleetFaultsCommand.Build(),
    FleetLoadCommand.Build(),
    FleetCommitsCommand.Build(),
    FormulaHostCommand.Build(),
    KillCommand.Build(),
    TakeoverCommand.Build(),
    TakeoverRtpengineCommand.Build(),
    StartCommand.Build(),
    CarryCommand.Build(),
    CdrKillCommand.Build(),
    HostileCommand.Build(),
    SteadyCommand.Build(),
    Asn1Command.Build(),
    DisputeCommand.Build(),
    ListsCommand.Build(),
    PerformanceCommand.Build(),
};
try
{
    var usual = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
    return await root.Parse(args).InvokeAsync(usual, stop.Token);
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return ExitCode.Interrupted;
}
catch (CommandFailedException failure)
{
    foreach (var line in failure.Lines)
        await Console.Error.WriteLineAsync(line);
    return failure.ExitCode;
}
