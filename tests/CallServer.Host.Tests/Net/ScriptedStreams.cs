using System.Net;
using CallServer.Exchange;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Host.Tests.Net;

/// <summary>
/// An audit over a stream: it connects, asks with one octet, and reads up to a zero octet; each octet before that is
/// a connection. A broken stream ends it with the reason, unless it may connect again.
/// </summary>
internal sealed class ScriptedStreamAudit(string gateway, int reconnects = 0)
{
    private readonly List<byte> got = [];
    private Instant begun;
    private bool over;
    private int left = reconnects;

    /// <summary>The events it was given, one word each.</summary>
    public List<string> Told { get; } = [];

    /// <summary>What it was given at its start.</summary>
    public AuditStart? Given { get; private set; }

    public AuditTarget Target =>
        Machines.Target(given =>
        {
            Given = given;
            begun = given.At.Steady;
            return Machine(Command<AuditResult>.Connect);
        });

    private Machine<AuditResult> Advance(Event happened)
    {
        if (over)
            return Machine();
        switch (happened)
        {
            case Event.Connected connected:
                Told.Add($"connected {connected.local}");
                return Machine(Command<AuditResult>.NewWrite([ScriptedAudit.Mine]));
            case Event.Arrived arrived:
                Told.Add($"arrived {arrived.octets.Length}");
                got.AddRange(arrived.octets);
                return got[^1] == 0
                    ? Finish(
                        Results.Complete(
                            gateway,
                            begun,
                            happened.At.Steady,
                            [.. got.SkipLast(1).Distinct().Select(octet => $"c{octet}")]
                        )
                    )
                    : Machine();
            case Event.Broken broken:
                Told.Add($"broken {broken.reason}");
                return left-- > 0
                    ? Machine(Command<AuditResult>.Connect)
                    : Finish(AuditResult.Unasked(gateway, "ng", begun, broken.reason));
            default:
                return Finish(AuditResult.Unasked(gateway, "ng", begun, "stopped"));
        }
    }

    private Machine<AuditResult> Finish(AuditResult result)
    {
        over = true;
        return Machine(Command<AuditResult>.NewFinished(result));
    }

    private Machine<AuditResult> Machine(params Command<AuditResult>[] commands) =>
        Machines.Of(Advance, commands);
}

/// <summary>Streams that do what a test says, and remember what was written to them.</summary>
internal sealed class ScriptedStreams : IGatewayNetwork
{
    public List<Stream> Opened { get; } = [];

    public IMessageChannel Open(GatewayAddress gateway, IDatagramReceiver receiver) => new Silence();

    public IStreamChannel Connect(IPEndPoint gateway, IStreamReceiver receiver)
    {
        var stream = new Stream(receiver);
        Opened.Add(stream);
        return stream;
    }

    public sealed class Stream(IStreamReceiver receiver) : IStreamChannel
    {
        public List<byte> Written { get; } = [];

        public bool Closed { get; private set; }

        public void Tell(Func<IStreamChannel, StreamNews> news) => receiver.OnStream(news(this));

        public void Write(byte[] octets) => Written.AddRange(octets);

        public void Dispose() => Closed = true;
    }

    private sealed class Silence : IMessageChannel
    {
        public string Local => "192.0.2.1:2";

        public void Send(byte[] message) { }

        public void Dispose() { }
    }
}
