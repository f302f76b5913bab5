using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Runtime.CompilerServices;
using CallServer.Exchange;
using CallServer.Ledger;
using CallServer.Model;
using CallServer.Protocols;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Surface;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;

namespace CallServer.Host.Tests;

/// <summary>Both clocks follow a scheduler.</summary>
internal sealed class SchedulerClock(IScheduler scheduler) : IClock
{
    public Moment Now => MomentModule.at(InstantModule.ofDateTime(scheduler.Now) - Behind);

    /// <summary>How far this clock is behind the scheduler: seen from it, timers fire early.</summary>
    public TimeSpan Behind { get; set; }

    public TimeSpan Correction { get; set; }

    public IReadOnlyList<ClockStep> Steps { get; set; } = [];
}

internal static class Results
{
    /// <summary>The result of a gateway that answered with these connections.</summary>
    public static AuditResult Complete(
        string gateway,
        Instant asked,
        Instant answered,
        params string[] connections
    ) =>
        new(
            new Snapshot(
                GatewayIdModule.create(gateway),
                "snmp",
                "test",
                TraitsModule.plain,
                asked,
                answered,
                BootModule.untold(answered),
                Completeness.NewComplete(ListModule.OfSeq([Proof.EndOfTable])),
                [.. connections.Order(StringComparer.Ordinal).Select(id => Seen(id, asked, answered))],
                [],
                FSharpValueOption<HistoryRead>.None,
                [],
                FSharpValueOption<RunningTotal>.None,
                FSharpValueOption<Instant>.None,
                ListModule.Empty<string>(),
                1
            )
        );

    public static Observation Of(ConnectionId id, Instant asked, Instant answered) =>
        Seen(id.ToString()!, asked, answered);

    private static Observation Seen(string id, Instant asked, Instant answered) =>
        new(
            ConnectionIdModule.create(id),
            FSharpValueOption<string>.None,
            IntervalModule.create(asked, answered),
            FSharpValueOption<Timing>.None,
            FSharpValueOption<Timing>.None,
            TimeSpan.Zero,
            Told(id)
        );

    /// <summary>c101 and c111 report the same call, named by their last digit; c1 reports none.</summary>
    private static Facts Told(string id) =>
        id is not ['c', _, _, var digit]
            ? FactsModule.none
            : new Facts(
                FSharpValueOption<CallId>.NewValueSome(CallIdModule.create($"call-{digit}@example.net")),
                FSharpValueOption<string>.None,
                FSharpValueOption<string>.NewValueSome($"+4179000000{digit}"),
                FSharpValueOption<string>.None,
                FSharpValueOption<CallDirection>.None,
                FSharpValueOption<Codec>.None,
                QualityOfServiceModule.unknown,
                FSharpValueOption<string>.None,
                FSharpValueOption<string>.None,
                FSharpValueOption<MediaAddress>.None,
                FSharpValueOption<MediaAddress>.None,
                FSharpValueOption<FSharpList<Medium>>.None
            );
}

/// <summary>Answers at once or after a delay, in virtual time, or never, until its time-outs have passed.</summary>
internal sealed class ScriptedRunner(IScheduler scheduler, IClock clock) : IAuditRunner
{
    public static readonly TimeSpan NoDelay = TimeSpan.FromMilliseconds(20);

    /// <summary>Every audit: the gateway, when it began, when it ended.</summary>
    public List<(int Port, Instant Begun, Instant Ended)> Runs { get; } = [];

    /// <summary>The memory that each started audit was given.</summary>
    public List<AuditMemory?> RunStarts { get; } = [];

    /// <summary>The memory that every audit leaves.</summary>
    public AuditMemory? Leaves { get; set; }

    /// <summary>A memory that differs from every other.</summary>
    public static AuditMemory NewMemory() =>
        (AuditMemory)RuntimeHelpers.GetUninitializedObject(typeof(AuditMemory));

    public Dictionary<int, (TimeSpan Takes, bool Answers)> Script { get; } = [];

    /// <summary>What an audit costs its thread.</summary>
    public Func<int, AuditWork> Work { get; set; } = _ => default;

