using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>
/// Drives the role machine: its events arrive on one scheduler, and its commands go to the other server and to the
/// rest of this one.
/// </summary>
public sealed class RoleKeeper : IRoleSink, IDisposable
{
    private readonly IClock clock;
    private readonly IScheduler scheduler;
    private readonly IPeerLink? link;
    private readonly IRoleWork work;
    private readonly ILogger logger;
    private readonly SerialDisposable wake = new();
    private ServerRole? role;

    private string? refusal;
    private long changes;

    /// <param name="clock">The server's clock.</param>
    /// <param name="scheduler">Runs one action at a time.</param>
    /// <param name="link">The path to the other server; null if there is none.</param>
    /// <param name="work">What the role means here.</param>
    /// <param name="logger">Reports what changed.</param>
    public RoleKeeper(IClock clock, IScheduler scheduler, IPeerLink? link, IRoleWork work, ILogger logger)
    {
        this.clock = clock;
        this.scheduler = scheduler;
        this.link = link;
        this.work = work;
        this.logger = logger;
    }

    /// <summary>The newest state; null before the start.</summary>
    public ServerRole? Role => Volatile.Read(ref role);

    /// <summary>How often the role has changed since the first one was decided.</summary>
    public long Changes => Volatile.Read(ref changes);

    /// <summary>Handles the first event; completes when its commands are carried out.</summary>
    public Task StartAsync(Func<Instant, ServerRole> start) => StepAsync(now => start(now));

    /// <summary>
    /// Handles a heartbeat that arrived. Returns the answer to it, or null if it cannot be understood.
    /// </summary>
    public async Task<GreetingView?> MeetAsync(GreetingView greeting)
    {
        var understood = false;
        await StepAsync(now =>
        {
            var next = role!.Heard(now, greeting);
            understood = next is not null;
            return next;
        });
        return understood ? role!.Greeting : null;
    }

    /// <summary>
    /// Takes over on an operator's order. Returns null if this server acts from now on, else why not.
    /// </summary>
    public Task<string?> TakeOverAsync() => StepAsync(now => role!.TakeOver(now));

    /// <summary>
    /// Acts under an epoch that both servers are to agree on, even if this server acts already. Returns null if it
    /// does from now on, else why not.
    /// </summary>
    public Task<string?> ActUnderAsync(int epoch) => StepAsync(now => role!.ActUnder(now, epoch));

    /// <summary>
    /// Asks the other server to act, on an operator's order. Returns null if it is asked from now on, else why not.
    /// </summary>
    public Task<string?> StepDownAsync() => StepAsync(now => role!.StepDown(now));

    /// <summary>Stops the role's timer.</summary>
    public void Dispose() => wake.Dispose();

    /// <summary>
    /// Handles one event and carries out all its commands before the next event. Returns the answer if it was an order.
    /// </summary>
    private Task<string?> StepAsync(Func<Instant, ServerRole?> step) =>
        scheduler.RunAsync(() =>
        {
            try
            {
                refusal = null;
                if (step(clock.Now.Steady) is { } next)
                {
                    if (role is { Decided: true } before && before.Role != next.Role)
                        Interlocked.Increment(ref changes);
                    Volatile.Write(ref role, next);
                    next.Dispatch(this);
                }

                return refusal;
            }
            catch (Exception fault)
            {
                logger.LogError(fault, "the role could not be changed by a fault of our own");
                throw;
            }
        });

    void IRoleSink.AskPeer(string url)
    {
        if (Uri.TryCreate(url, UriKind.Absolute, out var peer))
            link?.Ask(peer, role!.Greeting, greeting => _ = MeetAsync(greeting));
    }

    void IRoleSink.WakeAt(Instant instant)
    {
        var now = clock.Now.Steady;
        wake.Disposable = scheduler.Schedule(
            instant > now ? instant - now : TimeSpan.Zero,
            () => _ = StepAsync(at => role!.Tick(at))
        );
    }

    void IRoleSink.Keep(int epoch, bool acts) => work.Keep(epoch, acts);

    void IRoleSink.Assume(AuditPace pace, bool writesCdrs, bool recovers) =>
        work.Assume(pace, writesCdrs, recovers);

    void IRoleSink.LookAround() => work.LookAround();

    void IRoleSink.Recover(TakeoverDecision decision) => work.Recover(decision);

    void IRoleSink.Say(string what)
    {
        logger.LogWarning("{Name}: {What}", role!.Greeting.Server, what);
        work.Say(what);
    }

    void IRoleSink.Answer(string? reason) => refusal = reason;
}
