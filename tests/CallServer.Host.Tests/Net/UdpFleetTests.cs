using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using CallServer.Server.Net;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Net;

/// <summary>
/// Real sockets on loopback, on ports that the system picks; every wait is for something that must come.
/// </summary>
public sealed class UdpFleetTests : NetworkTests
{
    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task AReplyReachesItsAudit(string address, CancellationToken cancel)
    {
        if (IPAddress.Parse(address).AddressFamily == AddressFamily.InterNetworkV6 && !HasIPv6Loopback())
            Assert.Ignore("this machine has no ::1");
        using var gateway = Gateway(address);
        var audit = RunAsync(gateway, cancel);
        await AnswerAsync(gateway, [ScriptedAudit.Mine, 1, 2], cancel);
        var outcome = await audit;
        Assert.That((outcome.Result.Complete, outcome.Result.Count), Is.EqualTo((true, 2)));
    }

    [Test]
    public async Task StrangersAreDroppedAndCounted(CancellationToken cancel)
    {
        using var gateway = Gateway("127.0.0.1");
        using var stranger = Gateway("127.0.0.1");
        var audit = RunAsync(gateway, cancel);
        var (_, asker) = await ReceiveAsync(gateway, cancel);
        await stranger.SendToAsync(new byte[] { ScriptedAudit.Mine, 9, 9, 9 }, asker, cancel);
        // Both go through the same socket in this order: when the second has arrived, so has the first.
        await gateway.SendToAsync(new byte[] { ScriptedAudit.Mine, 1 }, asker, cancel);
        var outcome = await audit;
        Assert.That(outcome.Result.Count, Is.EqualTo(1));
        Assert.That(Network.Udp.Strangers, Is.EqualTo(1));
    }

    [TestCase("127.0.0.1", "replies=any-port")]
    [TestCase("127.0.0.2", "replies=127.0.0.2")]
    public async Task AReplyFromElsewhereIsToldAndNotTaken(
        string address,
        string option,
        CancellationToken cancel
    )
    {
        using var gateway = Gateway("127.0.0.1");
        using var elsewhere = Gateway(address);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var audit = RunAsync(gateway, giveUp.Token);
        var (_, asker) = await ReceiveAsync(gateway, cancel);
        await elsewhere.SendToAsync(new byte[] { ScriptedAudit.Mine, 9 }, asker, cancel);
        await UntilAsync(() => Network.Udp.Strangers == 1, cancel);
        await giveUp.CancelAsync();
        var result = (await audit).Result;
        Assert.That(
            result.Reasons[^1],
            Is.EqualTo(
                $"elsewhere: a reply came from {elsewhere.LocalEndPoint}, not from the address asked; {option} takes it"
            )
        );
        Assert.That(result.Count, Is.Zero);
    }

    [Test]
    public async Task NoiseFromElsewhereIsNotTold(CancellationToken cancel)
    {
        using var gateway = Gateway("127.0.0.1");
        using var elsewhere = Gateway("127.0.0.1");
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var audit = RunAsync(gateway, giveUp.Token);
        var (_, asker) = await ReceiveAsync(gateway, cancel);
        await elsewhere.SendToAsync(new byte[] { ScriptedAudit.Mine + 1, 9 }, asker, cancel);
        await UntilAsync(() => Network.Udp.Strangers == 1, cancel);
        await giveUp.CancelAsync();
        Assert.That((await audit).Result.Reasons, Has.None.StartsWith("elsewhere"));
    }