    public Func<int, Exception?> Fault { get; set; } = _ => null;

    public int Running { get; private set; }

    public int MostRunning { get; private set; }

    public IObservable<AuditOutcome> Run(
        AuditTarget target,
        GatewayAddress gateway,
        AuditMemory? memory,
        Func<KnownConnections?>? known,
        TimeSpan deadline,
        Action? heard = null,
        CancellationToken cancel = default
    ) =>
        Observable.Defer(() =>
        {
            var begun = clock.Now.Steady;
            var port = gateway.EndPoint.Port;
            RunStarts.Add(memory);
            if (Fault(port) is { } fault)
                return Observable.Throw<AuditOutcome>(fault);
            var (takes, answers) = Script.GetValueOrDefault(port, (NoDelay, true));
            MostRunning = Math.Max(MostRunning, ++Running);
            return Observable
                .Timer(takes, scheduler)
                .Do(_ =>
                {
                    if (answers)
                        heard?.Invoke();
                })
                .Select(_ =>
                {
                    var ended = clock.Now.Steady;
                    Runs.Add((port, begun, ended));
                    var result = answers
                        ? Results.Complete($"gw{port}", begun, ended)
                        : AuditResult.Unasked($"gw{port}", "snmp", begun, "no answer");
                    return new AuditOutcome(result, Leaves, Work(port));
                })
                .Finally(() => Running--);
        });

    /// <summary>Every watch: when it began, the subject that speaks for it, and whether somebody listens.</summary>
    public List<(Instant Begun, Subject<WatchNews> Speaks)> Watches { get; } = [];

    public IObservable<WatchNews> Watch(
        AuditTarget target,
        GatewayAddress gateway,
        AuditMemory? memory,
        TimeSpan every
    ) =>
        Observable.Defer(() =>
        {
            if (WatchFault?.Invoke() is { } fault)
                return Observable.Throw<WatchNews>(fault);
            var speaks = new Subject<WatchNews>();
            Watches.Add((clock.Now.Steady, speaks));
            WatchStarts.Add((memory, every));
            return speaks;
        });

    /// <summary>What each watch was started with.</summary>
    public List<(AuditMemory? Memory, TimeSpan Every)> WatchStarts { get; } = [];

    public Func<Exception?>? WatchFault { get; set; }

    public IObservable<ReleaseResult> Release(
        AuditTarget target,
        string connection,
        GatewayAddress gateway,
        KnownConnections known,
        TimeSpan deadline,
        CancellationToken cancel = default
    ) => throw new NotSupportedException();

    public IObservable<ControllerResult> AskController(
        AuditTarget target,
        GatewayAddress gateway,
        KnownConnections? known,
        TimeSpan deadline
    ) => throw new NotSupportedException();

    public IReadOnlyList<(Instant Begun, Instant Ended)> Of(int port) =>
        [.. Runs.Where(run => run.Port == port).Select(run => (run.Begun, run.Ended))];
}

/// <summary>An audit that sends one request and takes the first reply that begins with its own octet.</summary>
internal static class ScriptedAudit
{
    public const byte Mine = 0x2A;

    public static AuditTarget Target(
        string gateway,
        TimeSpan timeout,
        int attempts = 1,
        Func<WatchStart, Machine<AuditResult>>? watch = null,
        Func<ConnectionId, AuditStart, Machine<ReleaseResult>>? release = null
    ) =>
        Machines.Target(
            given => new Asking(gateway, timeout, attempts, given.At.Steady).Begin(),
            watch,
            release
        );

    /// <summary>
    /// A target that can also release: it sends its own octet, <see cref="Ends"/>, and the connection's number. The
    /// answer looks the same, with 0 as the last octet if the connection ended. Without an answer it gives up after
    /// the timeout.
    /// </summary>
    public static AuditTarget Releasing(string gateway, TimeSpan timeout) =>
        Target(
            gateway,
            timeout,
            1,
            null,
            (id, given) =>
            {
                var wake = given.At.Steady + timeout;
                return Release(
                    id,
                    given.At.Steady,
                    wake,
                    Command<ReleaseResult>.NewSend([Mine, Ends, byte.Parse(id.ToString()![1..], null)]),
                    Command<ReleaseResult>.NewWakeAt(wake)
                );
            }
        );

