using CallServer.Gateway;
using CallServer.Host.Cli;
using CallServer.Model;
using CallServer.Server.Configuration;
using CallServer.Server.Polling;
using CallServer.Surface;
using CallServer.Wire;

namespace CallServer.Bench.Performance.InProcess;

/// <summary>
/// A simulated SNMP gateway and its audits in this process: no socket, no thread, and time is a number. Each audit
/// gives a tape.
/// </summary>
internal sealed class InProcessGateway
{
    /// <summary>One audit in so many reads all facts: the server's own default.</summary>
    public const int FactsEvery = GatewayConfiguration.UsualFactsEvery;

    private const string Peer = "192.0.2.1:50000";

    // Some day at noon; nothing depends on it.
    private static readonly Instant Noon = InstantModule.ofMicros(1_750_000_000_000_000);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    private readonly string id;
    private readonly TimeSpan roundTrip;
    private readonly AuditTarget target;
    private SimulatedGateway gateway;
    private AuditMemory? memory;
    private Instant now = Noon;
    private ulong audits;

    /// <param name="id">The gateway's id; its connections depend on it.</param>
    /// <param name="connections">How many it carries.</param>
    /// <param name="churn">Connections that begin and end a second.</param>
    /// <param name="roundTrip">How long a reply takes.</param>
    public InProcessGateway(string id, int connections, double churn = 0, TimeSpan roundTrip = default)
    {
        this.id = id;
        this.roundTrip = roundTrip;
        var settings = new GatewaySettings
        {
            Connections = connections,
            Churn = churn,
            Seed = Phase.Hash(id),
        };
        if (!SimulatedGateway.TryCreate(settings, Noon, out gateway, out var mistakes))
            throw new CommandFailedException(ExitCode.Usage, [.. mistakes]);
        var protocols = GatewayProtocols.BuiltIn;
        if (!protocols.TryParse("snmp://192.0.2.2?profile=cisco-voice", out var uri, out mistakes))
            throw new CommandFailedException(ExitCode.Usage, [.. mistakes]);
        target = protocols
            .Target(id, uri, GatewaySecrets.None, Timeout, 5, FactsEvery)
            .Bounded(1 << 20, 1L << 40, int.MaxValue);
    }

    /// <summary>How many connections it has now.</summary>
    public int Count => gateway.Count;

    /// <summary>Lets its time pass.</summary>
    public void Pass(TimeSpan time)
    {
        now += time;
        gateway = gateway.Advance(now).Next;
    }

    /// <summary>Audits it; the next audit goes on with what this one left.</summary>
    /// <param name="known">What the record holds of it; null for nothing.</param>
    public Tape Audit(KnownConnections? known = null)
    {
        var (before, seed, began) = (memory, ++audits, MomentModule.at(now));
        GatewayExchange<AuditResult> Start() => target.Start(before, began, seed, Peer, known);
        var run = new Run(this, new Tape(Start), Start());
        run.ToEnd();
        memory = run.Exchange.Memory;
        return run.Tape;
    }

    private sealed class Run(InProcessGateway own, Tape tape, GatewayExchange<AuditResult> exchange)
        : IExchangeSink<AuditResult>,
            IGatewayHost
    {
        // What is on its way, by its time and in the order of sending.
        private readonly PriorityQueue<(bool ToGateway, byte[] Message), (long, int)> underWay = new();
        private Instant? wake;
        private int order;

        public Tape Tape => tape;

        public GatewayExchange<AuditResult> Exchange { get; private set; } = exchange;

        public void ToEnd()
        {
            Exchange.Dispatch(this);
            while (tape.Result is null)
            {
                if (
                    underWay.TryPeek(out _, out var next) && (wake is not { } due || next.Item1 <= due.Micros)
                )
                {
                    own.now = InstantModule.ofMicros(next.Item1);
                    var (toGateway, message) = underWay.Dequeue();
                    if (toGateway)
                        Ask(message);
                    else
                        Hear(message);
                }
                else
                {
                    own.now = wake ?? throw new InvalidOperationException("the audit waits for nothing");
                    wake = null;
                    tape.Keep(own.now, null);
                    Exchange = Exchange.Tick(MomentModule.at(own.now));
                    Exchange.Dispatch(this);
                }
            }
        }

        private void Ask(byte[] message)
        {
            tape.Requests++;
            var step = own.gateway.Receive(own.now, "snmp", Peer, message);
            own.gateway = step.Next;
            step.Dispatch(this);
        }

        private void Hear(byte[] message)
        {
            if (Snmp.decode(message).ResultValue is Message.V2c reply)
                tape.Varbinds += reply.pdu.VarBinds.Length;
            tape.Octets += message.Length;
            tape.Keep(own.now, message);
            Exchange = Exchange.Receive(MomentModule.at(own.now), message);
            Exchange.Dispatch(this);
        }

        private void Put(bool toGateway, TimeSpan after, byte[] message) =>
            underWay.Enqueue((toGateway, message), ((own.now + after + own.roundTrip / 2).Micros, order++));

        void IExchangeSink<AuditResult>.Send(byte[] message) => Put(true, TimeSpan.Zero, message);

        void IExchangeSink<AuditResult>.Reply(byte[] message) => Put(true, TimeSpan.Zero, message);

        void IExchangeSink<AuditResult>.Connect() => throw new NotSupportedException();

        void IExchangeSink<AuditResult>.Write(byte[] octets) => throw new NotSupportedException();

        void IExchangeSink<AuditResult>.WakeAt(Instant instant) => wake = instant;

        void IExchangeSink<AuditResult>.Told(AuditResult result) { }

        void IExchangeSink<AuditResult>.Finished(AuditResult result) => tape.Result = result;

        void IGatewayHost.Send(string protocol, string peer, TimeSpan after, byte[] datagram) =>
            Put(false, after, datagram);

        void IGatewayHost.Write(int stream, TimeSpan after, byte[] octets) =>
            throw new NotSupportedException();

        void IGatewayHost.HangUp(int stream) => throw new NotSupportedException();
    }
}