    [TestCase("127.0.0.1")]
    [TestCase("127.0.0.2")]
    public async Task AReplyFromAHostThatMayAnswerIsTakenFromAnyPort(string address, CancellationToken cancel)
    {
        using var gateway = Gateway("127.0.0.1");
        using var elsewhere = Gateway(address);
        using var stranger = Gateway("127.0.0.3");
        var audit = RunAsync(gateway, cancel, IPAddress.Parse(address));
        var (_, asker) = await ReceiveAsync(gateway, cancel);
        await stranger.SendToAsync(new byte[] { ScriptedAudit.Mine, 9, 9, 9 }, asker, cancel);
        await elsewhere.SendToAsync(new byte[] { ScriptedAudit.Mine, 1, 2 }, asker, cancel);
        var outcome = await audit;
        Assert.That((outcome.Result.Complete, outcome.Result.Count), Is.EqualTo((true, 2)));
        Assert.That((Network.Udp.FromElsewhere, Network.Udp.Strangers), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task WhatIsRepliedGoesBackToWhereItCameFrom(CancellationToken cancel)
    {
        using var gateway = Gateway("127.0.0.1");
        using var elsewhere = Gateway("127.0.0.2");
        using var channel = Network.Udp.Open((IPEndPoint)gateway.LocalEndPoint!, new Nobody());
        channel.Reply([7], (IPEndPoint)elsewhere.LocalEndPoint!);
        Assert.That((await ReceiveAsync(elsewhere, cancel)).Message, Is.EqualTo(new byte[] { 7 }));
        channel.Reply([8], null);
        Assert.That((await ReceiveAsync(gateway, cancel)).Message, Is.EqualTo(new byte[] { 8 }));
    }

    [Test]
    public async Task WhatBelongsToNothingAskedIsAStray(CancellationToken cancel)
    {
        using var gateway = Gateway("127.0.0.1");
        var audit = RunAsync(gateway, cancel);
        var (_, asker) = await ReceiveAsync(gateway, cancel);
        await gateway.SendToAsync(new byte[65_000], asker, cancel);
        await gateway.SendToAsync(Array.Empty<byte>(), asker, cancel);
        await gateway.SendToAsync(new byte[] { ScriptedAudit.Mine, 1 }, asker, cancel);
        var outcome = await audit;
        Assert.That(outcome.Result.Complete);
        Assert.That((Network.Udp.Strays, Network.Udp.Strangers), Is.EqualTo((2, 0)));
    }

    [Test]
    public async Task TwoAuditsMayAskOneAddress(CancellationToken cancel)
    {
        using var gateway = Gateway("127.0.0.1");
        var first = RunAsync(gateway, cancel);
        var second = RunAsync(gateway, cancel);
        await ReceiveAsync(gateway, cancel);
        await AnswerAsync(gateway, [ScriptedAudit.Mine, 7], cancel);
        var outcomes = await Task.WhenAll(first, second);
        Assert.That(outcomes.Select(outcome => outcome.Result.Count), Is.EqualTo(new[] { 1, 1 }));
        Assert.That(Network.Udp.Strays, Is.Zero);
    }

    [Test]
    public async Task OurEndIsKnownAsTheGatewaySeesIt(CancellationToken cancel)
    {
        using var gateway = Gateway("127.0.0.1");
        using var channel = Network.Udp.Open((IPEndPoint)gateway.LocalEndPoint!, new Nobody());
        channel.Send([1]);
        var (_, from) = await ReceiveAsync(gateway, cancel);
        Assert.That(channel.Local, Is.EqualTo(from.ToString()));
    }

    private sealed class Nobody : IDatagramReceiver
    {
        public void OnDatagram(Datagram datagram) { }
    }

    [Test]
    public async Task CancellingEndsWithWhatWasLearnt(CancellationToken cancel)
    {
        using var gateway = Gateway("127.0.0.1");
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var audit = RunAsync(gateway, giveUp.Token);
        await ReceiveAsync(gateway, cancel);
        await giveUp.CancelAsync();
        var outcome = await audit;
        Assert.That(outcome.Result.Reasons.Single(), Does.Contain("stopped"));
    }

    [Test]
    public async Task AClosedPortIsTold(CancellationToken cancel)
    {
        IPEndPoint nobody;
        using (var gone = Gateway("127.0.0.1"))
            nobody = (IPEndPoint)gone.LocalEndPoint!;
        var fault = await PortProbe.FindFaultAsync(
            nobody,
            new byte[] { ScriptedAudit.Mine },
            TimeSpan.FromSeconds(10),
            cancel
        );
        Assert.That(fault, Is.EqualTo(SocketError.ConnectionRefused));
    }

    /// <summary>Waits for something that another thread does.</summary>
    private static async Task UntilAsync(Func<bool> happened, CancellationToken cancel)
    {
        while (!happened())
        {
            cancel.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private Task<AuditOutcome> RunAsync(
        Socket gateway,
        CancellationToken cancel,
        IPAddress? repliesFrom = null
    ) =>
        new AuditRunner(Network, Clock, Loop).RunAsync(
            ScriptedAudit.Target("gw", TimeSpan.FromSeconds(15)),
            new GatewayAddress((IPEndPoint)gateway.LocalEndPoint!, RepliesFrom: repliesFrom),
            null,
            TimeSpan.FromSeconds(15),
            cancel
        );

    private static Socket Gateway(string address)
    {
        var ip = IPAddress.Parse(address);
        var socket = new Socket(ip.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(ip, 0));
        return socket;
    }

    private static bool HasIPv6Loopback()
    {
        try
        {
            Gateway("::1").Dispose();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static async Task<(byte[] Message, EndPoint From)> ReceiveAsync(
        Socket gateway,
        CancellationToken cancel
    )
    {
        var buffer = new byte[100];
        var any = new IPEndPoint(
            gateway.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any,
            0
        );
        var got = await gateway.ReceiveFromAsync(buffer, any, cancel);
        return (buffer[..got.ReceivedBytes], got.RemoteEndPoint);
    }

    private static async Task AnswerAsync(Socket gateway, byte[] reply, CancellationToken cancel)
    {
        var (_, from) = await ReceiveAsync(gateway, cancel);
        await gateway.SendToAsync(reply, from, cancel);
    }
}
