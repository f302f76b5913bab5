using System.Globalization;
using System.Text.Json;

namespace CallServer.Interop.Peers;

/// <summary>One host of a fleet, in a process of its own, that holds units and asks nobody.</summary>
internal sealed class FleetPeer
{
    private readonly ChildProcess process;

    private FleetPeer(ChildProcess process) => this.process = process;

    /// <summary>Starts one; it joins the others by itself.</summary>
    public static FleetPeer Start(Scope scope, string name, PostgresPeer database, int units)
    {
        var assembly = Path.Combine(AppContext.BaseDirectory, "CallServer.Member.dll");
        string[] arguments =
        [
            "exec",
            assembly,
            name,
            $"127.0.0.1:{FreePort.Tcp()}",
            database.Address(),
            units.ToString(CultureInfo.InvariantCulture),
        ];
        return new FleetPeer(
            scope.Start(
                CallServerProcess.Dotnet,
                arguments,
                new Dictionary<string, string?> { ["STORE_PASSWORD"] = PostgresPeer.Password }
            )
        );
    }

    /// <summary>What it told, in order.</summary>
    public IReadOnlyList<State> Told =>
        [
            .. process
                .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonSerializer.Deserialize<State>(line)!),
        ];

    /// <summary>What it told last.</summary>
    public State Last => Told is [.., var last] ? last : new State(false, new Dictionary<int, long>());

    /// <summary>Waits until its log has this.</summary>
    public Task LogsAsync(string text) =>
        process.LineAsync(line => line.Contains(text, StringComparison.Ordinal));

    public Task SignalAsync(string signal) => process.SignalAsync(signal);

    public Task<Finished> FinishAsync() => process.FinishAsync(TimeSpan.FromSeconds(30));

    public override string ToString() => process.ToString();

    /// <summary>Whether it may ask, and the units that it holds with how many times it took each.</summary>
    public sealed record State(bool MayAsk, IReadOnlyDictionary<int, long> Held);
}