    /// <summary>The second octet of a release.</summary>
    public const byte Ends = 0xDD;

    private static Machine<ReleaseResult> Release(
        ConnectionId id,
        Instant begun,
        Instant wake,
        params Command<ReleaseResult>[] commands
    )
    {
        return Machines.Of(
            happened =>
                happened switch
                {
                    Event.Received { message: [Mine, Ends, 0] } => Finish(
                        CallServer.Exchange.Release.NewEnded(
                            new Ended(
                                Results.Of(id, begun, happened.At.Steady),
                                TimingModule.reported(IntervalModule.create(begun, happened.At.Steady)),
                                FSharpValueOption<string>.NewValueSome("250 done"),
                                FSharpValueOption<Counters>.NewValueSome(
                                    new Counters(
                                        FSharpValueOption<long>.NewValueSome(1245),
                                        FSharpValueOption<long>.None,
                                        FSharpValueOption<long>.NewValueSome(1240),
                                        FSharpValueOption<long>.None,
                                        FSharpValueOption<long>.NewValueSome(3),
                                        FSharpValueOption<long>.None,
                                        FSharpValueOption<long>.None
                                    )
                                ),
                                isRenamed: false,
                                row: FSharpValueOption<string>.None
                            )
                        )
                    ),
                    Event.Received { message: [Mine, Ends, ..] } => Finish(
                        Not(Shortfall.NewRefused(RefusalCause.NewCode(515), "515 who?"))
                    ),
                    Event.Woke when happened.At.Steady >= wake => Finish(
                        Not(Shortfall.NewSilent("no answer"))
                    ),
                    Event.Stopped => Finish(Not(Shortfall.NewSilent("stopped"))),
                    _ => Release(id, begun, wake),
                },
            commands
        );

        Machine<ReleaseResult> Finish(Release outcome) =>
            Release(id, begun, wake, Command<ReleaseResult>.NewFinished(new ReleaseResult(id, outcome)));
    }

    private static Release Not(Shortfall shortfall) => CallServer.Exchange.Release.NewNotReleased(shortfall);

    /// <summary>
    /// A target that can also watch: each datagram that begins with its own octet is reported, until an empty one
    /// ends the watch.
    /// </summary>
    public static AuditTarget Watching(string gateway) =>
        Target(
            gateway,
            TimeSpan.FromSeconds(1),
            1,
            start => Watch(gateway, start.Given.At.Steady, Command<AuditResult>.NewSend([Mine]))
        );

    private static Machine<AuditResult> Watch(string gateway, Instant begun, Command<AuditResult> command) =>
        Machines.Of(
            happened =>
                Watch(
                    gateway,
                    begun,
                    happened is Event.Received { message: [Mine, .. var rest] }
                        ? Command<AuditResult>.NewTold(
                            Results.Complete(
                                gateway,
                                begun,
                                happened.At.Steady,
                                [.. rest.Select(octet => $"c{octet}")]
                            )
                        )
                        : Command<AuditResult>.NewFinished(
                            AuditResult.Unasked(gateway, "sip", begun, "it ended")
                        )
                ),
            [command]
        );

    private sealed class Asking(string gateway, TimeSpan timeout, int attempts, Instant begun)
    {
        private int sent;
        private int strays;
        private bool over;
        private Instant wake;
        private string why = "no answer";

        public Machine<AuditResult> Begin() => Machine(Ask(begun));

        /// <summary>Like every machine, it leaves its previous state unchanged.</summary>
        private Machine<AuditResult> Advance(Event happened) => ((Asking)MemberwiseClone()).Take(happened);

