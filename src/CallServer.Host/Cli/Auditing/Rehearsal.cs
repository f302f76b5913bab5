using CallServer.Gateway;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// Audits one simulated gateway in memory for each protocol in use, before the first real audit. .NET compiles code
/// when it first runs; that time would fall between a request and its reply, and make every start less exact. Time is
/// virtual here: nothing is waited for.
/// </summary>
internal sealed class Rehearsal : IExchangeSink<AuditResult>, IGatewayHost
{
    private const int Connections = 40;
    private const string Us = "127.0.0.1:9";

    // Such a small audit takes a few hundred events; one that takes more is not worth it.
    private const int MostEvents = 10_000;

    private readonly string protocol;
    private readonly Queue<Action> pending = new();
    private SimulatedGateway gateway;
    private GatewayExchange<AuditResult>? audit;
    private AuditResult? result;
    private Moment now;
    private Instant? due;
    private int stream;

    private Rehearsal(string protocol, SimulatedGateway gateway, Moment now)
    {
        this.protocol = protocol;
        this.gateway = gateway;
        this.now = now;
    }

    /// <summary>Runs one audit for each way in which these gateways will be asked, and returns the results.</summary>
    public static IReadOnlyList<AuditResult> Hold(
        GatewayProtocols protocols,
        IClock clock,
        IEnumerable<GatewayUri> uris
    ) =>
        [
            .. uris.Select(uri => uri.Rehearsal)
                .Distinct()
                .Select(text => HoldOne(protocols, clock, text))
                .OfType<AuditResult>(),
        ];

    private static AuditResult? HoldOne(GatewayProtocols protocols, IClock clock, string text)
    {
        var now = clock.Now;
        if (
            !protocols.TryParse(text, out var uri, out _)
            || !SimulatedGateway.TryCreate(
                new GatewaySettings { Connections = Connections, Protocols = [uri.Protocol] },
                now.Steady,
                out var gateway,
                out _
            )
        )
            return null;

        var target = protocols.Target("rehearsal", uri, GatewaySecrets.None, TimeSpan.FromSeconds(1), 1);
        return new Rehearsal(uri.Protocol, gateway, now).Run(target);
    }

    private AuditResult? Run(AuditTarget target)
    {
        Apply(target.Start(null, now, 1, Us, null));
        for (var events = 0; result is null && events < MostEvents; events++)
        {
            if (pending.TryDequeue(out var next))
                next();
            else if (due is { } instant)
                Wait(instant);
            else
                break;
        }

        return result;
    }

    private void Wait(Instant instant)
    {
        due = null;
        if (instant > now.Steady)
            now = new Moment(instant, now.Wall + (instant - now.Steady));
        Apply(gateway.Advance(now.Steady));
        Apply(audit!.Tick(now));
    }

    private void Apply(GatewayExchange<AuditResult> next)
    {
        audit = next;
        next.Dispatch(this);
    }

    private void Apply(GatewayStep step)
    {
        gateway = step.Next;
        step.Dispatch(this);
    }

    void IGatewayHost.Send(string protocol, string peer, TimeSpan after, byte[] datagram) =>
        pending.Enqueue(() => Apply(audit!.Receive(now, datagram)));

    void IGatewayHost.Write(int stream, TimeSpan after, byte[] octets) =>
        pending.Enqueue(() => Apply(audit!.Arrived(now, octets)));

    void IGatewayHost.HangUp(int stream) =>
        pending.Enqueue(() => Apply(audit!.Broken(now, "closed by the gateway")));

    void IExchangeSink<AuditResult>.Send(byte[] message) =>
        pending.Enqueue(() => Apply(gateway.Receive(now.Steady, protocol, Us, message)));

    void IExchangeSink<AuditResult>.Reply(byte[] message) => ((IExchangeSink<AuditResult>)this).Send(message);

    void IExchangeSink<AuditResult>.Connect()
    {
        stream++;
        pending.Enqueue(() =>
        {
            Apply(gateway.Open(now.Steady, protocol, stream));
            Apply(audit!.Connected(now, Us));
        });
    }

    void IExchangeSink<AuditResult>.Write(byte[] octets) =>
        pending.Enqueue(() => Apply(gateway.Read(now.Steady, stream, octets)));

    void IExchangeSink<AuditResult>.WakeAt(Instant instant) => due = instant;

    void IExchangeSink<AuditResult>.Told(AuditResult result) { }

    void IExchangeSink<AuditResult>.Finished(AuditResult result) => this.result = result;
}
