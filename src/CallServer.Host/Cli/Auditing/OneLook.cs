using System.Net.Sockets;
using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>The outcome of asking one gateway.</summary>
/// <param name="View">The object that <c>audit --json</c> prints.</param>
/// <param name="Status">The exit status that this gateway alone would give.</param>
/// <param name="Answered">Whether anything came back, be it a refusal.</param>
/// <param name="Troubles">Lines for standard error: if the gateway was silent or refused, which one, why and what to
/// try; which of its times are impossible; and whatever else a person should know about how it was read.</param>
public sealed record AuditReport(AuditView View, int Status, bool Answered, IReadOnlyList<string> Troubles);

/// <summary>Sockets and an event loop for audits that happen once.</summary>
public sealed class OneLook : IAsyncDisposable
{
    private readonly FleetNetwork fleet;
    private readonly LoopScheduler loop = new("look");
    private readonly AuditRunner runner;
    private readonly EndpointResolver resolver = new();
    private readonly IClock clock;

    public OneLook(Surroundings surroundings)
    {
        ArgumentNullException.ThrowIfNull(surroundings);
        clock = surroundings.Clock;
        fleet = new FleetNetwork(clock);
        runner = new AuditRunner(fleet, clock, loop);
    }

    /// <summary>Asks one gateway and judges the answer. Always returns a report, unless cancelled.</summary>
    public async Task<AuditReport> AskAsync(
        AuditOrder order,
        TimeSpan within,
        AuditProgress? progress,
        CancellationToken cancel
    )
    {
        ArgumentNullException.ThrowIfNull(order);
        var seen = await LookAsync(order, within, null, progress, cancel);
        if (seen.Unnamed is { } unnamed)
            return Unreachable(order, $"silent: {unnamed}");

        var result = seen.Result;
        var view = result.View(order.Uri.Text, clock.Correction);
        if (!result.Silent)
            return new AuditReport(view, seen.Status, true, [.. Troubles(order.Uri, result, within)]);
        if (seen.Found is { } found)
            view = view.Because([$"silent: {found}"]);
        var trouble = Advice.Of(order.Uri, result, seen.Found);
        return new AuditReport(view, seen.Status, !result.FellSilent, [trouble]);
    }

    /// <summary>Asks one gateway, with what an earlier look at it left.</summary>
    internal async Task<Sight> LookAsync(
        AuditOrder order,
        TimeSpan within,
        AuditMemory? memory,
        AuditProgress? progress,
        CancellationToken cancel
    )
    {
        GatewayAddress address;
        try
        {
            address = await GatewayLocator.FindAsync(resolver, order.Uri, cancel);
        }
        catch (SocketException fault)
        {
            var unnamed = $"the name {order.Uri.Host} has no address ({fault.SocketErrorCode})";
            var nothing = AuditResult.Unasked(
                order.Uri.Authority,
                order.Uri.Protocol,
                clock.Now.Steady,
                unnamed
            );
            return new Sight(nothing, null, null, unnamed);
        }

        var outcome = await runner.RunAsync(order.Target, address, memory, within, cancel, progress);
        var found =
            outcome.Result.Silent && outcome.Result.FellSilent
                ? await SecondLook.AtAsync(order.Uri, address.EndPoint, fleet, cancel)
                : null;
        return new Sight(outcome.Result, outcome.Memory, found, null);
    }

    private IEnumerable<string> Troubles(GatewayUri uri, AuditResult result, TimeSpan within)
    {
        if (result.TimeWasOver)
            yield return Advice.OutOfTime(uri, result, within);
        if (result.Conflicts(clock.Correction) is { } told)
            yield return $"{uri.Authority}: {told}";
        foreach (var remark in result.Remarks)
            yield return $"{uri.Authority}: {remark}";
    }

    public async ValueTask DisposeAsync()
    {
        await fleet.DisposeAsync();
        loop.Dispose();
    }

    private AuditReport Unreachable(AuditOrder order, string reason)
    {
        var now = (clock.Now.Steady + clock.Correction).ToString();
        var view = new AuditView(
            gateway: order.Uri.Authority,
            uri: order.Uri.Text,
            protocol: order.Uri.Protocol,
            profile: order.Uri.Profile,
            complete: false,
            proof: [],
            reasons: [reason],
            asked: now,
            answered: now,
            boot: null,
            requests: 0,
            connections: []
        );
        return new AuditReport(
            view,
            ExitCode.Unavailable,
            false,
            [$"{order.Uri.Authority}: {reason}; {Sight.NameAdvice}"]
        );
    }
}

/// <summary>What one look at a gateway learnt.</summary>
/// <param name="Result">The audit's result.</param>
/// <param name="Memory">What the next look begins with.</param>
/// <param name="Found">What is wrong with the gateway's port, in words; null if nothing was seen.</param>
/// <param name="Unnamed">Why the gateway's name leads nowhere; null if it has an address.</param>
internal sealed record Sight(AuditResult Result, AuditMemory? Memory, string? Found, string? Unnamed)
{
    /// <summary>What to try where a name has no address.</summary>
    public const string NameAdvice = "try the address itself, or check the name";

    /// <summary>The exit status that this gateway alone would give.</summary>
    public int Status =>
        Result.Silent ? ExitCode.Unavailable
        : Result.Complete ? ExitCode.Complete
        : ExitCode.Partial;
}
