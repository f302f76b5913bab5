using System.Globalization;
using CallServer.Host.Cli;

namespace CallServer.Bench.Kill;

/// <summary>
/// <c>callserver gateway</c> as a child process: calls that come and go, and the truth about them in a file.
/// </summary>
internal sealed class SimulatedGateway : IAsyncDisposable
{
    private readonly Child child;

    private SimulatedGateway(Child child, string uri, string truth)
    {
        this.child = child;
        Uri = uri;
        Truth = truth;
    }

    public string Uri { get; }

    /// <summary>The file to which it writes what truly happened.</summary>
    public string Truth { get; }

    public static async Task<SimulatedGateway> StartAsync(
        int connections,
        double churn,
        string truth,
        CancellationToken cancel
    )
    {
        // Even if this process itself is killed, the gateway does not run for ever.
        var child = Child.Start(
            "gateway",
            "--snmp",
            "0",
            "--connections",
            $"{connections}",
            "--churn",
            churn.ToString(CultureInfo.InvariantCulture),
            "--truth",
            truth,
            "--stop-after",
            "1h"
        );
        if (await child.LineAsync("snmp://", cancel) is not { } uri)
        {
            await using (child)
                throw new CommandFailedException(ExitCode.Fault, ["no gateway", .. child.LastWords]);
        }

        child.Ignore();
        return new SimulatedGateway(child, uri.Split(' ')[0], truth);
    }

    public ValueTask DisposeAsync() => child.DisposeAsync();
}
