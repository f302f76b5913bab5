using System.Runtime.InteropServices;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Output;

using var stop = new CancellationTokenSource();

// The first signal asks the command to end; the second ends the process as the system does.
void OnSignal(PosixSignalContext context)
{
    if (!stop.IsCancellationRequested)
        context.Cancel = true;
    stop.Cancel();
}
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);

return await new CommandLine(Terminal.OfProcess(), new Surroundings()).RunAsync(args, stop.Token);