        private Machine<AuditResult> Take(Event happened)
        {
            if (over)
                return Machine();
            switch (happened)
            {
                case Event.Received { message: [Mine, .. var rest] }:
                    var ids = rest.Select(octet => $"c{octet}").ToArray();
                    return Finish(Results.Complete(gateway, begun, happened.At.Steady, ids));
                case Event.Received:
                    strays++;
                    return Machine();
                case Event.Woke when happened.At.Steady >= wake:
                    return sent < attempts
                        ? Machine(Ask(happened.At.Steady))
                        : Finish(AuditResult.Unasked(gateway, "snmp", begun, why));
                case Event.Broken broken:
                    why = $"no answer; {broken.reason}";
                    return Machine();
                case Event.Woke:
                    return Machine();
                default:
                    return Finish(AuditResult.Unasked(gateway, "snmp", begun, "stopped"));
            }
        }

        private Command<AuditResult>[] Ask(Instant now)
        {
            sent++;
            wake = now + timeout;
            return [Command<AuditResult>.NewSend([Mine]), Command<AuditResult>.NewWakeAt(wake)];
        }

        private Machine<AuditResult> Finish(AuditResult result)
        {
            over = true;
            return Machine(Command<AuditResult>.NewFinished(result));
        }

        private Machine<AuditResult> Machine(params Command<AuditResult>[] commands) =>
            Machines.Of(Advance, commands, strays);
    }
}

/// <summary>Makes machines of the core's type.</summary>
internal static class Machines
{
    public static Machine<T> Of<T>(
        Func<Event, Machine<T>> advance,
        IEnumerable<Command<T>> commands,
        int strays = 0
    ) =>
        new(
            FSharpFunc<Event, Machine<T>>.FromConverter(happened => advance(happened)),
            ListModule.OfSeq(commands),
            FSharpFunc<Unit, object>.FromConverter(_ => null!),
            strays,
            LoadModule.ofDatagrams,
            FSharpFunc<Unit, Progress>.FromConverter(_ => ProgressModule.none)
        );

    public static AuditTarget Target(
        Func<AuditStart, Machine<AuditResult>> audit,
        Func<WatchStart, Machine<AuditResult>>? watch = null,
        Func<ConnectionId, AuditStart, Machine<ReleaseResult>>? release = null
    ) =>
        new(
            new GatewayExchanges(
                FSharpFunc<object, FSharpFunc<AuditStart, Machine<AuditResult>>>.FromConverter(_ =>
                    FSharpFunc<AuditStart, Machine<AuditResult>>.FromConverter(given => audit(given))
                ),
                watch is null
                    ? FSharpValueOption<FSharpFunc<WatchStart, Machine<AuditResult>>>.None
                    : FSharpValueOption<FSharpFunc<WatchStart, Machine<AuditResult>>>.NewValueSome(
                        FSharpFunc<WatchStart, Machine<AuditResult>>.FromConverter(start => watch(start))
                    ),
                release is null
                    ? FSharpValueOption<
                        FSharpFunc<ConnectionId, FSharpFunc<AuditStart, Machine<ReleaseResult>>>
                    >.None
                    : FSharpValueOption<
                        FSharpFunc<ConnectionId, FSharpFunc<AuditStart, Machine<ReleaseResult>>>
                    >.NewValueSome(
                        FSharpFunc<
                            ConnectionId,
                            FSharpFunc<AuditStart, Machine<ReleaseResult>>
                        >.FromConverter(id =>
                            FSharpFunc<AuditStart, Machine<ReleaseResult>>.FromConverter(given =>
                                release(id, given)
                            )
                        )
                    ),
                FSharpValueOption<FSharpFunc<AuditStart, Machine<ControllerResult>>>.None,
                FSharpFunc<byte[], bool>.FromConverter(_ => false)
            )
        );
}

internal static class Gateways
{
    public static GatewayConfiguration At(string id, string uri, TimeSpan? interval = null) =>
        GatewayProtocols.BuiltIn.TryParse(uri, out var parsed, out var mistakes)
            ? new GatewayConfiguration
            {
                Id = id,
                Uri = parsed,
                Target = ScriptedAudit.Target(id, TimeSpan.FromSeconds(1)),
                Interval = interval ?? TimeSpan.FromSeconds(10),
            }
            : throw new ArgumentException(string.Join("; ", mistakes), nameof(uri));
}
