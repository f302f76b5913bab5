using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Security.Cryptography;
using CallServer.Host.Net;
using CallServer.Surface;

namespace CallServer.Host.Polling;

/// <summary>What an audit learnt, and what it leaves to the next one of the same gateway.</summary>
public readonly record struct AuditOutcome(AuditResult Result, AuditMemory? Memory);

/// <summary>Runs audits.</summary>
public interface IAuditRunner
{
    /// <summary>
    /// One audit for each subscription: one outcome, then the end. After the deadline, or when cancelled, the
    /// audit gives up, and its outcome is what it learnt until then. Unsubscribing drops it without an
    /// outcome.
    /// </summary>
    /// <param name="target">Whom to ask, and how.</param>
    /// <param name="endpoint">Where.</param>
    /// <param name="memory">What the last audit of the same gateway left.</param>
    /// <param name="deadline">From the subscription on.</param>
    /// <param name="heard">Called once, at the gateway's first reply.</param>
    /// <param name="cancel">Asks to give up.</param>
    IObservable<AuditOutcome> Run(
        AuditTarget target,
        IPEndPoint endpoint,
        AuditMemory? memory,
        TimeSpan deadline,
        Action? heard = null,
        CancellationToken cancel = default
    );
}

/// <summary>
/// Gives audits a network, a clock and a scheduler. The scheduler must run one thing at a time (an event
/// loop, or virtual time): it is what keeps the events of an audit in a row.
/// </summary>
public sealed class AuditRunner(
    IDatagramNetwork network,
    IClock clock,
    IScheduler scheduler,
    Func<ulong>? seed = null
) : IAuditRunner
{
    private readonly Func<ulong> seed = seed ?? FreshSeed;

    /// <inheritdoc/>
    public IObservable<AuditOutcome> Run(
        AuditTarget target,
        IPEndPoint endpoint,
        AuditMemory? memory,
        TimeSpan deadline,
        Action? heard = null,
        CancellationToken cancel = default
    ) =>
        Observable.Create<AuditOutcome>(observer =>
        {
            var run = new AuditRun(network, clock, scheduler, observer, heard);
            run.Begin(target, endpoint, memory, seed(), deadline, cancel);
            return run;
        });

    /// <summary>
    /// The same as a task. Cancelling it stops the audit: the task then ends with what was learnt.
    /// </summary>
    public Task<AuditOutcome> RunAsync(
        AuditTarget target,
        IPEndPoint endpoint,
        AuditMemory? memory,
        TimeSpan deadline,
        CancellationToken cancel
    ) =>
        // Who waits goes on elsewhere: the scheduler's thread belongs to the audits.
        Run(target, endpoint, memory, deadline, null, cancel).ToTask(TaskPoolScheduler.Default);

    private static ulong FreshSeed()
    {
        Span<byte> octets = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(octets);
        return BitConverter.ToUInt64(octets);
    }
}
